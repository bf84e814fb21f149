/** Invariant (6): the wallet's accounts and what has arrived unbooked equal the chain balance at one finalized block. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../ledger/db.ts';
import type { Check } from '../../ledger/invariants.ts';
import { type ChainSnapshot, chainSnapshot } from '../../ledger/sql/chain-snapshot.ts';
import type { Chain } from '../../providers/evm/chain.ts';

const NAME = 'wallet_equals_chain';
const TRIES = 8;
const BETWEEN_MS = 700;

export interface ChainCheckDeps {
  readonly db: Database;
  readonly chain: Pick<Chain, 'balances' | 'nonceAt'>;
  readonly chainId: bigint;
  readonly address: string;
  /** How often a difference is looked at again; 8 times. */
  readonly chainTries?: number;
}

/** Repeated while a transaction of ours is in that block but not booked yet; that passes within a poll or two. */
export async function checkChain(deps: ChainCheckDeps): Promise<Check> {
  let last: Check = { name: NAME, ok: null, difference: '', detail: 'the wallet was not scanned yet' };
  for (let attempt = 0; attempt < (deps.chainTries ?? TRIES); attempt++) {
    if (attempt > 0) await pause(BETWEEN_MS);
    try {
      const row = await chainSnapshot(deps.db, deps.chainId, deps.address);
      if (!row || row.block === null || row.booked_nonce === null) continue;
      last = await compare(deps, row, row.block, row.booked_nonce);
    } catch (error) {
      last = {
        name: NAME,
        ok: null,
        difference: '',
        detail: `could not be checked: ${(error as Error).message}`,
      };
    }
    if (last.ok === true) return last;
  }
  return last;
}

async function compare(
  deps: ChainCheckDeps,
  row: ChainSnapshot,
  cursor: bigint,
  bookedNonce: bigint,
): Promise<Check> {
  const block = Number.parseInt(cursor.toString(), 10);
  const nonce = await deps.chain.nonceAt(deps.address, block);
  if (BigInt(nonce) !== bookedNonce) {
    const detail = `at block ${block} the wallet had sent ${nonce} transactions, ${bookedNonce} are booked`;
    return { name: NAME, ok: null, difference: '', detail };
  }
  const chain = await deps.chain.balances(deps.address, block);
  const eth = chain.ETH - BigInt(row.eth) - BigInt(row.eth_unbooked);
  const usdt = chain.USDT - BigInt(row.usdt) - BigInt(row.usdt_unbooked);
  return {
    name: NAME,
    ok: eth === 0n && usdt === 0n,
    difference: `${eth} ETH, ${usdt} USDT`,
    detail: `block ${block}: chain ${chain.ETH} ETH, ${chain.USDT} USDT; ledger ${row.eth} and ${row.usdt}, arrived unbooked ${row.eth_unbooked} and ${row.usdt_unbooked}`,
  };
}

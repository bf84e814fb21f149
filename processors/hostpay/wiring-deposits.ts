/**
 * The intent `deposits`: what arrived in the host wallet in finalized blocks, each block once. The cursor moves in the
 * transaction that keeps what was found. The wallet's first nonce is read here too, once, before anything is signed.
 */
import type { Db } from '../../ledger/db.ts';
import { load, write } from '../../ledger/store.ts';
import { chainDeposits, wallets } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { Chain, Deposit } from '../../providers/evm/chain.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { CallOutcome, EffectKind } from '../runtime/intent-steps.ts';
import type { Next } from '../runtime/schedule.ts';
import { lockWallet } from '../swap/load.ts';
import type { OutPolicy } from '../swap/policy.ts';

export interface DepositsDeps {
  readonly codec: Codec;
  readonly policy: OutPolicy;
  readonly chain: Pick<Chain, 'head' | 'deposits' | 'nonces'>;
  readonly warn: (message: string) => void;
}

interface ScanCall {
  /** Last block that is booked; null: the wallet is new here. */
  readonly cursor: bigint | null;
  readonly needsNonce: boolean;
}

interface Scan {
  readonly upTo: bigint;
  readonly finalized: bigint;
  readonly found: readonly Deposit[];
  /** undefined: not asked, or transactions are under way and the count can't be trusted yet. */
  readonly nonce: bigint | undefined;
}

const BLOCKS = 200;
/** A chain this young is a development chain, whose deposits all matter; elsewhere history is none of ours. */
const YOUNG_CHAIN = 1_000;
const LOOK_MS = 1_000;
const AFTER_FAILURE_MS = 5_000;

export function depositsKind(deps: DepositsDeps): EffectKind<ScanCall, Scan> {
  const { chainId, host } = deps.policy;
  return {
    kind: 'deposits',
    async plan(tx, _intent, now) {
      const [wallet] = await load(
        tx,
        new Work(now),
        wallets,
        'WHERE r.chain_id = $1::bigint AND r.address = $2',
        [String(chainId), host],
      );
      const cursor = wallet?.cursor_block ?? null;
      return { call: { cursor, needsNonce: (wallet?.next_nonce ?? null) === null } };
    },
    perform: (call) => scan(deps, call),
    isEffect: () => false,
    apply: (tx, _intent, call, outcome, now) => apply(tx, deps, call, outcome, new Work(now)),
  };
}

async function scan({ chain, policy }: DepositsDeps, call: ScanCall): Promise<Scan> {
  const { finalized } = await chain.head();
  const nonce = call.needsNonce ? await firstNonce(chain, policy.host) : undefined;
  const start = call.cursor ?? (finalized < YOUNG_CHAIN ? -1n : BigInt(finalized));
  const from = Number(start) + 1;
  const to = Math.min(finalized, from + BLOCKS - 1);
  const found = to >= from ? await chain.deposits(policy.host, from, to) : [];
  const upTo = to >= from ? BigInt(to) : start;
  return { upTo, finalized: BigInt(finalized), found, nonce };
}

/** The count of final transactions, only when nothing newer is under way anywhere. */
async function firstNonce(chain: Pick<Chain, 'nonces'>, host: string): Promise<bigint | undefined> {
  const { latest, pending, finalized } = await chain.nonces(host);
  return latest === pending && latest === finalized ? BigInt(finalized) : undefined;
}

async function apply(
  tx: Db,
  deps: DepositsDeps,
  call: ScanCall,
  outcome: CallOutcome<Scan>,
  work: Work,
): Promise<Next> {
  if ('error' in outcome) {
    deps.warn(`deposits not read: ${outcome.error.code}: ${outcome.error.message}`);
    return { pollAt: new Date(work.now.getTime() + AFTER_FAILURE_MS) };
  }
  const { chainId, host } = deps.policy;
  const known = await lockWallet(tx, work, deps.policy);
  if ((known?.cursor_block ?? null) !== call.cursor) return { pollAt: work.now };
  const { found, upTo, finalized, nonce } = outcome.ok;
  const wallet = known ?? {
    chain_id: chainId,
    address: host,
    next_nonce: null,
    halted: null,
    cursor_block: null,
  };
  work.put(wallets, { ...wallet, cursor_block: upTo, next_nonce: wallet.next_nonce ?? nonce ?? null });
  for (const deposit of found) keep(work, deposit);
  await write(tx, work, deps.codec);
  return { pollAt: new Date(work.now.getTime() + (upTo < finalized ? 0 : LOOK_MS)) };
}

function keep(work: Work, { hash, logIndex, block, asset, from, amount }: Deposit): void {
  work.put(chainDeposits, {
    hash: hash.toLowerCase(),
    log_index: logIndex,
    block: BigInt(block),
    asset,
    from_address: from,
    amount,
    used_for: null,
    used_id: null,
  });
}

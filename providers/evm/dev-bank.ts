/**
 * A development account that pays on chain and watches for deposits: what a simulated provider owns. The
 * caller keeps nonces and signed bytes, so that a restarted simulator sends the same bytes again and never
 * pays twice.
 */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { broadcast } from './broadcast.ts';
import { type DevAccount, devAccount } from './dev-accounts.ts';
import { createPool } from './pool.ts';
import * as read from './read.ts';
import { receiptsOf } from './receipts.ts';
import { type ChainTransfer, transfersIn } from './transfers.ts';
import { signTransfer } from './wallet.ts';

export interface DevBank {
  readonly address: string;
  /** The newest block: a simulated provider does not wait for finality. */
  head(): Promise<number>;
  /** Transactions ever sent from the account, those in the pool included. */
  sentCount(): Promise<number>;
  deposits(
    fromBlock: number,
    toBlock: number,
    wanted: (address: string) => boolean,
  ): Promise<ChainTransfer[]>;
  sign(transfer: { nonce: number; to: string; asset: LedgerAsset; amount: bigint }): {
    raw: string;
    hash: string;
  };
  /** Any number of times for the same bytes. @throws ProviderError */
  send(raw: string): Promise<void>;
  /** Status of those that are in a block. */
  mined(hashes: readonly string[]): Promise<Map<string, 0 | 1>>;
  close(): void;
}

/** High enough for any traffic of a development chain, whose ETH costs nothing. */
const MAX_FEE_PER_GAS = 1_000_000_000_000n;
const TIP = 1_000_000_000n;
/** Recipients may be contracts. */
const GAS_LIMIT = 150_000n;

export function createDevBank(options: {
  rpcUrls: readonly string[];
  usdtContract: string;
  account?: DevAccount;
  /** anvil's own by default. */
  chainId?: bigint;
}): DevBank {
  const { usdtContract, account = devAccount('changenow'), chainId = 31_337n } = options;
  const pool = createPool({ rpcUrls: options.rpcUrls.slice(0, 1), chainId, timeoutMs: 5_000 });
  return {
    address: account.address,
    head: () => pool.first(async (rpc) => read.count(await rpc.call('eth_blockNumber', []), 'block')),
    sentCount: () =>
      pool.first(async (rpc) =>
        read.count(await rpc.call('eth_getTransactionCount', [account.address, 'pending']), 'nonce'),
      ),
    deposits: (fromBlock, toBlock, wanted) =>
      pool.first((rpc) => transfersIn(rpc, usdtContract, { fromBlock, toBlock }, { is: wanted })),
    sign: (transfer) =>
      signTransfer({
        ...transfer,
        key: account.key,
        chainId,
        gasLimit: GAS_LIMIT,
        maxFeePerGas: MAX_FEE_PER_GAS,
        maxPriorityFeePerGas: TIP,
        usdtContract,
      }),
    send: async (raw) => {
      await broadcast(pool, raw);
    },
    async mined(hashes) {
      const receipts = await pool.first((rpc) => receiptsOf(rpc, hashes));
      return new Map([...receipts].flatMap(([hash, one]) => (one === null ? [] : [[hash, one.status]])));
    },
    close: () => pool.close(),
  };
}

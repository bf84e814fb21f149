/**
 * The chain as the rest of Spillway sees it. Whatever money depends on (finality, receipts, deposits,
 * balances, final nonces) must be told alike by two nodes when EVM_RPC_URLS names two or more; the rest fails
 * over.
 */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { ProviderError } from '../error.ts';
import { broadcast } from './broadcast.ts';
import { balanceData, decodeTransferData } from './erc20.ts';
import { type Quote, type QuoteRequest, quoteOf } from './fees.ts';
import { createPool, disagreement, type Pool } from './pool.ts';
import * as read from './read.ts';
import { commonReceipts, hashAt, type Receipt, receiptsOf } from './receipts.ts';
import type { Rpc } from './rpc.ts';
import { type ChainTransfer, transfersIn } from './transfers.ts';

export type { Quote, QuoteRequest } from './fees.ts';
export type { Receipt } from './receipts.ts';
/** Money that arrived at an address: one per ETH transaction (logIndex -1) or per Transfer log. */
export type Deposit = ChainTransfer;

export interface ChainOptions {
  readonly rpcUrls: readonly string[];
  readonly chainId: bigint;
  readonly usdtContract: string;
  /** Per request; default 10 s. */
  readonly timeoutMs?: number;
}

export interface Head {
  readonly latest: number;
  readonly finalized: number;
  readonly finalizedHash: string;
}

/**
 * A transaction as it stands on chain or in the pool; amount and recipient are those of the transfer it
 * carries.
 */
export interface ChainTransaction {
  readonly hash: string;
  readonly from: string;
  /** Recipient of the money; null for what is neither plain ETH nor a transfer of USDT_CONTRACT. */
  readonly to: string | null;
  readonly asset: LedgerAsset | null;
  readonly amount: bigint;
  readonly nonce: number;
  /** Null while it waits in the pool. */
  readonly block: number | null;
}

/** Every method throws ProviderError; reads are transient unless said otherwise. */
export interface Chain {
  head(): Promise<Head>;
  /** @throws ProviderError also permanent `would_revert` */
  quote(request: QuoteRequest): Promise<Quote>;
  nonces(address: string): Promise<{ latest: number; pending: number; finalized: number }>;
  /** Transactions that the address had sent up to that block, inclusive. */
  nonceAt(address: string, block: number): Promise<number>;
  /** Minor units at one block; `finalized` is resolved to the number that is returned. */
  balances(
    address: string,
    block: number | 'finalized',
  ): Promise<{ ETH: bigint; USDT: bigint; block: number }>;
  /**
   * @throws ProviderError permanent (refused, with a code), transient (never sent), unknown_outcome (watch
   * it)
   */
  broadcast(raw: string): Promise<'accepted' | 'known'>;
  /** Null: not mined, or not canonical. Not a sign of finality: compare `block` with `head().finalized`. */
  receipts(hashes: readonly string[]): Promise<Map<string, Receipt | null>>;
  /**
   * All deposits of the finalized blocks fromBlock..toBlock, in chain order, none sent by the address itself.
   */
  deposits(address: string, fromBlock: number, toBlock: number): Promise<Deposit[]>;
  transaction(hash: string): Promise<ChainTransaction | null>;
  close(): void;
}

export function createChain(options: ChainOptions): Chain {
  const { rpcUrls, chainId, timeoutMs = 10_000 } = options;
  const usdtContract = contractOf(options.usdtContract);
  const pool = createPool({ rpcUrls, chainId, timeoutMs });
  return {
    head: () => headOf(pool),
    quote: (request) => pool.first((rpc) => quoteOf(rpc, request, usdtContract)),
    nonces: (address) => noncesOf(pool, address),
    nonceAt: (address, block) =>
      pool.agreed(`the nonce of ${address} at block ${block}`, (rpc) =>
        nonceOf(rpc, address, read.hexOf(block)),
      ),
    async balances(address, block) {
      const at = block === 'finalized' ? (await headOf(pool)).finalized : block;
      const what = `the balances of ${address} at block ${at}`;
      const found = await pool.agreed(what, (rpc) => balancesOf(rpc, usdtContract, address, at));
      return { ...found, block: at };
    },
    broadcast: (raw) => broadcast(pool, raw),
    async receipts(hashes) {
      if (hashes.length === 0) return new Map();
      const wanted = hashes.map((hash) => hash.toLowerCase());
      const common = commonReceipts(await pool.quorum((rpc) => receiptsOf(rpc, wanted)));
      if (common === undefined) throw disagreement('a receipt');
      return common;
    },
    deposits: (address, fromBlock, toBlock) => depositsOf(pool, usdtContract, address, fromBlock, toBlock),
    transaction: (hash) => pool.first((rpc) => transactionOf(rpc, usdtContract, hash)),
    close: () => pool.close(),
  };
}

function contractOf(value: string): string {
  try {
    return read.address(value, 'USDT_CONTRACT');
  } catch {
    const message = `USDT_CONTRACT is not an address: ${value.slice(0, 60)}`;
    throw new ProviderError(message, { provider: 'evm', kind: 'permanent', code: 'invalid_setting' });
  }
}

/** The lowest view of all nodes, whose finalized block every node knows under the same hash. */
async function headOf(pool: Pool): Promise<Head> {
  const heads = await pool.quorum(async (rpc) => {
    const [latest, finalized] = await Promise.all([
      rpc.call('eth_blockNumber', []),
      rpc.call('eth_getBlockByNumber', ['finalized', false]),
    ]);
    const block = read.fields(finalized, 'block finalized');
    const number = read.count(block.number, 'block finalized.number');
    return {
      latest: read.count(latest, 'eth_blockNumber'),
      finalized: number,
      finalizedHash: read.hash(block.hash, 'block finalized.hash'),
    };
  });
  const lowest = heads.reduce((a, b) => (b.finalized < a.finalized ? b : a));
  if (heads.length > 1) {
    const hashes = await pool.quorum((rpc) => hashAt(rpc, lowest.finalized));
    if (hashes.some((hash) => hash !== lowest.finalizedHash)) {
      throw disagreement(`the finalized block ${lowest.finalized}`);
    }
  }
  return { ...lowest, latest: Math.min(...heads.map((head) => head.latest)) };
}

/**
 * The highest counts and the lowest final one: every doubt makes `pending = latest = finalized` harder to
 * reach.
 */
async function noncesOf(pool: Pool, address: string) {
  const views = await pool.quorum((rpc) =>
    Promise.all([
      nonceOf(rpc, address, 'latest'),
      nonceOf(rpc, address, 'pending'),
      nonceOf(rpc, address, 'finalized'),
    ]),
  );
  return {
    latest: Math.max(...views.map(([latest]) => latest)),
    pending: Math.max(...views.map(([, pending]) => pending)),
    finalized: Math.min(...views.map(([, , finalized]) => finalized)),
  };
}

async function nonceOf(rpc: Rpc, address: string, block: string): Promise<number> {
  return read.count(await rpc.call('eth_getTransactionCount', [address, block]), `nonce of ${address}`);
}

async function balancesOf(rpc: Rpc, usdtContract: string, address: string, block: number) {
  const at = read.hexOf(block);
  const [eth, token] = await Promise.all([
    rpc.call('eth_getBalance', [address, at]),
    rpc.call('eth_call', [{ to: usdtContract, data: balanceData(address) }, at]),
  ]);
  if (token === '0x') {
    const message = `USDT_CONTRACT ${usdtContract} is no contract at block ${block}`;
    throw new ProviderError(message, { provider: 'evm', kind: 'transient', code: 'no_contract' });
  }
  return {
    ETH: read.quantity(eth, `balance of ${address}`),
    USDT: read.quantity(token, `USDT of ${address}`),
  };
}

async function depositsOf(
  pool: Pool,
  usdtContract: string,
  address: string,
  fromBlock: number,
  toBlock: number,
): Promise<Deposit[]> {
  const { finalized } = await headOf(pool);
  if (toBlock > finalized) {
    const message = `deposits up to block ${toBlock} were asked for, but only ${finalized} is final`;
    throw new ProviderError(message, { provider: 'evm', kind: 'transient', code: 'not_final' });
  }
  const wanted = read.address(address, 'address');
  const found = await pool.agreed(`the deposits of blocks ${fromBlock} to ${toBlock}`, (rpc) =>
    transfersIn(rpc, usdtContract, { fromBlock, toBlock }, { is: (to) => to === wanted, only: wanted }),
  );
  return found.filter((one) => one.from !== wanted);
}

async function transactionOf(rpc: Rpc, usdtContract: string, hash: string): Promise<ChainTransaction | null> {
  const answer = await rpc.call('eth_getTransactionByHash', [hash]);
  if (answer === null || answer === undefined) return null;
  const what = `transaction ${hash}`;
  const found = read.fields(answer, what);
  const target = found.to === null || found.to === undefined ? null : read.address(found.to, `${what}.to`);
  const value = read.quantity(found.value, `${what}.value`);
  const data = typeof found.input === 'string' ? found.input : '0x';
  const call = target === usdtContract && value === 0n ? decodeTransferData(data) : null;
  const native = target !== null && target !== usdtContract && data === '0x';
  const moved =
    call !== null
      ? { ...call, asset: 'USDT' as const }
      : native
        ? { to: target, asset: 'ETH' as const, amount: value }
        : { to: null, asset: null, amount: value };
  const mined = found.blockNumber !== null && found.blockNumber !== undefined;
  return {
    hash: read.hash(found.hash, `${what}.hash`),
    from: read.address(found.from, `${what}.from`),
    ...moved,
    nonce: read.count(found.nonce, `${what}.nonce`),
    block: mined ? read.count(found.blockNumber, `${what}.blockNumber`) : null,
  };
}

/**
 * Transfers found in blocks: native ETH from the transactions themselves, tokens from Transfer logs. ETH that
 * a contract passes on inside a call leaves no trace here; nodes do not index it, and we never expect it.
 */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { addressOfTopic, addressTopic, TRANSFER_TOPIC } from './erc20.ts';
import * as read from './read.ts';
import type { Rpc } from './rpc.ts';

export interface ChainTransfer {
  readonly hash: string;
  /** Position of the Transfer log in its block; -1 for native ETH. */
  readonly logIndex: number;
  readonly block: number;
  readonly asset: LedgerAsset;
  readonly from: string;
  readonly to: string;
  /** Minor units, > 0. */
  readonly amount: bigint;
}

interface Placed extends ChainTransfer {
  readonly position: number;
}

/** Blocks with all their transactions are large; logs are small. */
const BLOCKS_AT_ONCE = 20;
const LOG_RANGE = 1_000;

/** Every transfer of `fromBlock..toBlock` (both included) whose recipient is wanted, in chain order. */
export async function transfersIn(
  rpc: Rpc,
  usdtContract: string,
  range: { fromBlock: number; toBlock: number },
  recipient: { is(address: string): boolean; only?: string },
): Promise<ChainTransfer[]> {
  const found: Placed[] = [];
  for (let start = range.fromBlock; start <= range.toBlock; start += BLOCKS_AT_ONCE) {
    const end = Math.min(start + BLOCKS_AT_ONCE - 1, range.toBlock);
    const numbers = Array.from({ length: end - start + 1 }, (_, i) => start + i);
    const blocks = await Promise.all(numbers.map((number) => nativeIn(rpc, number, recipient.is)));
    found.push(...(await succeeded(rpc, blocks.flat())));
  }
  for (let start = range.fromBlock; start <= range.toBlock; start += LOG_RANGE) {
    const end = Math.min(start + LOG_RANGE - 1, range.toBlock);
    const tokens = await tokensIn(rpc, usdtContract, start, end, recipient.only);
    found.push(...tokens.filter((one) => recipient.is(one.to)));
  }
  return found
    .filter((one) => one.amount > 0n)
    .sort((a, b) => a.block - b.block || a.position - b.position || a.logIndex - b.logIndex)
    .map(({ position: _position, ...transfer }) => transfer);
}

async function nativeIn(rpc: Rpc, number: number, wanted: (to: string) => boolean): Promise<Placed[]> {
  const what = `block ${number}`;
  const block = read.fields(await rpc.call('eth_getBlockByNumber', [read.hexOf(number), true]), what);
  const found: Placed[] = [];
  for (const item of read.list(block.transactions, `${what}.transactions`)) {
    const transaction = read.fields(item, `${what}.transaction`);
    // No recipient: it creates a contract.
    if (transaction.to === null || transaction.to === undefined) continue;
    const amount = read.quantity(transaction.value, `${what}.value`);
    if (amount === 0n) continue;
    const to = read.address(transaction.to, `${what}.to`);
    if (!wanted(to)) continue;
    found.push({
      hash: read.hash(transaction.hash, `${what}.hash`),
      logIndex: -1,
      block: number,
      asset: 'ETH',
      from: read.address(transaction.from, `${what}.from`),
      to,
      amount,
      position: read.count(transaction.transactionIndex, `${what}.transactionIndex`),
    });
  }
  return found;
}

/** A reverted transaction shows its value but moved nothing. */
async function succeeded(rpc: Rpc, transfers: Placed[]): Promise<Placed[]> {
  const states = await Promise.all(
    transfers.map(async ({ hash }) => {
      const receipt = read.fields(await rpc.call('eth_getTransactionReceipt', [hash]), `receipt of ${hash}`);
      return read.quantity(receipt.status, `status of ${hash}`) === 1n;
    }),
  );
  return transfers.filter((_, i) => states[i] === true);
}

async function tokensIn(
  rpc: Rpc,
  contract: string,
  fromBlock: number,
  toBlock: number,
  to: string | undefined,
): Promise<Placed[]> {
  const topics = [TRANSFER_TOPIC, null, ...(to === undefined ? [] : [addressTopic(to)])];
  const filter = {
    address: contract,
    fromBlock: read.hexOf(fromBlock),
    toBlock: read.hexOf(toBlock),
    topics,
  };
  const logs = read.list(await rpc.call('eth_getLogs', [filter]), 'logs');
  return logs.map((item) => {
    const log = read.fields(item, 'log');
    const marks = read.list(log.topics, 'log.topics');
    return {
      hash: read.hash(log.transactionHash, 'log.transactionHash'),
      logIndex: read.count(log.logIndex, 'log.logIndex'),
      block: read.count(log.blockNumber, 'log.blockNumber'),
      asset: 'USDT' as const,
      from: addressOfTopic(read.hash(marks[1], 'log.from')),
      to: addressOfTopic(read.hash(marks[2], 'log.to')),
      amount: read.quantity(log.data, 'log.data'),
      position: read.count(log.transactionIndex, 'log.transactionIndex'),
    };
  });
}

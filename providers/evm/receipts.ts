/**
 * Receipts that may be believed: the block that holds one must still be the canonical block of its height.
 */

import * as read from './read.ts';
import { NodeRefusal, type Rpc } from './rpc.ts';

export interface Receipt {
  readonly block: number;
  readonly blockHash: string;
  /** 0 = reverted: only the gas was spent. */
  readonly status: 0 | 1;
  readonly gasUsed: bigint;
  /** wei per gas, as paid */
  readonly effectiveGasPrice: bigint;
}

export type Receipts = Map<string, Receipt | null>;

/** One node's view; null = not mined, or mined in a block that is no longer canonical. */
export async function receiptsOf(rpc: Rpc, hashes: readonly string[]): Promise<Receipts> {
  const wanted = [...new Set(hashes)];
  const found = await Promise.all(wanted.map((hash) => receiptOf(rpc, hash)));
  const heights = new Set(found.flatMap((receipt) => (receipt === null ? [] : [receipt.block])));
  const canonical = new Map(
    await Promise.all([...heights].map(async (height) => [height, await hashAt(rpc, height)] as const)),
  );
  return new Map(
    wanted.map((hash, i) => {
      const receipt = found[i] ?? null;
      return [hash, receipt !== null && canonical.get(receipt.block) === receipt.blockHash ? receipt : null];
    }),
  );
}

/** Where nodes differ only in how far they are, the slower one wins: `null`. Undefined = they contradict. */
export function commonReceipts(views: readonly Receipts[]): Receipts | undefined {
  const common: Receipts = new Map();
  for (const [hash, first] of views[0] ?? []) {
    const others = views.map((view) => view.get(hash) ?? null);
    if (others.includes(null)) {
      common.set(hash, null);
      continue;
    }
    if (!others.every((other) => isSame(other, first))) return undefined;
    common.set(hash, first);
  }
  return common;
}

function isSame(a: Receipt | null, b: Receipt | null): boolean {
  if (a === null || b === null) return a === b;
  const alike = a.blockHash === b.blockHash && a.status === b.status && a.gasUsed === b.gasUsed;
  return alike && a.effectiveGasPrice === b.effectiveGasPrice;
}

async function receiptOf(rpc: Rpc, hash: string): Promise<Receipt | null> {
  const answer = await rpc.call('eth_getTransactionReceipt', [hash]);
  if (answer === null || answer === undefined) return null;
  const what = `receipt of ${hash}`;
  const receipt = read.fields(answer, what);
  return {
    block: read.count(receipt.blockNumber, `${what}.blockNumber`),
    blockHash: read.hash(receipt.blockHash, `${what}.blockHash`),
    status: read.quantity(receipt.status, `${what}.status`) === 1n ? 1 : 0,
    gasUsed: read.quantity(receipt.gasUsed, `${what}.gasUsed`),
    effectiveGasPrice: read.quantity(receipt.effectiveGasPrice, `${what}.effectiveGasPrice`),
  };
}

/** The canonical block hash of a height, or null where the node has none (yet). */
export async function hashAt(rpc: Rpc, block: number): Promise<string | null> {
  let answer: unknown;
  try {
    answer = await rpc.call('eth_getBlockByNumber', [read.hexOf(block), false]);
  } catch (error) {
    // "block not found": some nodes refuse instead of answering null.
    if (error instanceof NodeRefusal) return null;
    throw error;
  }
  if (answer === null || answer === undefined) return null;
  return read.hash(read.fields(answer, `block ${block}`).hash, `block ${block}.hash`);
}

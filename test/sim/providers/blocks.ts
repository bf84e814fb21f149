/**
 * The truth of the simulated chain: blocks, the pool, balances that follow exactly, one nonce for the host wallet. The
 * last blocks can be taken back and mined again in another way; what the product sees of it is in chain.ts.
 */
import { createHash } from 'node:crypto';
import type { Receipt } from '../../../providers/evm/chain.ts';
import type { LedgerAsset } from '../../../schemas/assets.ts';
import type { Random } from '../random.ts';

export const GWEI = 10n ** 9n;
/** Blocks behind the head that can't be taken back any more. */
export const FINALITY = 3;
const GAS_USED: Readonly<Record<LedgerAsset, bigint>> = { ETH: 21_000n, USDT: 65_000n };

export type Held = Record<LedgerAsset, bigint>;

/** What the host wallet's key signed; everybody else has no nonce and pays no gas here. */
export interface Signature {
  readonly nonce: number;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  /** Signed by somebody else who has our key. */
  readonly foreign: boolean;
}

/** A transfer that waits to be mined. */
export interface Pending {
  readonly hash: string;
  readonly from: string;
  readonly to: string;
  readonly asset: LedgerAsset;
  readonly amount: bigint;
  readonly signed: Signature | null;
  /** Not taken before this block. */
  stuckUntil: number;
}

export interface Mined extends Pending {
  readonly block: number;
  readonly logIndex: number;
  readonly receipt: Receipt;
}

interface Block {
  readonly hash: string;
  /** Of the host wallet, at the end of the block. */
  readonly host: Held;
  readonly nonce: number;
}

export interface BlockOptions {
  /** wei */
  readonly baseFee: bigint;
  /** Whether this one is left to a later block; a transaction that waits holds up later nonces. */
  readonly waits?: (pending: Pending) => boolean;
  /** Whether this one fails: status 0, gas is paid. */
  readonly reverts?: (pending: Pending) => boolean;
}

export class Blocks {
  readonly host: string;
  readonly mined: Mined[] = [];
  pool: Pending[] = [];
  baseFee = 10n * GWEI;
  readonly #balances = new Map<string, Held>();
  readonly #blocks: Block[] = [];
  readonly #byHash = new Map<string, Mined>();
  #serial = 0;
  #fork = 0;

  constructor(host: string) {
    this.host = host.toLowerCase();
  }

  get latest(): number {
    return this.#blocks.length - 1;
  }

  get finalized(): number {
    return Math.max(0, this.latest - FINALITY);
  }

  /** Transactions of the host wallet in the newest block. */
  get nonce(): number {
    return this.#blocks.at(-1)?.nonce ?? 0;
  }

  at(block: number): Block | undefined {
    return this.#blocks[block];
  }

  minedBy(hash: string): Mined | undefined {
    return this.#byHash.get(hash);
  }

  held(address: string): Held {
    const key = address.toLowerCase();
    let held = this.#balances.get(key);
    if (!held) {
      held = { ETH: 0n, USDT: 0n };
      this.#balances.set(key, held);
    }
    return held;
  }

  /** Somebody outside sends coins; mined with a next block. */
  pay(from: string, to: string, asset: LedgerAsset, amount: bigint): string {
    this.#serial += 1;
    const hash = hashOf(`pay ${this.#serial} ${from} ${to} ${amount}`);
    const [sender, recipient] = [from.toLowerCase(), to.toLowerCase()];
    this.pool.push({ hash, from: sender, to: recipient, asset, amount, signed: null, stuckUntil: 0 });
    return hash;
  }

  mine(options: BlockOptions): void {
    const block = this.#blocks.length;
    this.baseFee = options.baseFee;
    const waits = (pending: Pending): boolean =>
      pending.stuckUntil > block || (options.waits?.(pending) ?? false);
    for (const pending of this.pool.filter(({ signed }) => signed === null)) {
      if (!waits(pending)) this.#execute(pending, block, options);
    }
    let nonce = this.nonce;
    for (let next = this.#bestOf(nonce, waits); next; next = this.#bestOf(nonce, waits)) {
      nonce += 1;
      this.#execute(next, block, options);
    }
    this.pool = this.pool.filter(
      ({ hash, signed }) => !this.#byHash.has(hash) && (signed === null || signed.nonce >= nonce),
    );
    const host = { ...this.held(this.host) };
    this.#blocks.push({ hash: hashOf(`block ${block} ${this.#fork}`), host, nonce });
  }

  /** Takes the last blocks back: their transactions are in the pool again, in another order. */
  takeBack(depth: number, random: Random): void {
    this.#fork += 1;
    const first = this.#blocks.length - depth;
    const undone: Mined[] = [];
    for (let last = this.mined.at(-1); last && last.block >= first; last = this.mined.at(-1)) {
      this.mined.pop();
      this.#byHash.delete(last.hash);
      this.#undo(last);
      undone.push(last);
    }
    this.#blocks.length = first;
    const back = undone.map(({ hash, from, to, asset, amount, signed }) => {
      return { hash, from, to, asset, amount, signed, stuckUntil: 0 };
    });
    this.pool = random.shuffled([...this.pool, ...back]);
  }

  #bestOf(nonce: number, waits: (pending: Pending) => boolean): Pending | undefined {
    const candidates = this.pool.filter(
      (one) => one.signed?.nonce === nonce && one.signed.maxFeePerGas >= this.baseFee && !waits(one),
    );
    return candidates.sort((a, b) => (a.signed!.maxFeePerGas > b.signed!.maxFeePerGas ? -1 : 1))[0];
  }

  #execute(pending: Pending, block: number, { reverts }: BlockOptions): void {
    const { from, to, asset, amount, signed } = pending;
    const gasUsed = GAS_USED[asset];
    const price = signed ? min(signed.maxFeePerGas, this.baseFee + signed.maxPriorityFeePerGas) : 0n;
    const sender = this.held(from);
    sender.ETH -= gasUsed * price;
    const fails = signed !== null && amount > 0n && (reverts?.(pending) ?? false);
    const good = !fails && sender[asset] >= amount;
    if (signed === null && !good) throw new Error(`${from} has not the ${amount} of ${asset} that it sends`);
    if (good) this.#move(from, to, asset, amount);
    if (sender.ETH < 0n) throw new Error(`${from} spends more gas than it has`);
    const receipt: Receipt = {
      block,
      blockHash: hashOf(`block ${block} ${this.#fork}`),
      status: good ? 1 : 0,
      gasUsed,
      effectiveGasPrice: price,
    };
    const mined = { ...pending, block, logIndex: asset === 'ETH' ? -1 : this.mined.length, receipt };
    this.mined.push(mined);
    this.#byHash.set(pending.hash, mined);
  }

  #undo({ from, to, asset, amount, receipt }: Mined): void {
    if (receipt.status === 1) this.#move(to, from, asset, amount);
    this.held(from).ETH += receipt.gasUsed * receipt.effectiveGasPrice;
  }

  #move(from: string, to: string, asset: LedgerAsset, amount: bigint): void {
    this.held(from)[asset] -= amount;
    this.held(to)[asset] += amount;
  }
}

function hashOf(text: string): string {
  return `0x${createHash('sha256').update(text).digest('hex')}`;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

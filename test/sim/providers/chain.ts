/**
 * A small EVM chain behind the real Chain interface: blocks, nonces, a pool with replacement, reverts, finality two
 * blocks behind the head. Coins come and go exactly; gas is paid by the sender.
 */
import { createHash } from 'node:crypto';
import type {
  Chain,
  ChainTransaction,
  Deposit,
  Head,
  Quote,
  QuoteRequest,
  Receipt,
} from '../../../providers/evm/chain.ts';
import { type DecodedTransfer, decodeTransfer } from '../../../providers/evm/wallet.ts';
import type { LedgerAsset } from '../../../schemas/assets.ts';
import type { Engine } from '../engine.ts';
import { Answers } from './answers.ts';

const GWEI = 10n ** 9n;
const FINALITY = 2;
const GAS_USED: Readonly<Record<LedgerAsset, bigint>> = { ETH: 21_000n, USDT: 65_000n };

type Held = Record<LedgerAsset, bigint>;

/** A transfer that waits to be mined. Only those of the host wallet have a nonce and pay gas here. */
interface Pending {
  readonly hash: string;
  readonly from: string;
  readonly to: string;
  readonly asset: LedgerAsset;
  readonly amount: bigint;
  readonly signed: DecodedTransfer | null;
  readonly stuck: boolean;
}

interface Mined extends Pending {
  readonly block: number;
  readonly logIndex: number;
  readonly receipt: Receipt;
}

export class SimChain implements Chain {
  readonly #engine: Engine;
  readonly #host: string;
  readonly #usdtContract: string;
  readonly #answers: Answers;
  readonly #balances = new Map<string, Held>();
  readonly #hostAt: Held[] = [];
  readonly #nonceAt: number[] = [];
  readonly mined: Mined[] = [];
  #pool: Pending[] = [];
  #nonce = 0;
  #baseFee = 10n * GWEI;
  #serial = 0;

  constructor(engine: Engine, host: string, usdtContract: string) {
    this.#engine = engine;
    this.#host = host.toLowerCase();
    this.#usdtContract = usdtContract;
    this.#answers = new Answers(engine, 'evm');
    for (let i = 0; i <= FINALITY; i++) this.mine();
  }

  get #latest(): number {
    return this.#hostAt.length - 1;
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

  /** Coins out of nothing, for whoever plays a role outside. */
  endow(address: string, asset: LedgerAsset, amount: bigint): void {
    this.held(address)[asset] += amount;
  }

  /** Somebody outside sends coins; mined with the next block. */
  pay(from: string, to: string, asset: LedgerAsset, amount: bigint): string {
    this.#serial += 1;
    const hash = `0x${createHash('sha256').update(`pay ${this.#serial} ${from} ${to} ${amount}`).digest('hex')}`;
    this.#pool.push({
      hash,
      from: from.toLowerCase(),
      to: to.toLowerCase(),
      asset,
      amount,
      signed: null,
      stuck: false,
    });
    return hash;
  }

  /** One block with everything that can be in it. */
  mine(): void {
    const block = this.#hostAt.length;
    const { random } = this.#engine;
    this.#baseFee = BigInt(random.int(5, 30)) * GWEI;
    const outside = this.#pool.filter((pending) => pending.signed === null);
    for (const pending of outside) this.#execute(pending, block);
    for (;;) {
      const next = this.#bestOf(this.#nonce);
      if (!next) break;
      this.#nonce += 1;
      this.#execute(next, block);
    }
    const done = new Set(this.mined.filter((one) => one.block === block).map((one) => one.hash));
    this.#pool = this.#pool.filter(
      ({ hash, signed }) => !done.has(hash) && (signed === null || signed.nonce >= this.#nonce),
    );
    this.#hostAt.push({ ...this.held(this.#host) });
    this.#nonceAt.push(this.#nonce);
  }

  #bestOf(nonce: number): Pending | undefined {
    const candidates = this.#pool.filter(
      ({ signed, stuck }) => signed?.nonce === nonce && !stuck && signed.maxFeePerGas >= this.#baseFee,
    );
    return candidates.sort((a, b) => (a.signed!.maxFeePerGas > b.signed!.maxFeePerGas ? -1 : 1))[0];
  }

  #execute(pending: Pending, block: number): void {
    const { from, to, asset, amount, signed } = pending;
    const gasUsed = GAS_USED[asset];
    const price = signed ? min(signed.maxFeePerGas, this.#baseFee + signed.maxPriorityFeePerGas) : 0n;
    const sender = this.held(from);
    sender.ETH -= gasUsed * price;
    const reverts = signed !== null && amount > 0n && this.#engine.faults.strikes('revert');
    const good = !reverts && sender[asset] >= amount;
    if (signed === null && !good) throw new Error(`${from} has not the ${amount} of ${asset} that it sends`);
    if (good) {
      sender[asset] -= amount;
      this.held(to)[asset] += amount;
    }
    if (sender.ETH < 0n) throw new Error(`${from} spends more gas than it has`);
    const receipt: Receipt = {
      block,
      blockHash: blockHash(block),
      status: good ? 1 : 0,
      gasUsed,
      effectiveGasPrice: price,
    };
    this.mined.push({ ...pending, block, logIndex: asset === 'ETH' ? -1 : this.mined.length, receipt });
  }

  // as seen by the product

  async head(): Promise<Head> {
    this.#answers.mayFail('head');
    const finalized = this.#latest - FINALITY;
    return { latest: this.#latest, finalized, finalizedHash: blockHash(finalized) };
  }

  async quote({ asset }: QuoteRequest): Promise<Quote> {
    this.#answers.mayFail('quote');
    const tip = GWEI;
    const gasLimit = asset === 'ETH' ? 25_200n : 100_000n;
    return {
      gasLimit,
      maxFeePerGas: 2n * this.#baseFee + tip,
      maxPriorityFeePerGas: tip,
      baseFee: this.#baseFee,
    };
  }

  async nonces(): Promise<{ latest: number; pending: number; finalized: number }> {
    this.#answers.mayFail('nonces');
    let pending = this.#nonce;
    while (this.#pool.some(({ signed }) => signed?.nonce === pending)) pending += 1;
    return { latest: this.#nonce, pending, finalized: this.#nonceAt[this.#latest - FINALITY] ?? 0 };
  }

  async nonceAt(_address: string, block: number): Promise<number> {
    return this.#nonceAt[block] ?? 0;
  }

  async balances(_address: string, block: number | 'finalized'): Promise<Held & { block: number }> {
    this.#answers.mayFail('balances');
    const at = block === 'finalized' ? this.#latest - FINALITY : block;
    return { ...this.#hostAt[at]!, block: at };
  }

  async broadcast(raw: string): Promise<'accepted' | 'known'> {
    this.#answers.mayFail('broadcast');
    const signed = decodeTransfer(raw, this.#usdtContract);
    if (
      this.#pool.some(({ hash }) => hash === signed.hash) ||
      this.mined.some(({ hash }) => hash === signed.hash)
    )
      return 'known';
    if (signed.nonce < this.#nonce)
      throw this.#answers.error('permanent', 'nonce_used', `nonce ${signed.nonce}`);
    const before = this.#pool.filter((pending) => pending.signed?.nonce === signed.nonce);
    if (before.some((pending) => signed.maxFeePerGas * 10n < pending.signed!.maxFeePerGas * 11n)) {
      throw this.#answers.error('permanent', 'replacement_underpriced', `nonce ${signed.nonce}`);
    }
    const { hash, from, to, asset, amount } = signed;
    const stuck = before.length === 0 && this.#engine.faults.strikes('stuck');
    this.#pool.push({ hash, from: from.toLowerCase(), to: to.toLowerCase(), asset, amount, signed, stuck });
    this.#answers.mayBeLost('broadcast');
    return 'accepted';
  }

  async receipts(hashes: readonly string[]): Promise<Map<string, Receipt | null>> {
    this.#answers.mayFail('receipts');
    return new Map(
      hashes.map((hash) => [hash, this.mined.find((one) => one.hash === hash)?.receipt ?? null]),
    );
  }

  async deposits(address: string, fromBlock: number, toBlock: number): Promise<Deposit[]> {
    this.#answers.mayFail('deposits');
    const to = address.toLowerCase();
    return this.mined
      .filter((one) => one.to === to && one.from !== to && one.receipt.status === 1 && one.amount > 0n)
      .filter((one) => one.block >= fromBlock && one.block <= toBlock)
      .map(({ hash, logIndex, block, asset, from, amount }) => ({
        hash,
        logIndex,
        block,
        asset,
        from,
        to: address,
        amount,
      }));
  }

  async transaction(hash: string): Promise<ChainTransaction | null> {
    this.#answers.mayFail('transaction');
    const mined = this.mined.find((one) => one.hash === hash);
    const found = mined ?? this.#pool.find((one) => one.hash === hash);
    if (!found) return null;
    const { from, to, asset, amount, signed } = found;
    return { hash, from, to, asset, amount, nonce: signed?.nonce ?? 0, block: mined?.block ?? null };
  }

  close(): void {}
}

function blockHash(block: number): string {
  return `0x${createHash('sha256').update(`block ${block}`).digest('hex')}`;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

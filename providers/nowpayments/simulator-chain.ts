/**
 * The outcome transfers of the NOWPayments simulator: from its own development account to the host wallet, thousands at
 * once. Nonces are given here, a batch is posted together, and bytes that are in no block after a while are posted
 * again as they are, so that a payment's outcome is never sent twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { ProviderError } from '../error.ts';
import { devAccount } from '../evm/dev-accounts.ts';
import { createDevBank, type DevBank } from '../evm/dev-bank.ts';

export interface OutcomeSender {
  /**
   * Sends and waits until it is in a block with status 1.
   * @param minor whole minor units
   * @returns the transaction hash
   */
  send(asset: LedgerAsset, minor: bigint): Promise<string>;
  close(): void;
}

export interface OutcomeSenderOptions {
  readonly rpcUrl: string;
  readonly usdtContract: string;
  /** The host wallet. */
  readonly to: string;
  /** Default: anvil's. */
  readonly chainId?: bigint;
}

interface Order {
  readonly asset: LedgerAsset;
  readonly minor: bigint;
  refusals: number;
  readonly resolve: (hash: string) => void;
  readonly reject: (error: Error) => void;
}

interface Posted {
  readonly order: Order;
  readonly raw: string;
  readonly hash: string;
  /** When it was posted last, ms. */
  postedAt: number;
}

const BATCH_MAX = 200;
const POLL_MS = 200;
/** Longer than any block time of a development chain: the node was restarted and forgot its pool. */
const REPOST_MS = 10_000;
const REFUSALS_MAX = 20;

export function createOutcomeSender(options: OutcomeSenderOptions): OutcomeSender {
  const { rpcUrl, usdtContract, to, chainId } = options;
  const account = devAccount('nowpayments');
  const bank = createDevBank({
    rpcUrls: [rpcUrl],
    usdtContract,
    account,
    ...(chainId === undefined ? {} : { chainId }),
  });
  return new Sender(bank, to);
}

class Sender implements OutcomeSender {
  readonly #bank: DevBank;
  readonly #to: string;
  readonly #queue: Order[] = [];
  /** In the order of their nonces, which is the order in which blocks take them. */
  readonly #posted = new Map<string, Posted>();
  /** Null: ask the chain. */
  #nonce: number | null = null;
  #posting = false;
  #watching = false;
  #closed = false;

  constructor(bank: DevBank, to: string) {
    this.#bank = bank;
    this.#to = to;
  }

  send(asset: LedgerAsset, minor: bigint): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ asset, minor, refusals: 0, resolve, reject });
      void this.#drain();
    });
  }

  close(): void {
    this.#closed = true;
    this.#bank.close();
    const left = [...this.#queue.splice(0), ...[...this.#posted.values()].map(({ order }) => order)];
    this.#posted.clear();
    for (const order of left) order.reject(new Error('the simulator was stopped'));
  }

  /** One batch at a time, so that nonces leave in order. */
  async #drain(): Promise<void> {
    if (this.#posting) return;
    this.#posting = true;
    await sleep(5); // the payments of one request queue up meanwhile and share a batch
    while (this.#queue.length > 0 && !this.#closed) {
      try {
        this.#nonce ??= await this.#bank.sentCount();
        await this.#post(await this.#sign(this.#queue.splice(0, BATCH_MAX), this.#nonce));
        void this.#watch();
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        await sleep(POLL_MS); // the node is away: nothing was signed, the orders are still queued
      }
    }
    this.#posting = false;
  }

  async #sign(orders: readonly Order[], nonce: number): Promise<Posted[]> {
    const signed: Posted[] = [];
    for (const [index, order] of orders.entries()) {
      const { asset, minor: amount } = order;
      const bytes = await this.#bank.sign({ nonce: nonce + index, to: this.#to, asset, amount });
      signed.push({ order, ...bytes, postedAt: Date.now() });
    }
    this.#nonce = nonce + orders.length;
    return signed;
  }

  async #post(batch: readonly Posted[]): Promise<void> {
    for (const posted of batch) this.#posted.set(posted.hash, posted);
    const results = await Promise.allSettled(batch.map(({ raw }) => this.#bank.send(raw)));
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected') this.#refused(batch[index] as Posted, result.reason);
    }
  }

  /** A refusal frees the order for another nonce; a lost answer does not: those bytes may be in the pool. */
  #refused(posted: Posted, why: unknown): void {
    if (!(why instanceof ProviderError) || why.kind !== 'permanent') return;
    const { order, hash } = posted;
    if (!this.#posted.delete(hash)) return; // mined meanwhile
    this.#nonce = null;
    order.refusals += 1;
    if (order.refusals > REFUSALS_MAX) {
      order.reject(why);
      return;
    }
    this.#queue.push(order);
    void this.#drain();
  }

  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#posted.size > 0 && !this.#closed) {
      try {
        await this.#settle();
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        // the node is away: asked again below
      }
      if (this.#posted.size > 0) await sleep(POLL_MS);
    }
    this.#watching = false;
  }

  async #settle(): Promise<void> {
    const oldest = [...this.#posted.values()].slice(0, BATCH_MAX);
    const mined = await this.#bank.mined(oldest.map(({ hash }) => hash));
    for (const [hash, status] of mined) {
      const posted = this.#posted.get(hash);
      if (posted === undefined) continue;
      this.#posted.delete(hash);
      if (status === 1) posted.order.resolve(hash);
      else posted.order.reject(new Error(`outcome transfer ${hash} reverted`));
    }
    const late = oldest.filter((one) => this.#posted.has(one.hash) && Date.now() - one.postedAt > REPOST_MS);
    for (const posted of late) posted.postedAt = Date.now();
    await this.#post(late);
    // More are probably in the same block: no wait between full batches.
    if (mined.size === BATCH_MAX) await this.#settle();
  }
}

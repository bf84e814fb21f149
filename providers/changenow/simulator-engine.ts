/**
 * What happens to an order by itself: a deposit is seen in the newest block, statuses follow each other,
 * proceeds or a refund go out on chain or into the book. One loop, one thing at a time, every step saved
 * before it is shown.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ASSETS, heldAssetOf, type LedgerAsset } from '../../schemas/assets.ts';
import { formatUnits, parseUnits } from '../../schemas/money.ts';
import type { DevBank } from '../evm/dev-bank.ts';
import { convert, share } from './simulator-market.ts';
import type { Order, OrderBook } from './simulator-orders.ts';

export interface Engine {
  start(): void;
  stop(): Promise<void>;
  /**
   * A funded order goes on to this outcome at once. @returns false when it has ended, or nothing arrived yet
   */
  decide(order: Order, outcome: Outcome): boolean;
  /** What went wrong lately, for `/_control/engine`. */
  readonly errors: string[];
}

type Outcome = 'finish' | 'refund' | 'fail';

const TICK_MS = 100;
const RESEND_MS = 2_000;
const ERRORS_MAX = 100;

/** @param bank null: no chain, so nothing ever happens */
export function createEngine(memory: OrderBook, bank: DevBank | null): Engine {
  const errors: string[] = [];
  let running: Promise<void> | null = null;
  let stopping = false;
  const walker = bank === null ? null : new Walker(memory, bank);
  const loop = async (): Promise<void> => {
    while (!stopping) {
      try {
        await walker?.tick();
      } catch (error) {
        // The node is away, or refuses: the next tick asks again; nothing was shown that is not saved.
        errors.push(`${new Date().toISOString()} ${error instanceof Error ? error.message : String(error)}`);
        if (errors.length > ERRORS_MAX) errors.shift();
      }
      await sleep(TICK_MS);
    }
  };
  return {
    errors,
    start() {
      running ??= loop();
    },
    async stop() {
      stopping = true;
      await running;
    },
    decide: (order, outcome) => walker?.decide(order, outcome) ?? false,
  };
}

class Walker {
  readonly #memory: OrderBook;
  readonly #bank: DevBank;
  /** Null: ask the chain. */
  #nonce: number | null = null;
  /** Signed in this tick, sent together at its end. */
  #signed: string[] = [];
  #sentAt = 0;

  constructor(memory: OrderBook, bank: DevBank) {
    this.#memory = memory;
    this.#bank = bank;
  }

  async tick(): Promise<void> {
    const moved = await this.#takeBlocks();
    const now = Date.now();
    for (const order of this.#memory.orders.values()) {
      if (order.dueAt !== null && order.dueAt <= now) await this.#advance(order, now);
    }
    if (moved) await this.#followPayments();
    await Promise.all(this.#signed.splice(0).map((raw) => this.#bank.send(raw)));
    if (now - this.#sentAt > RESEND_MS) await this.#resend(now);
  }

  decide(order: Order, outcome: Outcome): boolean {
    if (order.payinHash === null || order.settled || order.payment !== null) return false;
    order.plan = { ...order.plan, outcome };
    this.#show(order, order.status, 0);
    return true;
  }

  /** @returns whether there was a new block */
  async #takeBlocks(): Promise<boolean> {
    const head = await this.#bank.head();
    const memory = this.#memory;
    if (memory.block !== null && memory.block > head) this.#forgetPayments();
    // The first run, or a chain that began anew: nothing before now was meant for us.
    if (memory.block === null || memory.block > head) memory.block = Math.max(0, head - 1);
    if (memory.block === head) return false;
    const known = (address: string) => memory.byPayin(address) !== undefined;
    for (const found of await this.#bank.deposits(memory.block + 1, head, known)) {
      const order = memory.byPayin(found.to)!;
      if (order.deposits.some((one) => one.hash === found.hash)) continue;
      const { hash, asset, block } = found;
      const amount = formatUnits(found.amount, ASSETS[asset].decimals);
      order.deposits.push({ hash, asset, amount, block });
      this.#fund(order, asset, amount, hash);
      memory.save(order);
    }
    memory.block = head;
    memory.saveBlock();
    return true;
  }

  /** Bytes signed for a chain that is gone would only block the nonces of the new one. */
  #forgetPayments(): void {
    this.#nonce = null;
    for (const order of this.#unmined()) {
      order.payment = null;
      this.#end(order, 'failed');
    }
  }

  /** Only the first deposit of the right asset is exchanged; whatever else comes is kept and visible. */
  #fund(order: Order, asset: LedgerAsset, amount: string, hash: string): void {
    if (heldAssetOf(order.fromCurrency, order.fromNetwork) !== asset) return;
    if (order.payinHash !== null || !['waiting', 'overdue'].includes(order.status)) return;
    order.payinHash = hash;
    order.amountFrom = amount;
    order.depositReceivedAt = new Date().toISOString();
    order.step = 0;
    order.dueAt = Date.now();
  }

  /** A status of ours, and when to look again. */
  #show(order: Order, status: string, waitMs: number | null): void {
    order.status = status;
    order.dueAt = waitMs === null ? null : Date.now() + waitMs;
    this.#memory.save(order);
  }

  async #advance(order: Order, now: number): Promise<void> {
    const { plan } = order;
    if (order.payinHash === null) return this.#age(order, now);
    if (order.settled) return this.#contradict(order);
    const next = plan.statuses[order.step];
    if (next !== undefined) {
      order.step += 1;
      this.#show(order, next, plan.delayMs ?? this.#memory.settings.stepMs);
    } else if (plan.outcome === 'hold' && order.status === plan.holdStatus) {
      this.decide(order, 'finish');
    } else if (plan.outcome === 'hold') {
      this.#show(order, plan.holdStatus, plan.holdMs);
    } else {
      await this.#settle(order);
    }
  }

  /** Nothing has arrived: overdue first, then expired, where the plan says so. */
  #age(order: Order, now: number): void {
    const { overdueMs, expireMs } = order.plan;
    const age = now - Date.parse(order.createdAt);
    const expires = expireMs === null ? null : Math.max(0, expireMs - age);
    if (expires === 0) this.#show(order, 'expired', null);
    else if (overdueMs !== null && age >= overdueMs) this.#show(order, 'overdue', expires);
    else this.#show(order, order.status, overdueMs === null ? expires : overdueMs - age);
  }

  /** Statuses that a lying provider shows after the end. */
  #contradict(order: Order): void {
    const next = order.plan.after[order.step];
    order.step += 1;
    this.#show(order, next?.status ?? order.status, order.plan.after[order.step]?.afterMs ?? null);
  }

  async #settle(order: Order): Promise<void> {
    const { plan } = order;
    const refundTo = plan.outcome === 'refund' ? order.refundAddress : null;
    if (refundTo !== null) {
      order.refundAmount = share(order.fromCurrency, order.fromNetwork, order.amountFrom!, plan.refundRatio);
      const asset = heldAssetOf(order.fromCurrency, order.fromNetwork)!;
      return this.#pay(order, asset, refundTo, order.refundAmount);
    }
    if (plan.outcome !== 'finish') return this.#end(order, 'failed');
    order.amountTo = convert(this.#memory.settings, order, order.amountFrom!, plan.ratio);
    const asset = heldAssetOf(order.toCurrency, order.toNetwork);
    if (plan.payout === 'none') {
      order.payoutHash = `${asset === undefined ? '' : '0x'}${digest(order.id)}`;
      return this.#end(order, 'finished');
    }
    if (asset !== undefined) return this.#pay(order, asset, order.payoutAddress, order.amountTo);
    // Another chain: what was paid is in the book, which is made of the finished orders.
    order.payoutHash = digest(order.id);
    this.#end(order, 'finished');
  }

  /** Signed and saved before it is sent: a simulator killed in between sends the same bytes again. */
  async #pay(order: Order, asset: LedgerAsset, to: string, amount: string): Promise<void> {
    this.#nonce ??= Math.max(await this.#bank.sentCount(), this.#nextStoredNonce());
    const nonce = this.#nonce;
    const minor = parseUnits(amount, ASSETS[asset].decimals);
    const { raw, hash } = this.#bank.sign({ nonce, to, asset, amount: minor });
    this.#nonce = nonce + 1;
    order.payment = { nonce, raw, hash, mined: false };
    this.#show(order, order.status, null);
    this.#signed.push(raw);
  }

  #unmined(): Order[] {
    return [...this.#memory.orders.values()].filter((one) => one.payment !== null && !one.payment.mined);
  }

  #nextStoredNonce(): number {
    return Math.max(0, ...this.#unmined().map((one) => one.payment!.nonce + 1));
  }

  async #followPayments(): Promise<void> {
    const open = this.#unmined();
    if (open.length === 0) return;
    const mined = await this.#bank.mined(open.map((one) => one.payment!.hash));
    for (const order of open) {
      const status = mined.get(order.payment!.hash);
      if (status === undefined) continue;
      order.payment!.mined = true;
      const refund = order.refundAmount !== null;
      if (status === 1) order[refund ? 'refundHash' : 'payoutHash'] = order.payment!.hash;
      this.#end(order, status === 0 ? 'failed' : refund ? 'refunded' : 'finished');
    }
  }

  async #resend(now: number): Promise<void> {
    this.#sentAt = now;
    const payments = this.#unmined().map((one) => one.payment!);
    for (const { raw } of payments.toSorted((a, b) => a.nonce - b.nonce)) await this.#bank.send(raw);
  }

  #end(order: Order, status: string): void {
    order.settled = true;
    order.step = 0;
    this.#show(order, status, order.plan.after[0]?.afterMs ?? null);
  }
}

function digest(id: string): string {
  return createHash('sha256').update(`payout of ${id}`).digest('hex');
}

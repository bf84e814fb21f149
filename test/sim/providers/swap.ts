/** A swap provider behind the real interface: orders, deposits seen on the simulated chain, payouts, refunds, holds. */
import { createHash } from 'node:crypto';
import type {
  Currency,
  Estimate,
  SwapOrder,
  SwapPair,
  SwapProvider,
  SwapRequest,
  SwapStatus,
} from '../../../providers/changenow/swap.ts';
import { ASSETS, heldAssetOf, type LedgerAsset } from '../../../schemas/assets.ts';
import { formatUnits, parseUnits } from '../../../schemas/money.ts';
import type { Engine } from '../engine.ts';
import { Answers } from './answers.ts';
import type { SimChain } from './chain.ts';
import type { Market } from './market.ts';

const VAULT = `0x${'0c'.repeat(20)}`;

type Outcome = 'finish' | 'refund' | 'hold' | 'fail' | 'misreport';

interface Order {
  readonly order: SwapOrder;
  readonly asset: LedgerAsset;
  readonly amount: bigint;
  /** misreport: it pays what it should and names another amount. Decided again when it did not end there. */
  outcome: Outcome;
  /** Nobody sees what it does in between: its end is there with the first look. */
  readonly isSwift: boolean;
  /** Of the fair amount, in basis points. */
  readonly bps: bigint;
  status: string;
  deposits: string[];
  /** When the next step comes, virtual ms. */
  nextAt: number;
  amountTo: string | null;
  payoutHash: string | null;
  refundHash: string | null;
  refundAmount: string | null;
}

/** A payment to a client in a currency that is not on our chain. */
export interface BookEntry {
  readonly address: string;
  readonly currency: string;
  readonly orderId: string;
}

/** Least amounts, unless it says otherwise for a while. */
export const MIN: Readonly<Record<LedgerAsset, string>> = { ETH: '0.004', USDT: '12.5' };
const RAISED: Readonly<Record<LedgerAsset, string>> = { ETH: '0.4', USDT: '1250' };
/** Then it does what it should. */
const REFUNDS_MOST = 3;
/** Words for a swap that stands still. */
const HELD = ['hold', 'verifying', 'overdue', 'expired'] as const;
/** A word that nobody knows. */
const ODD_WORD = 'pondering';
/** An address that nobody asked for. */
const ELSEWHERE = `0x${'e1'.repeat(20)}`;

export class SimSwap implements SwapProvider {
  readonly orders = new Map<string, Order>();
  readonly book: BookEntry[] = [];
  readonly #engine: Engine;
  readonly #chain: SimChain;
  readonly #market: Market;
  readonly #answers: Answers;

  constructor(engine: Engine, chain: SimChain, market: Market) {
    this.#engine = engine;
    this.#chain = chain;
    this.#market = market;
    this.#answers = new Answers(engine, 'changenow');
    chain.endow(VAULT, 'ETH', 10n ** 24n);
    chain.endow(VAULT, 'USDT', 10n ** 15n);
  }

  async currencies(): Promise<Currency[]> {
    return [];
  }

  async range(pair: SwapPair): Promise<{ min: string; max: string | null }> {
    this.#answers.mayFail('range');
    const min = MIN[assetOf(pair)];
    const { faults } = this.#engine;
    if (!faults.strikes('swap-lies')) return { min, max: null };
    if (faults.chanceOf('swap-lies').chance(0.3)) {
      this.#engine.note('changenow lowers its maximum');
      return { min, max: min };
    }
    this.#engine.note('changenow raises its minimum');
    return { min: RAISED[assetOf(pair)], max: null };
  }

  async estimate(request: { pair: SwapPair; fromAmount: string }): Promise<Estimate> {
    this.#market.assertOpen('estimate');
    this.#answers.mayFail('estimate');
    const { pair, fromAmount } = request;
    return {
      fromAmount,
      toAmount: this.#fair(pair, fromAmount),
      depositFee: null,
      withdrawalFee: null,
      rateId: null,
      validUntil: null,
    };
  }

  async create(request: SwapRequest): Promise<SwapOrder> {
    this.#answers.mayFail('create');
    const { random, faults } = this.#engine;
    const { pair, fromAmount, refundAddress, reference } = request;
    if (faults.strikes('swap-lies', 0.5)) throw this.#answers.error('permanent', 'refused', 'create');
    const address = faults.strikes('swap-lies') ? `${request.address.slice(0, -1)}9` : request.address;
    const id = createHash('sha256')
      .update(`order ${this.orders.size} ${reference}`)
      .digest('hex')
      .slice(0, 14);
    const asset = assetOf(pair);
    const order: SwapOrder = {
      ...pair,
      id,
      fromAmount,
      toAmount: this.#fair(pair, fromAmount),
      payinAddress: `0x${createHash('sha256').update(`payin ${id}`).digest('hex').slice(0, 40)}`,
      payinExtraId: null,
      payoutAddress: address,
      payoutExtraId: request.extraId ?? null,
      refundAddress,
      reference,
    };
    const odd = faults.strikes('swaps');
    const [outcome, isSwift] = this.#outcomeOf(request, odd);
    this.orders.set(id, {
      order,
      asset,
      amount: parseUnits(fromAmount, ASSETS[asset].decimals),
      outcome,
      isSwift,
      bps: odd ? BigInt(random.int(9_900, 10_050)) : 9_960n,
      status: 'waiting',
      deposits: [],
      nextAt: 0,
      amountTo: null,
      payoutHash: null,
      refundHash: null,
      refundAmount: null,
    });
    this.#answers.mayBeLost('create');
    return order;
  }

  /** Whose coins were sent back once, they often are again. */
  #outcomeOf({ reference }: SwapRequest, odd: boolean): [outcome: Outcome, isSwift: boolean] {
    const { faults } = this.#engine;
    const chance = faults.chanceOf('swaps');
    const owner = ownerOf(reference);
    const refunds = [...this.orders.values()].filter(
      ({ order, status }) => status === 'refunded' && ownerOf(order.reference) === owner,
    ).length;
    // Also in the quiet phase, but not for ever.
    if (refunds > 0 && refunds < REFUNDS_MOST && faults.on.includes('swaps') && chance.chance(0.6)) {
      faults.struck('swaps');
      return ['refund', chance.chance(0.5)];
    }
    if (!odd) return ['finish', false];
    const outcome = chance.pick(['refund', 'refund', 'hold', 'hold', 'fail', 'finish', 'misreport'] as const);
    return [outcome, chance.chance(0.5)];
  }

  async find(reference: string): Promise<SwapOrder[]> {
    this.#answers.mayFail('find');
    return [...this.orders.values()]
      .filter(({ order }) => order.reference === reference)
      .map(({ order }) => order);
  }

  async byId(id: string): Promise<SwapStatus | null> {
    this.#answers.mayFail('byId');
    const found = this.orders.get(id);
    if (!found) return null;
    const { order, status, amountTo, payoutHash, refundHash, refundAmount, deposits } = found;
    const lie = this.#engine.faults.strikes('swap-lies') ? this.#lieAbout(found) : {};
    return {
      ...order,
      status,
      amountFrom: deposits.length > 0 ? order.fromAmount : null,
      amountTo,
      expectedAmountFrom: order.fromAmount,
      expectedAmountTo: order.toAmount,
      payinHash: deposits[0] ?? null,
      payoutHash,
      refundHash,
      refundAmount,
      updatedAt: this.#engine.clock.now(),
      ...lie,
    };
  }

  /** Whether it has paid out, by this transaction, for the payout or conversion of that id. */
  hasPaid(id: string, hash: string): boolean {
    return [...this.orders.values()].some(
      ({ order, status, payoutHash }) =>
        order.reference.includes(id) && status === 'finished' && payoutHash === hash,
    );
  }

  #lieAbout({ status }: Order): Partial<SwapStatus> {
    const chance = this.#engine.faults.chanceOf('swap-lies');
    const lies: Partial<SwapStatus>[] = [{ payoutAddress: ELSEWHERE }, { payinAddress: ELSEWHERE }];
    lies.push(status === 'finished' ? { amountTo: '0' } : { status: ODD_WORD });
    return chance.pick(lies);
  }

  async addressValid(): Promise<{ valid: boolean; reason: string | null }> {
    return { valid: true, reason: null };
  }

  /** Sees deposits and moves every order one step on when its time has come. */
  tick(): void {
    const now = this.#engine.clock.elapsed;
    for (const order of this.orders.values()) {
      this.#watch(order, now);
      if (order.deposits.length === 0 || now < order.nextAt) continue;
      this.#advance(order);
      order.nextAt = now + this.#engine.random.int(1_000, 20_000);
    }
  }

  #watch(order: Order, now: number): void {
    const payin = order.order.payinAddress.toLowerCase();
    const arrived = this.#chain.mined
      .filter((one) => one.to === payin && one.receipt.status === 1)
      .map((one) => one.hash);
    if (arrived.length === order.deposits.length) return;
    if (order.deposits.length === 0) order.nextAt = now + 1_000;
    order.deposits = arrived;
  }

  #advance(order: Order): void {
    switch (order.status) {
      case 'waiting':
        order.status = 'confirming';
        if (order.isSwift) this.#advance(order);
        return;
      case 'confirming':
        if (order.outcome === 'hold') order.status = this.#engine.faults.chanceOf('swaps').pick(HELD);
        else order.status = this.#failsNow(order) ? 'failed' : 'exchanging';
        if (order.isSwift && order.status === 'exchanging') this.#advance(order);
        return;
      case 'hold':
      case 'verifying':
      case 'overdue':
      case 'expired':
        // A person there looks at it; some day it goes on.
        if (this.#engine.faults.quiet || this.#engine.random.chance(0.1)) order.status = 'exchanging';
        return;
      case 'exchanging':
        if (order.outcome === 'refund') this.#refund(order);
        else if (order.outcome === 'fail') order.status = 'failed';
        else this.#payOut(order);
        return;
      case 'failed':
        // A person there looks at it, too: it goes on or comes back.
        if (!this.#engine.faults.quiet && this.#engine.random.chance(0.8)) return;
        order.outcome = this.#engine.random.pick(['finish', 'refund'] as const);
        order.status = 'exchanging';
        return;
      case 'sending':
        order.status = 'finished';
        return;
    }
  }

  #failsNow({ outcome }: Order): boolean {
    return outcome === 'fail' && this.#engine.random.chance(0.5);
  }

  #payOut(order: Order): void {
    const { toCurrency, toNetwork, payoutAddress, id } = order.order;
    const e12 = (this.#market.swapped(order.amount, order.asset, toCurrency) * order.bps) / 10_000n;
    const held = heldAssetOf(toCurrency, toNetwork);
    order.amountTo = formatUnits(e12, 12);
    order.status = 'sending';
    if (held) {
      const amount = held === 'USDT' ? e12 / 10n ** 6n : e12 * 10n ** 6n;
      order.amountTo = formatUnits(amount, ASSETS[held].decimals);
      order.payoutHash = this.#chain.pay(VAULT, payoutAddress, held, amount);
      if (order.outcome === 'misreport')
        order.amountTo = formatUnits((amount * 101n) / 100n, ASSETS[held].decimals);
    } else {
      order.payoutHash = createHash('sha256').update(`payout ${id}`).digest('hex');
      this.book.push({ address: payoutAddress, currency: toCurrency, orderId: id });
    }
  }

  #refund(order: Order): void {
    const lost = (order.amount * BigInt(this.#engine.random.int(0, 50))) / 10_000n;
    const back = order.amount - lost;
    order.refundHash = this.#chain.pay(VAULT, order.order.refundAddress!, order.asset, back);
    order.refundAmount = formatUnits(back, ASSETS[order.asset].decimals);
    order.status = 'refunded';
  }

  #fair(pair: SwapPair, fromAmount: string): string {
    const asset = assetOf(pair);
    return formatUnits(
      this.#market.swapped(parseUnits(fromAmount, ASSETS[asset].decimals), asset, pair.toCurrency),
      12,
    );
  }
}

/** Of one payout or conversion, whatever the attempt. */
function ownerOf(reference: string): string {
  return reference.slice(0, reference.lastIndexOf('-'));
}

function assetOf(pair: SwapPair): LedgerAsset {
  const asset = heldAssetOf(pair.fromCurrency, pair.fromNetwork);
  if (!asset) throw new Error(`${pair.fromCurrency} on ${pair.fromNetwork} is nothing that we hold`);
  return asset;
}

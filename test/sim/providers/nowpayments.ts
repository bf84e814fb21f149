/** NOWPayments as seen by the product: payments that live through scripted statuses, webhooks about each, GET. */
import { createHmac } from 'node:crypto';
import type {
  ListRequest,
  NowPayments,
  PaymentFacts,
  PaymentList,
} from '../../../providers/nowpayments/client.ts';
import { ASSETS, type LedgerAsset } from '../../../schemas/assets.ts';
import { eventId } from '../../../schemas/event-id.ts';
import { parseUnits } from '../../../schemas/money.ts';
import { SIM_START } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { IPN_SECRET } from '../settings.ts';
import { Answers } from './answers.ts';
import type { SimChain } from './chain.ts';

const VAULT = `0x${'0b'.repeat(20)}`;

export interface PaymentStep {
  /** Virtual ms. */
  readonly at: number;
  readonly status: string;
  /** What will be or was forwarded, exact text; null = not known yet. */
  readonly outcome: string | null;
  /** How much of it is sent to the host wallet now; null = nothing. */
  readonly forward: string | null;
}

export interface PaymentScript {
  readonly id: string;
  readonly orderId: string;
  readonly parentId: string | null;
  readonly priceUsd: string;
  /** NOWPayments code. */
  readonly outcomeCurrency: string;
  readonly steps: readonly PaymentStep[];
}

export interface Delivery {
  readonly id: number;
  readonly raw: Buffer;
  readonly signature: string;
  /** When it is sent next; Infinity once it was answered with 200. */
  dueAt: number;
}

interface Live {
  readonly script: PaymentScript;
  next: number;
  payoutHash: string | null;
  /** When GET first told of a transfer to us, virtual ms. */
  toldAt: number | null;
}

/** Before these an outcome is only announced. */
const BROUGHT: ReadonlySet<string> = new Set(['partially_paid', 'finished']);
/** How long a sender waits for 200 before it sends again. */
const REPEAT_MS = 30_000;
/** After this, whoever asked about a part has kept the answer, or asked again. */
const PART_KNOWN_MS = 300_000;

export class SimNowPayments implements NowPayments {
  readonly deliveries: Delivery[] = [];
  /** Payments of which a webhook never came. */
  readonly lost = new Set<string>();
  readonly #engine: Engine;
  readonly #chain: SimChain;
  readonly #host: string;
  readonly #answers: Answers;
  /** Event ids of the notices that were signed. */
  readonly #signed = new Set<string>();
  readonly #payments: Live[] = [];

  constructor(engine: Engine, chain: SimChain, host: string) {
    this.#engine = engine;
    this.#chain = chain;
    this.#host = host;
    this.#answers = new Answers(engine, 'nowpayments');
    chain.endow(VAULT, 'ETH', 10n ** 24n);
    chain.endow(VAULT, 'USDT', 10n ** 15n);
  }

  add(script: PaymentScript): void {
    this.#payments.push({ script, next: 0, payoutHash: null, toldAt: null });
  }

  /** All statuses are told and every webhook was answered. */
  get isDone(): boolean {
    return (
      this.#payments.every(({ script, next }) => next === script.steps.length) &&
      this.deliveries.every((delivery) => delivery.dueAt === Number.POSITIVE_INFINITY)
    );
  }

  tick(): void {
    for (const payment of this.#payments) {
      for (let step = payment.script.steps[payment.next]; step; step = payment.script.steps[payment.next]) {
        if (step.at > this.#engine.clock.elapsed || this.#isTooEarly(payment, step)) break;
        payment.next += 1;
        this.#apply(payment, step);
      }
    }
  }

  /**
   * GET tells only the latest transfer. Here minutes pass between a part and its rest, as much as clocks are off; a rest that
   * comes before anybody asked about the part would leave nothing but a discrepancy for a person.
   */
  #isTooEarly({ payoutHash, toldAt }: Live, { forward }: PaymentStep): boolean {
    if (forward === null || payoutHash === null) return false;
    return toldAt === null || this.#engine.clock.elapsed < toldAt + PART_KNOWN_MS;
  }

  #apply(payment: Live, step: PaymentStep): void {
    const asset = assetOf(payment.script.outcomeCurrency);
    if (step.forward !== null && asset) {
      const amount = parseUnits(step.forward, ASSETS[asset].decimals);
      payment.payoutHash = this.#chain.pay(VAULT, this.#host, asset, amount);
    }
    const { random, faults } = this.#engine;
    if (this.#isLost(payment, step)) return;
    const raw = Buffer.from(bodyOf(payment.script, step));
    const copies = faults.strikes('duplicates') ? random.int(2, 3) : 1;
    for (let i = 0; i < copies; i++) {
      const late = faults.strikes('disorder') ? random.int(5_000, 120_000) : random.int(0, 2_000);
      this.send(raw, signed(raw), late);
    }
    if (!faults.strikes('forged')) return;
    // Somebody who knows no secret claims that it is paid, and more than it ever will be.
    const claim = bodyOf(payment.script, { status: 'finished', outcome: '3.5' });
    this.send(Buffer.from(claim), '0'.repeat(128), random.int(0, 5_000));
  }

  /** Not that of a part whose rest comes by another transfer: GET tells only the latest one. */
  #isLost({ script, next }: Live, { status, forward }: PaymentStep): boolean {
    const isPart = forward !== null && script.steps.slice(next).some((later) => later.forward !== null);
    if (isPart || !this.#engine.faults.strikes('lost')) return false;
    this.#engine.note(`the webhook ${status} of payment ${script.id} is lost`);
    this.lost.add(script.id);
    return true;
  }

  send(raw: Buffer, signature: string, afterMs: number): void {
    if (signature === signed(raw)) this.#signed.add(eventId('received', raw));
    const id = this.deliveries.length;
    this.deliveries.push({ id, raw, signature, dueAt: this.#engine.clock.elapsed + afterMs });
  }

  hasSigned(id: string): boolean {
    return this.#signed.has(id);
  }

  /** Whether it has said by now that the payment, or a part of it, brought this many minor units of the asset. */
  hasTold(paymentId: string, asset: string, amount: bigint): boolean {
    const live = this.#payments.find(({ script }) => script.id === paymentId);
    const held = assetOf(live?.script.outcomeCurrency ?? '');
    if (!live || held === undefined || held !== asset) return false;
    return live.script.steps
      .slice(0, live.next)
      .some(
        ({ status, outcome }) =>
          BROUGHT.has(status) && outcome !== null && parseUnits(outcome, ASSETS[held].decimals) === amount,
      );
  }

  /** What is due now; each comes again unless it is answered. */
  due(): Delivery[] {
    const now = this.#engine.clock.elapsed;
    const due = this.deliveries.filter((delivery) => delivery.dueAt <= now);
    for (const delivery of due) delivery.dueAt = now + REPEAT_MS;
    return due;
  }

  // as seen by the product

  async payment(paymentId: string): Promise<PaymentFacts | null> {
    this.#answers.mayFail('payment');
    const found = this.#payments.find(({ script }) => script.id === paymentId);
    if (!found || found.next === 0) return null;
    const [facts, lie] = [this.#factsOf(found), this.#lieAbout(found)];
    if (facts.payoutHash !== null && Object.keys(lie).length === 0)
      found.toldAt ??= this.#engine.clock.elapsed;
    return { ...facts, ...lie };
  }

  /** GET contradicts the webhook, or has not heard yet of what it told. */
  #lieAbout({ script, next }: Live): Partial<PaymentFacts> {
    const { faults } = this.#engine;
    const { outcome } = script.steps[next - 1]!;
    if (outcome === null || !faults.strikes('get-lies')) return {};
    this.#engine.note(`GET tells something else of payment ${script.id}`);
    return faults
      .chanceOf('get-lies')
      .pick([
        { status: 'sending' },
        { status: 'sending' },
        { status: 'sending' },
        { outcomeAmount: `1${outcome}` },
        { outcomeCurrency: 'btc' },
        { orderId: 'another' },
      ]);
  }

  #factsOf({ script, next, payoutHash }: Live): PaymentFacts {
    const step = script.steps[next - 1]!;
    return {
      paymentId: script.id,
      invoiceId: null,
      orderId: script.orderId,
      status: step.status,
      payAddress: 'simulated',
      payAmount: script.priceUsd,
      payCurrency: 'usdttrc20',
      actuallyPaid: script.priceUsd,
      priceAmount: script.priceUsd,
      priceCurrency: 'usd',
      outcomeAmount: step.outcome,
      outcomeCurrency: script.outcomeCurrency,
      parentPaymentId: script.parentId,
      payoutHash,
      payinHash: null,
      updatedAt: this.#engine.clock.now(),
    };
  }

  /** Payments by the time of their first status. */
  async payments({ from, to, page, limit }: ListRequest): Promise<PaymentList> {
    this.#answers.mayFail('list of payments');
    const made = this.#payments
      .filter(({ next }) => next > 0)
      .map((live) => ({ live, createdAt: new Date(SIM_START + live.script.steps[0]!.at) }))
      .filter(({ createdAt }) => createdAt >= from && createdAt <= to)
      .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
    const rows = made.slice(page * limit, (page + 1) * limit);
    const payments = rows.map(({ live, createdAt }) => ({
      ...this.#factsOf(live),
      createdAt,
      updatedAt: null,
    }));
    return { payments, unreadable: [], isFull: rows.length === limit };
  }

  createInvoice(): Promise<{ invoiceId: string; invoiceUrl: string }> {
    return Promise.reject(new Error('the simulation makes no invoices'));
  }

  minimum(): Promise<{ minAmount: string }> {
    return Promise.reject(new Error('the simulation asks for no minimum'));
  }
}

export function signed(raw: Buffer): string {
  return createHmac('sha512', IPN_SECRET).update(raw).digest('hex');
}

function assetOf(code: string): LedgerAsset | undefined {
  return code === 'eth' ? 'ETH' : code === 'usdterc20' ? 'USDT' : undefined;
}

/** Compact JSON with sorted keys, numbers as their exact text. */
export function bodyOf(script: PaymentScript, step: Pick<PaymentStep, 'status' | 'outcome'>): string {
  const fields: Readonly<Record<string, string>> = {
    actually_paid: script.priceUsd,
    order_id: JSON.stringify(script.orderId),
    outcome_amount: step.outcome ?? 'null',
    outcome_currency: JSON.stringify(script.outcomeCurrency),
    parent_payment_id: script.parentId ?? 'null',
    pay_address: '"simulated"',
    pay_amount: script.priceUsd,
    pay_currency: '"usdttrc20"',
    payment_id: script.id,
    payment_status: JSON.stringify(step.status),
    price_amount: script.priceUsd,
    price_currency: '"usd"',
  };
  return `{${Object.entries(fields)
    .map(([name, text]) => `"${name}":${text}`)
    .join(',')}}`;
}

/**
 * How a payment lives in the simulator: it walks through its statuses, its outcome is in a block on chain before the
 * status that says so, and each status is posted as a signed IPN.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ASSETS, assetOfNowpaymentsCode } from '../../schemas/assets.ts';
import { parseUnits } from '../../schemas/money.ts';
import { type Book, lookalike, type Payment } from './simulator-book.ts';
import type { OutcomeSender } from './simulator-chain.ts';
import type { Delivery } from './simulator-delivery.ts';
import { ipnBody, type SignatureForm, type SignedIpn, signIpn } from './simulator-ipn.ts';
import { outcomeOf, type PaySpec, payAmountOf, planSteps, type Step } from './simulator-spec.ts';

export interface FlowOptions {
  readonly book: Book;
  readonly delivery: Delivery;
  /** Null: nothing goes on chain and no payment has a payout hash (for tests of the webhook alone). */
  readonly sender: OutcomeSender | null;
  readonly ipnSecret: string;
  /** US dollars per ETH, exact decimal text. */
  ethUsd(): Promise<string>;
}

export interface Flow {
  /** Makes the payments at once; `done` resolves when each has reached its last status and was posted once. */
  start(specs: readonly PaySpec[]): Promise<{ payments: Payment[]; done: Promise<void> }>;
  /** One more step of an existing payment: a late or contradictory status. */
  step(payment: Payment, step: Step, form: SignatureForm): Promise<void>;
}

/** How the IPNs of one payment go out. */
interface Manner {
  readonly form: SignatureForm;
  readonly delayMs: number;
  readonly shuffle: boolean;
  /** How many extra copies and forgeries the next IPN gets. */
  copies(): number;
  /** Whether the next IPN is never sent. */
  isLost(): boolean;
  forgeries(): number;
}

const PLAIN = { delayMs: 0, shuffle: false, copies: () => 0, forgeries: () => 0, isLost: () => false };

export function createFlow(options: FlowOptions): Flow {
  const walk = async (payment: Payment, steps: readonly Step[], manner: Manner): Promise<void> => {
    const held: SignedIpn[] = [];
    for (let forged = manner.forgeries(); forged > 0; forged -= 1)
      held.push(...forge(payment, steps, options));
    await postForged(payment, held.splice(0), options);
    for (const step of steps) {
      if (manner.delayMs > 0) await sleep(manner.delayMs);
      await reach(payment, step, options);
      if (!step.notify) continue;
      if (manner.isLost()) {
        options.delivery.counts.lost += 1;
        continue;
      }
      const ipn = signIpn(ipnBody(payment), manner.form, options.ipnSecret);
      for (let copy = manner.copies(); copy > 0; copy -= 1) {
        options.delivery.counts.duplicates += 1;
        held.push(ipn);
      }
      if (manner.shuffle) held.push(ipn);
      else await post(payment, [ipn, ...held.splice(0)], options);
    }
    await post(payment, shuffled(held, payment.paymentId), options);
  };

  return {
    async start(specs) {
      const ethUsd = await options.ethUsd();
      // Shares are counted over the whole request, so that 0.2 means every fifth whether or not `count` is used.
      const shares = new Map<string, () => number>();
      const runs = specs.flatMap((spec) => {
        const manner = mannerOf(spec, shares);
        return Array.from({ length: spec.count }, () => {
          const payment = openPayment(spec, options.book, ethUsd);
          const outcome = outcomeOf(spec, payment.priceAmount, ethUsd);
          return { payment, run: () => walk(payment, planSteps(spec, outcome), manner) };
        });
      });
      const walks = runs.map(({ payment, run }) =>
        run().catch((error: unknown) => {
          payment.error = error instanceof Error ? error.message : String(error);
          options.book.savePayment(payment);
        }),
      );
      return { payments: runs.map(({ payment }) => payment), done: Promise.all(walks).then(() => undefined) };
    },
    step: (payment, step, form) => walk(payment, [step], { ...PLAIN, form }),
  };
}

function mannerOf(spec: PaySpec, shares: Map<string, () => number>): Manner {
  const counter = (what: string, share: number): (() => number) => {
    const key = `${what} ${share}`;
    const counted = shares.get(key) ?? everyNth(share);
    shares.set(key, counted);
    return counted;
  };
  return {
    form: spec.form,
    delayMs: spec.delayMs,
    shuffle: spec.shuffle,
    copies: counter('copies', spec.duplicates),
    isLost: isLost(counter('lost', spec.lost)),
    forgeries: counter('forgeries', spec.forge),
  };
}

/** A share of more than one loses no more than all. */
function isLost(count: () => number): () => boolean {
  return () => count() > 0;
}

/** Spreads a share evenly and repeatably: 0.2 gives 0 0 0 0 1 0 0 0 0 1. */
function everyNth(share: number): () => number {
  let due = 0;
  return () => {
    due += share;
    const whole = Math.floor(due + 1e-9);
    due -= whole;
    return whole;
  };
}

function openPayment(spec: PaySpec, book: Book, ethUsd: string): Payment {
  const invoice =
    spec.invoiceId !== null
      ? book.invoices.get(spec.invoiceId)
      : spec.orderId !== null
        ? book.invoiceOfOrder(spec.orderId)
        : undefined;
  const priceAmount = spec.priceUsd ?? invoice?.priceAmount ?? '50';
  const payAmount = payAmountOf(spec, priceAmount);
  const paymentId = book.nextId();
  const now = new Date().toISOString();
  const payment: Payment = {
    paymentId,
    invoiceId: invoice?.id ?? spec.invoiceId,
    orderId: spec.orderId ?? invoice?.orderId ?? null,
    description: spec.description ?? invoice?.description ?? 'Payment-Test-1',
    parentPaymentId: spec.parentPaymentId,
    purchaseId: String(BigInt(paymentId) + 1n),
    payAddress: lookalike(`address ${paymentId}`, 40),
    payAmount,
    payCurrency: spec.payCurrency,
    priceAmount,
    priceCurrency: invoice?.priceCurrency ?? 'usd',
    ipnUrl: spec.ipnUrl ?? invoice?.ipnUrl ?? null,
    createdAt: now,
    willPay: spec.actuallyPaid ?? payAmount,
    estimate: outcomeOf(spec, priceAmount, ethUsd),
    status: 'waiting',
    actuallyPaid: '0',
    outcomeAmount: null,
    outcomeCurrency: spec.outcomeCurrency,
    sentMinor: '0',
    payinHash: null,
    payoutHash: null,
    updatedAt: now,
    lies: {},
    error: null,
  };
  if (payment.ipnUrl === null)
    throw new Error('ipnUrl is missing: neither the request nor an invoice names one');
  book.savePayment(payment);
  return payment;
}

/** Money first, then the status that says so. */
async function reach(payment: Payment, step: Step, options: FlowOptions): Promise<void> {
  await sendOutcome(payment, step, options);
  payment.status = step.status;
  payment.outcomeAmount = step.outcomeAmount;
  const unpaid = step.status === 'waiting' || step.status === 'expired';
  if (!unpaid && payment.payinHash === null) {
    payment.payinHash = lookalike(`payin ${payment.paymentId}`, 64);
    payment.actuallyPaid = payment.willPay;
  }
  payment.updatedAt = new Date().toISOString();
  options.book.savePayment(payment);
}

async function sendOutcome(payment: Payment, step: Step, options: FlowOptions): Promise<void> {
  const asset = assetOfNowpaymentsCode(payment.outcomeCurrency ?? '');
  if (step.sendAmount === null || asset === undefined || options.sender === null) return;
  const total = parseUnits(step.sendAmount, ASSETS[asset].decimals);
  const missing = total - BigInt(payment.sentMinor);
  if (missing <= 0n) return;
  payment.payoutHash = await options.sender.send(asset, missing);
  payment.sentMinor = total.toString();
}

async function post(payment: Payment, ipns: readonly SignedIpn[], options: FlowOptions): Promise<void> {
  for (const ipn of ipns) await options.delivery.post(payment.ipnUrl as string, ipn);
}

async function postForged(payment: Payment, ipns: readonly SignedIpn[], options: FlowOptions): Promise<void> {
  for (const ipn of ipns) await options.delivery.postForged(payment.ipnUrl as string, ipn);
}

/** Two forgeries: the whole signed with a key that is not ours, and a genuine signature over an altered amount. */
function forge(payment: Payment, steps: readonly Step[], options: FlowOptions): SignedIpn[] {
  const outcome = steps.findLast((step) => step.outcomeAmount !== null)?.outcomeAmount ?? '1';
  const claim: Payment = { ...payment, status: 'finished', outcomeAmount: outcome };
  const genuine = signIpn(ipnBody(claim), 1, options.ipnSecret);
  const greedy = signIpn(
    ipnBody({ ...claim, outcomeAmount: `1${outcome}` }),
    1,
    randomBytes(32).toString('hex'),
  );
  return [greedy, { raw: greedy.raw, signature: genuine.signature }];
}

/** The same for the same payment, so that a run can be repeated. */
function shuffled<T>(items: readonly T[], seed: string): T[] {
  return items
    .map((item, index) => ({ item, rank: lookalike(`${seed} ${index}`, 16) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ item }) => item);
}

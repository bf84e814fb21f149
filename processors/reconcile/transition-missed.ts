/**
 * Webhooks that never came: what the provider says about a payment is compared with where it stands here, and what is
 * news goes the way of every webhook, into payments.received. Pure; nothing is credited here.
 */
import {
  type MissedWebhookRow,
  missedWebhooks,
  type PaymentStatusRow,
  paymentStatus,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { eventId } from '../../schemas/event-id.ts';
import type { PaymentFacts } from '../../schemas/events.ts';
import type { OrderReading } from '../../schemas/order-id.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { factsDigest, rankOf } from '../accumulate/facts.ts';

export const PROVIDER = 'nowpayments';

/** One payment as the provider shows it now; amounts are exact decimal text. */
export interface ToldPayment {
  readonly paymentId: string;
  readonly parentPaymentId: string | null;
  readonly invoiceId: string | null;
  readonly orderId: string | null;
  readonly status: string;
  readonly priceAmount: string;
  readonly priceCurrency: string;
  readonly payAmount: string;
  readonly payCurrency: string;
  readonly actuallyPaid: string;
  readonly payAddress: string;
  readonly outcomeAmount: string | null;
  readonly outcomeCurrency: string | null;
  /** When it became what it is, or was made, where the provider does not say. */
  readonly at: Date;
}

export type Finding =
  /** Nothing that we did not know. */
  | { readonly is: 'known' }
  | { readonly is: 'missed'; readonly facts: PaymentFacts }
  /** Money that belongs to nobody here; the gateway parks such webhooks. */
  | { readonly is: 'foreign'; readonly reason: string; readonly detail: string }
  | { readonly is: 'unreadable'; readonly reason: string; readonly detail: string };

const ENDED = new Set(['failed', 'expired']);
const WITH_MONEY = new Set(['finished', 'partially_paid']);

/**
 * Looks of ages `after`, twice that, and so on; the last one at `until`. A payment is compared once at each: one that
 * nobody ever pays costs a few rows of a list, and after `until` nothing.
 */
export function lookAges(afterMs: number, untilMs: number): number[] {
  const ages: number[] = [];
  for (let age = afterMs; age < untilMs; age *= 2) ages.push(age);
  return [...ages, untilMs];
}

/** @param row where the payment stands here; undefined: no record of it was ever processed */
export function findMissed(
  told: ToldPayment,
  order: OrderReading,
  row: PaymentStatusRow | undefined,
): Finding {
  const isStatus = rankOf(told.status) !== undefined || ENDED.has(told.status) || told.status === 'refunded';
  if (!isStatus) return unreadable(told, 'status_unknown', `payment_status is ${shown(told.status)}`);
  if (order.kind !== 'ours' && order.kind !== 'legacy')
    return foreign(told, order.kind === 'forged' ? 'order_forged' : 'order_unknown');
  // Legacy ids carry nothing of ours, and the replaced system may be paying for this one: only what a webhook brought
  // here before is followed.
  if (order.kind === 'legacy' && !row) return foreign(told, 'order_unknown');
  if (row && !isNews(told.status, row)) return { is: 'known' };
  const facts = factsOf(told, order.client);
  const odd = oddField(facts);
  return odd === undefined ? { is: 'missed', facts } : unreadable(told, 'field_invalid', odd);
}

/** The same order of statuses as in accumulate, which decides again when the record comes. */
function isNews(status: string, row: PaymentStatusRow): boolean {
  if (row.status === status || row.state === 'closed') return false;
  if (status === 'refunded' || status === 'finished') return true;
  const before = rankOf(row.status);
  if (row.state !== 'open' || before === undefined) return false;
  return ENDED.has(status) || rankOf(status)! > before;
}

function foreign(told: ToldPayment, reason: string): Finding {
  if (!WITH_MONEY.has(told.status)) return { is: 'known' };
  return { is: 'foreign', reason, detail: `${told.status}, order_id ${shown(told.orderId ?? '')}` };
}

function unreadable(told: ToldPayment, reason: string, detail: string): Finding {
  return { is: 'unreadable', reason, detail: `payment ${told.paymentId}: ${detail}` };
}

function factsOf(told: ToldPayment, client: string): PaymentFacts {
  // Until the outcome is fixed the provider shows an estimate where a webhook says nothing.
  const isFixed = !['waiting', 'confirming', 'confirmed', 'sending'].includes(told.status);
  return {
    provider: PROVIDER,
    payment_id: told.paymentId,
    parent_payment_id: told.parentPaymentId,
    invoice_id: told.invoiceId,
    client_id: client,
    order_id: told.orderId!,
    payment_status: told.status,
    price_amount: told.priceAmount,
    price_currency: told.priceCurrency.toLowerCase(),
    pay_amount: told.payAmount,
    pay_currency: told.payCurrency.toLowerCase(),
    actually_paid: told.actuallyPaid,
    pay_address: told.payAddress,
    outcome_amount: isFixed ? told.outcomeAmount : null,
    outcome_currency: isFixed ? (told.outcomeCurrency?.toLowerCase() ?? null) : null,
  };
}

/** The bounds of the gateway, so that both ways bring the same. */
const ID = /^[1-9]\d{0,29}$/;
const AMOUNT = /^(?:0|[1-9]\d{0,19})(?:\.\d{1,36})?$/;
const CURRENCY = /^[a-z0-9]{1,20}$/;
const ADDRESS = /^[\x21-\x7e]{1,200}$/;
const FORMS: Readonly<Partial<Record<keyof PaymentFacts, RegExp>>> = {
  payment_id: ID,
  parent_payment_id: ID,
  invoice_id: ID,
  price_amount: AMOUNT,
  price_currency: CURRENCY,
  pay_amount: AMOUNT,
  pay_currency: CURRENCY,
  actually_paid: AMOUNT,
  pay_address: ADDRESS,
  outcome_amount: AMOUNT,
  outcome_currency: CURRENCY,
};

function oddField(facts: PaymentFacts): string | undefined {
  for (const [name, form] of Object.entries(FORMS)) {
    const text = facts[name as keyof PaymentFacts];
    if (text !== null && !form.test(text)) return `${name} is ${shown(text)}`;
  }
  return undefined;
}

/** Text of others: one line, ASCII, bounded. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80)).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same facts give the same id, however often and by whomever they are found. */
export function missedId(facts: PaymentFacts): string {
  return eventId('received', 'reconcile', factsDigest(facts));
}

/** Feeds what was missed, once. @returns the row that says so; undefined when it was fed before */
export function feed(work: Work, facts: PaymentFacts, toldAt: Date): MissedWebhookRow | undefined {
  const event_id = missedId(facts);
  const { client_id, provider, payment_id, order_id, outcome_amount, outcome_currency } = facts;
  if (work.get(missedWebhooks, client_id, event_id)) return undefined;
  work.emit(TOPIC.received, client_id, 'payment.received', {
    event_id,
    occurred_at: work.now,
    payment: facts,
    raw_digest: '',
    signature_form: 'none',
    source: 'reconcile',
  });
  return work.put(missedWebhooks, {
    client_id: BigInt(client_id),
    event_id,
    provider,
    payment_id,
    order_id,
    status: facts.payment_status,
    outcome_amount,
    outcome_currency,
    told_at: toldAt,
    found_at: work.now,
  });
}

/** What the provider shows and nobody here can have: for a person, once. */
export function report(work: Work, told: ToldPayment, finding: Finding): void {
  if (finding.is !== 'foreign' && finding.is !== 'unreadable') return;
  work.discrepancy(`missed_${finding.reason}`, `payment:?:${PROVIDER}:${told.paymentId}`, finding.detail);
}

/** Where a payment stands, for findMissed. */
export function standing(work: Work, client: string, paymentId: string): PaymentStatusRow | undefined {
  return work.get(paymentStatus, client, PROVIDER, paymentId);
}

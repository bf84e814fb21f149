/**
 * From authenticated JSON to the facts of one payment, or the reason why it cannot be read. Only fields that we use
 * are judged; what NOWPayments adds or leaves out elsewhere changes nothing. Nothing is rounded, guessed or defaulted.
 */
import type { PaymentFacts } from '../../schemas/events.ts';
import { type OrderKeys, readOrderId } from '../../schemas/order-id.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { JsonNumber, type JsonObject, type JsonValue } from './json.ts';
import { exactNumber, places, withoutExponent } from './number.ts';

export type IpnReading =
  | { readonly kind: 'payment'; readonly facts: PaymentFacts }
  /** A notice about a withdrawal on the same endpoint: counted, no effect. */
  | { readonly kind: 'notice' }
  | { readonly kind: 'quarantine'; readonly reason: ReasonCode; readonly detail: string };

export const PROVIDER = 'nowpayments';

/** Every status of NOWPayments, in lower case as documented; another word is not guessed at. */
export const PAYMENT_STATUSES: ReadonlySet<string> = new Set([
  'waiting',
  'confirming',
  'confirmed',
  'sending',
  'partially_paid',
  'finished',
  'failed',
  'refunded',
  'expired',
]);

/** Bounds of an amount: more than any coin has, and still exact in decimal(38,18) where it becomes money. */
const MAX_WHOLE_DIGITS = 20;
const MAX_DECIMALS = 36;

/** Carries a reason out of the field readers; never leaves this file. */
class Unreadable extends Error {
  readonly reason: ReasonCode;
  constructor(reason: ReasonCode, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** Reads the authenticated value of one IPN body. Total: whatever stands there gets one of the three answers. */
export function readIpn(body: JsonValue, orders: OrderKeys): IpnReading {
  try {
    if (!(body instanceof Map)) throw new Unreadable('json_invalid', 'the document is not an object');
    if (body.has('batch_withdrawal_id')) return readNotice(body);
    return { kind: 'payment', facts: readFacts(body, orders) };
  } catch (error) {
    if (error instanceof Unreadable) {
      return { kind: 'quarantine', reason: error.reason, detail: error.message };
    }
    throw error;
  }
}

/** Only what has nothing of a payment may be without effect. */
function readNotice(body: JsonObject): IpnReading {
  for (const field of ['payment_id', 'payment_status', 'outcome_amount']) {
    if (body.has(field)) throw new Unreadable('field_invalid', `a withdrawal notice with ${field}`);
  }
  return { kind: 'notice' };
}

function readFacts(body: JsonObject, orders: OrderKeys): PaymentFacts {
  const paymentId = id(body, 'payment_id');
  if (paymentId === null) throw new Unreadable('field_missing', 'payment_id is missing');
  const status = readStatus(body);
  const order = readOrder(body, orders);
  return {
    provider: PROVIDER,
    payment_id: paymentId,
    parent_payment_id: id(body, 'parent_payment_id'),
    invoice_id: id(body, 'invoice_id'),
    client_id: order.client,
    order_id: order.id,
    payment_status: status,
    price_amount: amount(body, 'price_amount'),
    price_currency: currency(body, 'price_currency'),
    pay_amount: amount(body, 'pay_amount'),
    pay_currency: currency(body, 'pay_currency'),
    actually_paid: amount(body, 'actually_paid'),
    pay_address: address(body, 'pay_address'),
    outcome_amount: amount(body, 'outcome_amount'),
    outcome_currency: currency(body, 'outcome_currency'),
  };
}

function readStatus(body: JsonObject): string {
  const status = required(body, 'payment_status');
  if (typeof status !== 'string') throw invalid('payment_status', status);
  if (!PAYMENT_STATUSES.has(status)) {
    throw new Unreadable('status_unknown', `payment_status is ${quote(status)}`);
  }
  return status;
}

function readOrder(body: JsonObject, orders: OrderKeys): { readonly id: string; readonly client: string } {
  const text = required(body, 'order_id');
  if (typeof text !== 'string') throw invalid('order_id', text);
  const order = readOrderId(text, orders);
  if (order.kind === 'forged') throw new Unreadable('order_forged', `order_id is ${quote(text)}`);
  if (order.kind === 'unknown') throw new Unreadable('order_unknown', `order_id is ${quote(text)}`);
  return { id: text, client: order.client };
}

function required(body: JsonObject, field: string): JsonValue {
  const value = body.get(field);
  if (value === undefined || value === null) throw new Unreadable('field_missing', `${field} is missing`);
  return value;
}

/** Provider ids: digits, as a number or as text; above 2^53 too. No second spelling of one id (`1e3`, `007`). */
function id(body: JsonObject, field: string): string | null {
  const value = body.get(field);
  if (value === undefined || value === null) return null;
  const text = value instanceof JsonNumber ? value.lexeme : value;
  if (typeof text !== 'string' || !/^[1-9]\d{0,29}$/.test(text)) throw invalid(field, value);
  return text;
}

const PLAIN_AMOUNT = /^(?:0|[1-9]\d{0,19})(?:\.\d{1,36})?$/;

/** An amount >= 0 as exact decimal text: digits and trailing zeros as they came, an exponent written out. */
function amount(body: JsonObject, field: string): string | null {
  const value = body.get(field);
  if (value === undefined || value === null) return null;
  const text = value instanceof JsonNumber ? value.lexeme : value;
  if (typeof text !== 'string') throw invalid(field, value);
  if (PLAIN_AMOUNT.test(text)) return text;
  const exact = text.length <= 200 ? exactNumber(text) : undefined;
  // A sign is refused even before a zero: no amount of ours has one, so nobody knows what was meant.
  if (!exact || text.startsWith('-')) throw invalid(field, value);
  const { whole, fraction } = places(exact);
  if (whole > MAX_WHOLE_DIGITS || fraction > MAX_DECIMALS) {
    throw new Unreadable(
      'number_inexact',
      `${field} is ${show(value)}: too large or too fine to be kept exactly`,
    );
  }
  // A zero may carry any exponent and a fraction any number of zeros behind it; then the short text is as exact.
  if (exact.digits === '') return '0';
  const written = withoutExponent(text);
  return PLAIN_AMOUNT.test(written) ? written : withoutExponent(`${exact.digits}e${exact.exponent}`);
}

/** A NOWPayments currency code in lower case; ASCII only, so that no look-alike passes for another. */
function currency(body: JsonObject, field: string): string | null {
  const value = body.get(field);
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || !/^[A-Za-z0-9]{1,20}$/.test(value)) throw invalid(field, value);
  return value.toLowerCase();
}

function address(body: JsonObject, field: string): string | null {
  const value = body.get(field);
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(value)) throw invalid(field, value);
  return value;
}

function invalid(field: string, value: JsonValue): Unreadable {
  return new Unreadable('field_invalid', `${field} is ${show(value)}`);
}

function show(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.lexeme.slice(0, 80);
  if (typeof value === 'string') return quote(value);
  if (value instanceof Map) return 'an object';
  return Array.isArray(value) ? 'a list' : String(value);
}

/** Text of others for logs and tools: one line, ASCII, bounded; nothing in it can act on a terminal or a log. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80)).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

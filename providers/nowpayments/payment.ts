/**
 * What NOWPayments says about a payment, alone (`GET /v1/payment/{id}`) or as a row of its list (`GET /v1/payment/`), read
 * strictly; amounts are exact decimal text.
 */
import { malformed } from '../error.ts';
import { json } from '../http.ts';

export interface PaymentFacts {
  readonly paymentId: string;
  /** Null for a payment that was not made through an invoice. */
  readonly invoiceId: string | null;
  readonly orderId: string | null;
  /** The provider's word as it is; the caller knows which words it understands. */
  readonly status: string;
  readonly payAddress: string;
  readonly payAmount: string;
  readonly payCurrency: string;
  /** `0` until something arrived. */
  readonly actuallyPaid: string;
  readonly priceAmount: string;
  readonly priceCurrency: string;
  /** What is or will be forwarded to us; null when not known yet, which is not zero. */
  readonly outcomeAmount: string | null;
  readonly outcomeCurrency: string | null;
  /** Set on a repeated deposit to the address of an earlier payment. */
  readonly parentPaymentId: string | null;
  /** Hash of the transfer of the outcome to us. */
  readonly payoutHash: string | null;
  /** Hash of the subscriber's transfer. */
  readonly payinHash: string | null;
  readonly updatedAt: Date;
}

/** A payment as a row of the list. */
export interface ListedPayment extends Omit<PaymentFacts, 'updatedAt'> {
  readonly createdAt: Date;
  readonly updatedAt: Date | null;
}

/**
 * @param asked the payment that was asked for
 * @throws ProviderError `malformed` when a field has not the documented shape, or the answer is about another one
 */
export function readPayment(reply: json.Json, asked: string): PaymentFacts {
  const row = json.object(reply, 'nowpayments.payment');
  const facts = readFacts(row);
  const { paymentId } = facts;
  if (paymentId !== asked) throw malformed('nowpayments', `payment ${paymentId} in answer to ${asked}`);
  return { ...facts, updatedAt: json.instant(row.updated_at, 'nowpayments.payment.updated_at') };
}

/**
 * A row of the list. Older accounts get no `updated_at` in it.
 * @throws ProviderError `malformed` when a field has not the documented shape
 */
export function readListed(reply: json.Json): ListedPayment {
  const row = json.object(reply, 'nowpayments.list.row');
  return {
    ...readFacts(row),
    createdAt: json.instant(row.created_at, 'nowpayments.list.created_at'),
    updatedAt: json.nullableInstant(row.updated_at, 'nowpayments.list.updated_at'),
  };
}

function readFacts(row: json.JsonObject): Omit<PaymentFacts, 'updatedAt'> {
  const at = (field: string): string => `nowpayments.payment.${field}`;
  const text = (field: string): string => json.text(row[field], at(field));
  const nullableText = (field: string): string | null => json.nullableText(row[field], at(field));
  const decimal = (field: string): string => json.decimal(row[field], at(field));
  const nullableId = (field: string): string | null => json.nullableIdentifier(row[field], at(field));

  return {
    paymentId: json.identifier(row.payment_id, at('payment_id')),
    invoiceId: nullableId('invoice_id'),
    orderId: nullableText('order_id'),
    status: text('payment_status'),
    payAddress: text('pay_address'),
    payAmount: decimal('pay_amount'),
    payCurrency: text('pay_currency'),
    actuallyPaid: json.nullableDecimal(row.actually_paid, at('actually_paid')) ?? '0',
    priceAmount: decimal('price_amount'),
    priceCurrency: text('price_currency'),
    outcomeAmount: json.nullableDecimal(row.outcome_amount, at('outcome_amount')),
    outcomeCurrency: nullableText('outcome_currency'),
    parentPaymentId: nullableId('parent_payment_id'),
    payoutHash: nullableText('payout_hash'),
    payinHash: nullableText('payin_hash'),
  };
}

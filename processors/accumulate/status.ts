/** The mutable row of one payment: made on first sight, updated as its statuses come. */
import { type PaymentStatusRow, paymentStatus } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { ValuedRecord } from './record.ts';

export function statusOf(work: Work, record: ValuedRecord): PaymentStatusRow | undefined {
  const { payment } = record.value;
  return work.get(paymentStatus, payment.client_id, payment.provider, payment.payment_id);
}

/** The row as it stands, or a fresh one in state open; not yet put. */
export function newStatus(work: Work, record: ValuedRecord): PaymentStatusRow {
  const known = statusOf(work, record);
  if (known) return { ...known, updated_at: work.now };
  const { payment, received_id } = record.value;
  return {
    client_id: BigInt(payment.client_id),
    provider: payment.provider,
    payment_id: payment.payment_id,
    order_id: payment.order_id,
    parent_payment_id: payment.parent_payment_id,
    invoice_id: payment.invoice_id,
    status: payment.payment_status,
    state: 'open',
    facts_digest: null,
    outcome_amount: payment.outcome_amount,
    outcome_currency: payment.outcome_currency,
    price_amount: payment.price_amount,
    price_currency: payment.price_currency,
    legs: 0,
    get_confirmed: false,
    quarantined: false,
    partition: record.partition,
    received_asset: null,
    incoming: 0n,
    confirmed: 0n,
    receipt_due_at: null,
    receipt_failures: 0,
    receipt_hash: null,
    unvalued_offset: null,
    received_id,
    first_seen_at: work.now,
    updated_at: work.now,
  };
}

/** The row with what this record says; its facts become the payment's. */
export function withFacts(row: PaymentStatusRow, record: ValuedRecord): PaymentStatusRow {
  const { payment, received_id } = record.value;
  return {
    ...row,
    status: payment.payment_status,
    outcome_amount: payment.outcome_amount,
    outcome_currency: payment.outcome_currency,
    price_amount: payment.price_amount ?? row.price_amount,
    price_currency: payment.price_currency ?? row.price_currency,
    received_id,
  };
}

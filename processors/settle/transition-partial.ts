/** A late or partial payment that the provider confirms by GET gets its value; what it contradicts is for a person. */
import { type PaymentStatusRow, paymentStatus } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { factsOf } from '../accumulate/cure.ts';
import { paymentEntity } from '../accumulate/facts.ts';
import { proposal } from '../convert/transition.ts';
import { type ValuationContext, valuePayment } from '../convert/value.ts';
import type { Next } from '../runtime/schedule.ts';
import { chainHash } from '../swap/deposit.ts';
import { sameAmount } from '../swap/order.ts';
import type { PaymentNow } from './transition-receipts.ts';

const CONTRADICTED_LOOK_MS = 60 * 60_000;

/** Nothing is credited yet, and only the provider's word is missing. */
export function stillWaits(row: PaymentStatusRow): boolean {
  return row.state === 'confirming' || (row.state === 'open' && row.status === 'partially_paid');
}

/** A part is not valued yet, and its transfer to us is not known. */
export function lacksForward(row: PaymentStatusRow): boolean {
  return row.state === 'open' && row.status === 'partially_paid' && row.receipt_hash === null;
}

/**
 * Keeps the transaction of a part: GET tells only the latest one, which is that of the rest once the payment is finished.
 * @param got null: the provider does not know the payment
 */
export function keepForward(work: Work, row: PaymentStatusRow, got: PaymentNow | null): Next {
  // An answer from before the webhook says nothing about the part.
  if (got && isUnderWay(got.status)) return { pollAt: 'soon' };
  if (got?.status !== 'partially_paid') return { done: true };
  const hash = chainHash(got.payoutHash);
  if (hash === null) return { pollAt: 'soon' };
  work.put(paymentStatus, { ...row, receipt_hash: hash });
  return { done: true };
}

/** @param got null: the provider does not know the payment */
export function confirmValue(
  work: Work,
  row: PaymentStatusRow,
  got: PaymentNow | null,
  context: ValuationContext,
): Next {
  // What was partial is on its way to another end: its own webhook brings it.
  if (got && row.state === 'open' && got.status !== 'partially_paid') return { pollAt: 'soon' };
  if (got && row.state === 'confirming' && isUnderWay(got.status)) return { pollAt: 'soon' };
  const problem = contradictionOf(row, got);
  if (problem) {
    work.discrepancy('confirmation_contradicted', entityOf(row), problem);
    return { pollAt: new Date(work.now.getTime() + CONTRADICTED_LOOK_MS) };
  }
  const wanted = row.state === 'confirming' ? 'finished' : 'partially_paid';
  const payment = { ...factsOf(row), payment_status: wanted };
  const value = valuePayment(payment, context);
  if (value.kind === 'rejected') {
    work.discrepancy('confirmation_worthless', entityOf(row), value.reason);
    return { done: true };
  }
  const record = proposal({ event_id: row.received_id, payment }, work.now, value, 'confirmed');
  const told = wanted === 'partially_paid' ? chainHash(got!.payoutHash) : null;
  const receipt_hash = told ?? row.receipt_hash;
  work.put(paymentStatus, { ...row, get_confirmed: true, receipt_hash });
  work.emit(TOPIC.valued, payment.client_id, 'payment.valued', record);
  return { done: true };
}

function isUnderWay(status: string): boolean {
  return ['waiting', 'confirming', 'confirmed', 'sending'].includes(status);
}

function contradictionOf(row: PaymentStatusRow, got: PaymentNow | null): string | undefined {
  if (got === null) return 'the provider does not know the payment';
  if (got.orderId !== row.order_id) return `order ${got.orderId}, the webhook said ${row.order_id}`;
  if (row.state === 'confirming' && got.status !== 'finished') {
    return `status ${got.status}, the webhook said finished`;
  }
  const amount = row.outcome_amount !== null && got.outcomeAmount !== null;
  const same = amount && sameAmount(row.outcome_amount!, got.outcomeAmount!);
  if (same && row.outcome_currency?.toLowerCase() === got.outcomeCurrency?.toLowerCase()) return undefined;
  const told = `${got.outcomeAmount} ${got.outcomeCurrency}`;
  return `outcome ${told}, the webhook said ${row.outcome_amount} ${row.outcome_currency}`;
}

function entityOf(row: PaymentStatusRow): string {
  return paymentEntity({ ...row, client_id: String(row.client_id) });
}

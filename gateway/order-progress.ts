/** What the payment page shows for an order, from where its payments stand. Pure. */
import type { OrderPayment } from '../ledger/sql/order-payments.ts';
import type { OrderStatus } from './order-status.ts';

/** From the least to the most that a payer can hope for; the best of an order's payments counts. */
const STEPS: readonly OrderStatus[] = ['failed', 'pending', 'confirming', 'confirmed', 'access_granted'];

/** @param payments of one order; none yet: pending */
export function orderProgress(payments: readonly OrderPayment[]): OrderStatus {
  if (payments.length === 0) return 'pending';
  const best = Math.max(...payments.map((payment) => STEPS.indexOf(stepOf(payment))));
  return STEPS[best] ?? 'pending';
}

function stepOf({ status, state }: OrderPayment): OrderStatus {
  switch (status) {
    case 'finished':
      // Credited: the whole price was paid, and the credit is what access is given for.
      return state === 'credited' ? 'access_granted' : 'confirmed';
    case 'confirmed':
    case 'sending':
      return 'confirmed';
    case 'confirming':
      return 'confirming';
    case 'failed':
    case 'expired':
    case 'refunded':
      return 'failed';
    default:
      // waiting, and partially_paid: the rest has still to come.
      return 'pending';
  }
}

/** The cure of unvalued payments: once a rate is usable, their values are proposed again, in order of arrival. */

import { clients, type PaymentStatusRow, paymentStatus, type RateRow } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { PaymentFacts } from '../../schemas/events.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { proposal } from '../convert/transition.ts';
import { valuePayment } from '../convert/value.ts';
import { paymentEntity } from './facts.ts';

/** The facts of a payment as they were booked; what a value does not need is not kept. */
export function factsOf(row: PaymentStatusRow): PaymentFacts {
  return {
    provider: row.provider,
    payment_id: row.payment_id,
    parent_payment_id: row.parent_payment_id,
    invoice_id: row.invoice_id,
    client_id: String(row.client_id),
    order_id: row.order_id,
    payment_status: row.status,
    price_amount: row.price_amount,
    price_currency: row.price_currency,
    pay_amount: null,
    pay_currency: null,
    actually_paid: null,
    pay_address: null,
    outcome_amount: row.outcome_amount,
    outcome_currency: row.outcome_currency,
  };
}

/** Writes a valued record for each row and marks it as asked for; accumulate credits it when the record comes. */
export function proposeValues(
  work: Work,
  rows: readonly PaymentStatusRow[],
  rate: RateRow,
  feeBps: number,
): void {
  for (const row of rows) {
    const client = work.get(clients, row.client_id);
    if (!client) continue;
    const facts = factsOf(row);
    const value = valuePayment(facts, { strategy: client.payout_strategy, feeBps, rate });
    if (value.kind !== 'valued') {
      // No rate will mend it: asked for again, it would stand first in every page.
      work.discrepancy(value.reason, paymentEntity(facts), 'unvalued, and worth nothing at this rate');
      work.put(paymentStatus, { ...row, unvalued_offset: null });
      continue;
    }
    const record = proposal({ event_id: row.received_id, payment: facts }, work.now, value);
    work.emit(TOPIC.valued, facts.client_id, 'payment.valued', record);
    work.put(paymentStatus, { ...row, unvalued_offset: null });
  }
}

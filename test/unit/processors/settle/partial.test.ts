/** Late and partial payments: what the provider's word changes, what it contradicts, and when it is asked again. */
import { describe, expect, test } from 'vitest';
import { discrepancies, type PaymentStatusRow, paymentStatus } from '../../../../ledger/tables.ts';
import { newStatus } from '../../../../processors/accumulate/status.ts';
import {
  confirmValue,
  keepForward,
  lacksForward,
  stillWaits,
} from '../../../../processors/settle/transition-partial.ts';
import type { PaymentNow } from '../../../../processors/settle/transition-receipts.ts';
import { eventId } from '../../../../schemas/event-id.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import { CLIENT, NOW, proposed, rateRow, recordOf, workWith } from '../../../fixtures/ledger-rows.ts';
import { hash } from '../../../fixtures/out-desk.ts';

const PARTIAL: PaymentNow = {
  status: 'partially_paid',
  orderId: 'S1.example',
  outcomeAmount: '0.0125',
  outcomeCurrency: 'eth',
  payoutHash: hash(1),
};
const CONTEXT = { strategy: 'threshold', feeBps: 300, rate: rateRow() };
const SOON = { pollAt: 'soon' };
const IN_AN_HOUR = { pollAt: new Date(NOW.getTime() + 3_600_000) };

/** A part that waits for the provider's word. */
function row(part: Partial<PaymentStatusRow> = {}): PaymentStatusRow {
  return { ...newStatus(workWith(), recordOf(proposed({ payment_status: 'partially_paid' }))), ...part };
}

/** A finished that came after an expired. */
const revived = (part: Partial<PaymentStatusRow> = {}) =>
  row({ state: 'confirming', status: 'finished', ...part });

function confirm(of: PaymentStatusRow, got: PaymentNow | null) {
  const work = workWith();
  const next = confirmValue(work, of, got, CONTEXT);
  return { next, work, after: work.all(paymentStatus)[0] };
}

test.each([
  ['open', 'partially_paid', true],
  ['open', 'finished', false],
  ['confirming', 'finished', true],
  ['confirming', 'expired', true],
  ['credited', 'partially_paid', false],
  ['unvalued', 'partially_paid', false],
])('%s, %s: only the provider’s word is missing: %s', (state, status, waits) => {
  expect(stillWaits(row({ state, status }))).toBe(waits);
});

test.each([
  ['open', 'partially_paid', null, true],
  ['open', 'partially_paid', hash(1), false],
  ['open', 'finished', null, false],
  ['credited', 'partially_paid', null, false],
])('%s, %s, transaction %s: asked for its transaction: %s', (state, status, receipt_hash, asks) => {
  expect(lacksForward(row({ state, status, receipt_hash }))).toBe(asks);
});

describe('the transaction of a part', () => {
  test.each<[string, PaymentNow | null, object, string | null]>([
    ['told', PARTIAL, { done: true }, hash(1)],
    ['not told yet', { ...PARTIAL, payoutHash: null }, SOON, null],
    ['no hash of our chain', { ...PARTIAL, payoutHash: 'monero' }, SOON, null],
    ['of an answer from before the webhook', { ...PARTIAL, status: 'sending', payoutHash: null }, SOON, null],
    ['of the rest, when finished', { ...PARTIAL, status: 'finished' }, { done: true }, null],
    ['unknown there', null, { done: true }, null],
  ])('%s', (_name, got, next, kept) => {
    const work = workWith();
    expect(keepForward(work, row(), got)).toEqual(next);
    expect(work.all(paymentStatus)[0]?.receipt_hash ?? null).toBe(kept);
  });
});

describe('confirmed', () => {
  test('a part: its value is proposed, its transaction kept', () => {
    const of = row();
    const { next, work, after } = confirm(of, PARTIAL);
    expect(next).toEqual({ done: true });
    expect(work.outbox).toMatchObject([
      {
        topic: TOPIC.valued,
        key: String(CLIENT),
        type: 'payment.valued',
        // Its own id: convert proposed the same record before, as a status without a value.
        value: { kind: 'valued', event_id: eventId('valued', of.received_id, 'confirmed') },
      },
    ]);
    expect(after).toMatchObject({ get_confirmed: true, receipt_hash: hash(1) });
    expect(work.all(discrepancies)).toEqual([]);
  });

  test('a finished: what GET tells is the transaction of the whole, and the one of a part is kept', () => {
    const { work, after } = confirm(revived({ receipt_hash: hash(2) }), { ...PARTIAL, status: 'finished' });
    expect(after).toMatchObject({ get_confirmed: true, receipt_hash: hash(2) });
    expect(work.outbox).toHaveLength(1);
  });

  test.each([{ outcomeAmount: '0.01250' }, { outcomeCurrency: 'ETH' }])('%j says the same', (part) => {
    expect(confirm(row(), { ...PARTIAL, ...part }).work.outbox).toHaveLength(1);
  });
});

describe('not yet', () => {
  test.each(['waiting', 'confirming', 'confirmed', 'sending'])('a finished that is %s there', (status) => {
    const { next, work, after } = confirm(revived(), { ...PARTIAL, status });
    expect([next, work.outbox, after]).toEqual([SOON, [], undefined]);
    expect(work.all(discrepancies)).toEqual([]);
  });

  test('a part that is finished there: its own webhook brings it', () => {
    const { next, work } = confirm(row(), { ...PARTIAL, status: 'finished' });
    expect([next, work.outbox]).toEqual([SOON, []]);
  });
});

describe('contradicted: a discrepancy, no value, asked again in an hour', () => {
  test.each<[string, PaymentStatusRow, PaymentNow | null]>([
    ['unknown there', row(), null],
    ['another order', row(), { ...PARTIAL, orderId: 'S1.other' }],
    ['expired there', revived(), { ...PARTIAL, status: 'expired' }],
    ['a part only', revived(), PARTIAL],
    ['another amount', row(), { ...PARTIAL, outcomeAmount: '0.0124' }],
    ['no amount there', row(), { ...PARTIAL, outcomeAmount: null }],
    ['no amount here', row({ outcome_amount: null }), PARTIAL],
    ['no amount at all', row({ outcome_amount: null }), { ...PARTIAL, outcomeAmount: null }],
    ['another currency', row(), { ...PARTIAL, outcomeCurrency: 'usdterc20' }],
    ['no currency there', row(), { ...PARTIAL, outcomeCurrency: null }],
    ['no currency here', row({ outcome_currency: null }), PARTIAL],
  ])('%s', (_name, of, got) => {
    const { next, work, after } = confirm(of, got);
    expect(next).toEqual(IN_AN_HOUR);
    expect(work.all(discrepancies)).toMatchObject([
      { kind: 'confirmation_contradicted', entity: `payment:${CLIENT}:nowpayments:${of.payment_id}` },
    ]);
    expect([work.outbox, after]).toEqual([[], undefined]);
  });
});

test.each([
  ['btc', 'outcome_asset_not_held'],
  [null, 'outcome_missing'],
])('confirmed, but in %s: for a person, never asked again', (currency, reason) => {
  const { next, work, after } = confirm(row({ outcome_currency: currency }), {
    ...PARTIAL,
    outcomeCurrency: currency,
  });
  expect(next).toEqual({ done: true });
  expect(work.all(discrepancies)).toMatchObject([{ kind: 'confirmation_worthless', detail: reason }]);
  expect([work.outbox, after]).toEqual([[], undefined]);
});

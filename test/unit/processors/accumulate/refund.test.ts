/** Refunds by the provider: what is still free goes back, the rest is a debt, and what can be stopped is stopped. */
import { describe, expect, it } from 'vitest';
import {
  clientAccounts,
  clientEntries,
  clients,
  discrepancies,
  glTransfers,
  type PayoutRow,
  paymentStatus,
  payoutBatches,
  type TransferRow,
  transfers,
} from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import { factsOf } from '../../../../processors/accumulate/cure.ts';
import { holdUnsignedPayouts, refundPayment } from '../../../../processors/accumulate/refund.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import { eventId } from '../../../../schemas/event-id.ts';
import type { PaymentFacts } from '../../../../schemas/events.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import {
  accountRow,
  bookedBy,
  CLIENT,
  CONTEXT,
  eth,
  NOW,
  PARTITION,
  type ProposeOptions,
  proposed,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';

function put(work: Work, part: Partial<PaymentFacts> = {}, options: ProposeOptions = {}) {
  return accumulate(work, recordOf(proposed(part, options)), CONTEXT);
}

const refund = (work: Work, id = '5077125051') => put(work, { payment_id: id, payment_status: 'refunded' });
const status = (work: Work, id = '5077125051') => work.must(paymentStatus, CLIENT, 'nowpayments', id);
const account = (work: Work, asset: 'ETH' | 'USDT' = 'USDT') => work.must(clientAccounts, CLIENT, asset);
const issues = (work: Work) => work.changed(discrepancies).map((row) => row.kind);
const payout = (work: Work): PayoutRow => work.all(payoutBatches)[0]!;
const applied = { end: 'applied', reason: null };

/** A transfer of the first payout in some state. */
function transferOf(work: Work, state: string): TransferRow {
  const row = work.put(payoutBatches, { ...payout(work), state: 'ordered', attempt: 1 });
  return work.put(transfers, {
    transfer_id: eventId('transfer', 'payout', row.payout_id, 1),
    owner_kind: 'payout',
    owner_id: row.payout_id,
    client_id: CLIENT,
    attempt: 1,
    asset: row.asset,
    amount: row.amount,
    to_address: '0x01',
    kind: 'swap',
    state,
    nonce: null,
    gas_limit: 100_000n,
    max_fee: 1n,
    priority_fee: 1n,
    gas_held: 100_000n,
    hash: null,
    block: null,
    gas_spent: null,
    cancel_wanted: false,
    reason: null,
    revision: 1n,
    created_at: NOW,
    updated_at: NOW,
  });
}

describe('before the credit', () => {
  it('closes the payment; a later finished is a discrepancy without credit', () => {
    const work = workWith();
    put(work, { payment_status: 'waiting' });
    expect(refund(work)).toEqual(applied);
    expect(status(work)).toMatchObject({ state: 'closed', status: 'refunded' });
    expect(refund(work)).toEqual({ end: 'duplicate', reason: 'duplicate' });
    expect(put(work)).toEqual({ end: 'rejected', reason: 'closed_by_refund' });
    expect(issues(work)).toEqual(['closed_by_refund']);
    expect(bookedBy(work)).toEqual({});
  });

  it('as the first thing ever heard of it, the same', () => {
    const work = workWith();
    expect(refund(work)).toEqual(applied);
    expect(put(work)).toEqual({ end: 'rejected', reason: 'closed_by_refund' });
  });

  it('while it waits for GET, the same', () => {
    const work = workWith();
    put(work, { payment_status: 'failed' });
    put(work);
    expect(refund(work)).toEqual(applied);
    expect(status(work).state).toBe('closed');
  });
});

describe('after the credit, the receipt not confirmed [failure H21]', () => {
  it('threshold, all still there: the exact reverse of the credit', () => {
    const work = workWith();
    put(work);
    expect(refund(work)).toEqual(applied);
    expect(bookedBy(work)).toEqual({});
    expect(account(work)).toMatchObject({ available: 0n, debt: 0n, last_seq: 2n });
    expect(work.changed(clientEntries)).toMatchObject([{ kind: 'refund', amount: -48_500_000n, seq: 2n }]);
    expect(status(work)).toMatchObject({ state: 'closed', incoming: 0n, receipt_due_at: null });
    expect(issues(work)).toEqual(['refund_after_credit']);
    expect(work.positionDeltas.get(PARTITION)).toEqual({ eth: 0n, usdt: 0n });
    expect(refund(work)).toEqual({ end: 'duplicate', reason: 'duplicate' });
    expect(put(work)).toEqual({ end: 'rejected', reason: 'closed_by_refund' });
  });

  it('instant, paid out already: all of it is a debt', () => {
    const work = workWith({ payout_strategy: 'instant', payout_threshold_usd: null });
    put(work, {}, { strategy: 'instant' });
    refund(work);
    expect(bookedBy(work)).toEqual({ 'client:reserved ETH': '-0.012125', 'client:debt ETH': '0.012125' });
    expect(account(work, 'ETH')).toMatchObject({
      available: 0n,
      reserved: eth('0.012125').minor,
      debt: eth('0.012125').minor,
    });
    expect(work.changed(clientEntries)).toEqual([]);
  });

  it('part of it in a payout: what is free first, the rest a debt', () => {
    const work = workWith({ payout_threshold_usd: '90.00' });
    put(work, { payment_id: '1' });
    put(work, { payment_id: '2' });
    put(work, { payment_id: '3', outcome_amount: '0.005' });
    expect(account(work)).toMatchObject({ available: usdt('19.4').minor, reserved: usdt('97').minor });
    refund(work, '1');
    expect(account(work)).toMatchObject({
      available: 0n,
      debt: usdt('29.1').minor,
      reserved: usdt('97').minor,
    });
    expect(bookedBy(work)).toMatchObject({ 'client:debt USDT': '29.1', 'client:reserved USDT': '-97' });
  });

  it('unvalued: only what was booked goes back', () => {
    const work = workWith();
    put(work, {}, { rate: null });
    expect(refund(work)).toEqual(applied);
    expect(bookedBy(work)).toEqual({});
    expect(account(work, 'ETH')).toMatchObject({ unvalued: 0n, last_seq: 0n });
    expect(status(work)).toMatchObject({ state: 'closed', unvalued_offset: null });
    expect(put(work)).toEqual({ end: 'rejected', reason: 'closed_by_refund' });
  });

  it('both legs of a partially paid payment', () => {
    const work = workWith();
    const partial = { payment_status: 'partially_paid', outcome_amount: '0.01' };
    accumulate(
      work,
      recordOf({
        ...proposed({ ...partial, payment_status: 'finished' }),
        payment: proposed(partial).payment,
      }),
      CONTEXT,
    );
    put(work);
    refund(work);
    expect(bookedBy(work)).toEqual({});
    expect(work.changed(clientEntries).map((row) => row.amount)).toEqual([
      -usdt('38.8').minor,
      -usdt('9.7').minor,
    ]);
  });

  it('in the asset that came, the exact reverse, too', () => {
    const work = workWith();
    put(work, { outcome_amount: '50', outcome_currency: 'usdterc20' }, { rate: null });
    refund(work);
    expect(bookedBy(work)).toEqual({});
    expect([...work.positionDeltas]).toEqual([]);
  });

  it('undoes this payment of this client alone', () => {
    const work = workWith();
    const other = { ...work.must(clients, CLIENT), client_id: 7n };
    work.load(clients, [other]);
    work.load(clientAccounts, [accountRow('USDT', { client_id: 7n }), accountRow('ETH', { client_id: 7n })]);
    put(work);
    put(work, { payment_id: '2' });
    put(work, { client_id: '7' });
    refund(work);
    expect(account(work).available).toBe(usdt('48.5').minor);
    expect(work.must(clientAccounts, 7n, 'USDT')).toMatchObject({ available: usdt('48.5').minor, debt: 0n });
    expect(work.changed(clientEntries)).toMatchObject([
      { cause_kind: 'refund', cause_id: `${CLIENT}:nowpayments:5077125051:1` },
    ]);
  });

  it('is posted for its client', () => {
    const work = workWith();
    put(work, {}, { rate: null });
    refund(work);
    expect(work.changed(glTransfers)).toMatchObject([
      {
        cause_kind: 'refund',
        cause_id: `${CLIENT}:nowpayments:5077125051`,
        client_id: CLIENT,
        partition: PARTITION,
      },
    ]);
  });

  it('the debt comes back from later credits', () => {
    const work = workWith({ payout_strategy: 'instant', payout_threshold_usd: null });
    put(work, { payment_id: '1' }, { strategy: 'instant' });
    refund(work, '1');
    put(work, { payment_id: '2' }, { strategy: 'instant' });
    expect(account(work, 'ETH')).toMatchObject({ available: 0n, debt: 0n, reserved: eth('0.012125').minor });
    expect(work.all(payoutBatches)).toHaveLength(1);
  });
});

describe('payouts of the client', () => {
  const paying = () => {
    const work = workWith({ payout_threshold_usd: '48.50' });
    put(work, { payment_id: '1' });
    return work;
  };

  it('unsigned: on hold until a person decides, with an event', () => {
    const work = paying();
    refund(work, '1');
    expect(payout(work)).toMatchObject({
      state: 'on_hold',
      held_state: 'requested',
      reason: 'client_debt',
      revision: 2n,
    });
    expect(work.outbox.filter((item) => item.topic === TOPIC.payouts).map((item) => item.type)).toEqual([
      'payout.requested',
      'payout.on_hold',
    ]);
  });

  it.each([
    ['chosen', 'on_hold'],
    ['dropped', 'on_hold'],
    ['signed', 'ordered'],
    ['broadcast', 'ordered'],
  ])('ordered with its transfer %s: %s', (transfer, expected) => {
    const work = paying();
    transferOf(work, transfer);
    refund(work, '1');
    expect(payout(work).state).toBe(expected);
  });

  it.each(['requested', 'awaiting_approval', 'awaiting_funds', 'ordered'])('%s: on hold', (state) => {
    const work = paying();
    work.put(payoutBatches, { ...payout(work), state });
    const held = holdUnsignedPayouts(work, CLIENT, 'client_debt');
    expect(held).toMatchObject([{ state: 'on_hold', held_state: state, reason: 'client_debt' }]);
  });

  it('of others are left alone', () => {
    const work = paying();
    expect(holdUnsignedPayouts(work, 7n, 'client_debt')).toEqual([]);
    expect(payout(work).state).toBe('requested');
  });

  it.each([
    ['of a payout before this one', { owner_id: 'another' }],
    ['of a conversion', { owner_kind: 'conversion' }],
    ['of an earlier attempt', { attempt: 0 }],
  ])('a transfer that is signed %s is none of its own', (_name, part) => {
    const work = paying();
    transferOf(work, 'signed');
    const [transfer] = work.all(transfers);
    work.load(transfers, [{ ...transfer!, ...part }]);
    refund(work, '1');
    expect(payout(work).state).toBe('on_hold');
  });

  it.each(['funded', 'exchanging', 'completed', 'cancelled', 'on_hold'])('%s: left as it is', (state) => {
    const work = paying();
    work.put(payoutBatches, { ...payout(work), state });
    refund(work, '1');
    expect(payout(work)).toMatchObject({ state, revision: 1n });
  });
});

describe('after the receipt was confirmed', () => {
  it('books nothing: a discrepancy, unsigned payouts on hold', () => {
    const work = workWith({ payout_threshold_usd: '48.50' });
    put(work);
    work.put(paymentStatus, { ...status(work), confirmed: status(work).incoming });
    const before = bookedBy(work);
    expect(refund(work)).toEqual({ end: 'rejected', reason: 'refund_after_receipt' });
    expect(bookedBy(work)).toEqual(before);
    expect(issues(work)).toEqual(['refund_after_receipt']);
    expect(payout(work)).toMatchObject({ state: 'on_hold', reason: 'client_debt' });
    expect(status(work)).toMatchObject({ state: 'credited', status: 'refunded' });
    expect(refund(work)).toEqual({ end: 'duplicate', reason: 'duplicate' });
    expect(put(work).end).toBe('duplicate');
  });

  it('of a payment without a value: it gets its value all the same, once there is a rate', () => {
    const work = workWith();
    put(work, {}, { rate: null });
    work.put(paymentStatus, { ...status(work), confirmed: status(work).incoming });
    expect(refund(work)).toEqual({ end: 'rejected', reason: 'refund_after_receipt' });
    const cured = { ...proposed(), payment: factsOf(status(work)) };
    expect(cured.payment.payment_status).toBe('refunded');
    expect(accumulate(work, recordOf(cured), CONTEXT)).toEqual(applied);
    expect(status(work)).toMatchObject({ state: 'credited', status: 'refunded', legs: 1 });
    expect(account(work, 'ETH').unvalued).toBe(0n);
    expect(accumulate(work, recordOf(cured), CONTEXT)).toEqual({ end: 'duplicate', reason: 'duplicate' });
  });

  it('sent back by the operator: the same set from wallet:sending', () => {
    const work = workWith();
    put(work);
    bookedBy(work);
    refundPayment(work, status(work), 'wallet:sending');
    expect(bookedBy(work)).toEqual({ 'wallet:incoming ETH': '0.0125', 'wallet:sending ETH': '-0.0125' });
    expect(status(work)).toMatchObject({ state: 'closed', incoming: 0n, confirmed: 0n });
  });
});

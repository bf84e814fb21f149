/** Every way in which a record of payments.valued can end: statuses, repeats, clashes, second legs, late values, parking. */
import { describe, expect, it } from 'vitest';
import {
  clientAccounts,
  discrepancies,
  type PaymentStatusRow,
  paymentStatus,
  payoutAccumulation,
  quarantined,
} from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import type { ValuedRecord } from '../../../../processors/accumulate/record.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import type {
  JournalRecord,
  PaymentFacts,
  PaymentValued,
  QuarantineRecord,
} from '../../../../schemas/events.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import {
  bookedBy,
  CLIENT,
  CONTEXT,
  eth,
  facts,
  NOW,
  PARTITION,
  type ProposeOptions,
  proposed,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';

const ENTITY = `payment:${CLIENT}:nowpayments:5077125051`;

function put(
  work: Work,
  part: Partial<PaymentFacts> = {},
  options: ProposeOptions = {},
  record: Partial<ValuedRecord> = {},
) {
  return accumulate(work, recordOf(proposed(part, options), record), CONTEXT);
}

function putValue(work: Work, value: PaymentValued, record: Partial<ValuedRecord> = {}) {
  return accumulate(work, recordOf(value, record), CONTEXT);
}

/** A value for facts that convert passes on without one: what the confirmation by GET writes. */
function confirmed(part: Partial<PaymentFacts>, options: ProposeOptions = {}): PaymentValued {
  return { ...proposed({ ...part, payment_status: 'finished' }, options), payment: facts(part) };
}

const status = (work: Work, id = '5077125051') => work.must(paymentStatus, CLIENT, 'nowpayments', id);
const applied = { end: 'applied', reason: null };
const duplicate = { end: 'duplicate', reason: 'duplicate' };
const stale = { end: 'rejected', reason: 'stale_status' };
const issues = (work: Work) => work.changed(discrepancies).map((row) => row.kind);
const notCredited = (work: Work) =>
  work.outbox.filter(
    (item) => item.topic === TOPIC.journal && (item.value as JournalRecord).cause_kind === 'not_credited',
  );

/** Marks the row as the confirmation intent does once GET agrees. */
function getConfirms(work: Work): void {
  work.put(paymentStatus, { ...status(work), get_confirmed: true });
}

describe('statuses without a value', () => {
  it('rise: each is applied once and books nothing [failures 46, H21]', () => {
    const work = workWith();
    for (const payment_status of ['waiting', 'confirming', 'confirmed', 'sending']) {
      expect(put(work, { payment_status, outcome_amount: null })).toEqual(applied);
      expect(status(work)).toMatchObject({ status: payment_status, state: 'open', legs: 0 });
    }
    expect(bookedBy(work)).toEqual({});
    expect(work.outbox).toEqual([]);
  });

  it('the same again is a duplicate, a lower one stale [failures 46, H21]', () => {
    const work = workWith();
    put(work, { payment_status: 'sending' });
    expect(put(work, { payment_status: 'sending' })).toEqual(duplicate);
    expect(put(work, { payment_status: 'waiting' })).toEqual(stale);
    expect(status(work).status).toBe('sending');
  });

  it('after the credit they are stale and change nothing [failure H21]', () => {
    const work = workWith();
    put(work);
    for (const payment_status of ['waiting', 'sending', 'partially_paid'])
      expect(put(work, { payment_status })).toEqual(stale);
    expect(status(work)).toMatchObject({ status: 'finished', state: 'credited', legs: 1 });
    expect(issues(work)).toEqual([]);
  });

  it('a status we do not know is parked', () => {
    const work = workWith();
    expect(put(work, { payment_status: 'dreaming' })).toEqual({
      end: 'quarantined',
      reason: 'status_unknown',
    });
  });

  it('partially paid asks for confirmation after PARTIAL_AFTER [failure H21]', () => {
    const work = workWith();
    expect(put(work, { payment_status: 'partially_paid' })).toEqual(applied);
    const key = `confirm:${CLIENT}|nowpayments|5077125051`;
    expect(work.intents.get(key)).toMatchObject({
      kind: 'partial',
      dueAt: new Date(NOW.getTime() + 3_600_000),
    });
    expect(bookedBy(work)).toEqual({});
  });

  it.each(['failed', 'expired'])(
    '%s ends an open payment and is no news to a credited one',
    (payment_status) => {
      const work = workWith();
      put(work, { payment_status: 'waiting' });
      expect(put(work, { payment_status })).toEqual(applied);
      expect(put(work, { payment_status })).toEqual(duplicate);
      expect(put(work, { payment_status: 'waiting' })).toEqual(stale);
      const credited = workWith();
      put(credited);
      expect(put(credited, { payment_status })).toEqual(stale);
      expect(issues(credited)).toEqual(['stale_status']);
      expect(status(credited).state).toBe('credited');
    },
  );
});

describe('finished', () => {
  it('without anything before it is credited [failure 48]', () => {
    const work = workWith();
    expect(put(work)).toEqual(applied);
    expect(status(work)).toMatchObject({ state: 'credited', status: 'finished' });
  });

  it('the same facts again are a duplicate, whatever rate or strategy they carry now [failure 40]', () => {
    const work = workWith();
    put(work);
    expect(put(work)).toEqual(duplicate);
    const revalued = { end: 'duplicate', reason: 'duplicate_revalued' };
    expect(put(work, {}, { rate: '4100', rateId: 'r-2' })).toEqual(revalued);
    expect(put(work, {}, { strategy: 'instant' })).toEqual(revalued);
    expect(put(work, {}, { rate: null })).toEqual(revalued);
    expect(work.must(clientAccounts, CLIENT, 'USDT').available).toBe(usdt('48.5').minor);
    expect(issues(work)).toEqual([]);
    expect(notCredited(work)).toEqual([]);
  });

  it.each([
    ['another amount', { outcome_amount: '0.02' }],
    ['another currency', { outcome_currency: 'usdterc20', outcome_amount: '50' }],
    ['another order', { order_id: 'S1.other' }],
  ])('with %s is a clash: a discrepancy, no credit [failure 40]', (_name, part) => {
    const work = workWith();
    put(work);
    expect(put(work, part)).toEqual({ end: 'rejected', reason: 'content_clash' });
    expect(issues(work)).toEqual(['content_clash']);
    expect(notCredited(work)).toHaveLength(1);
    expect(work.all(payoutAccumulation)).toHaveLength(1);
  });

  it('a repeated deposit, with its own payment id, is a payment of its own', () => {
    const work = workWith();
    put(work, { payment_id: '1' });
    expect(put(work, { payment_id: '2', parent_payment_id: '1' })).toEqual(applied);
    expect(status(work, '2')).toMatchObject({ parent_payment_id: '1', legs: 1 });
    expect(work.must(clientAccounts, CLIENT, 'USDT').available).toBe(usdt('97').minor);
  });

  it.each([
    ['no outcome', { outcome_amount: null }, 'outcome_missing'],
    ['outcome 0', { outcome_amount: '0' }, 'outcome_missing'],
    ['less than a minor unit', { outcome_amount: '0.000000000000000001' }, 'value_too_small'],
  ])('%s: a discrepancy, no credit', (_name, part, reason) => {
    const work = workWith();
    expect(put(work, part)).toEqual({ end: 'rejected', reason });
    expect(issues(work)).toEqual([reason]);
    expect(bookedBy(work)).toEqual({});
  });

  it.each(['failed', 'expired'])('after %s it waits for GET, then is credited once', (before) => {
    const work = workWith();
    put(work, { payment_status: before });
    expect(put(work)).toEqual({ end: 'rejected', reason: 'awaiting_confirmation' });
    expect(status(work).state).toBe('confirming');
    expect(work.intents.get(`confirm:${CLIENT}|nowpayments|5077125051`)).toMatchObject({
      kind: 'partial',
      dueAt: NOW,
    });
    expect(put(work)).toEqual(duplicate);
    expect(bookedBy(work)).toEqual({});
    getConfirms(work);
    expect(put(work)).toEqual(applied);
    expect(put(work)).toEqual(duplicate);
    expect(status(work)).toMatchObject({ state: 'credited', legs: 1 });
  });
});

describe('partially paid, then finished', () => {
  const partial = { payment_status: 'partially_paid', outcome_amount: '0.01' };

  it('credits the difference at its own rate as a second leg', () => {
    const work = workWith();
    put(work, partial);
    expect(putValue(work, confirmed(partial))).toEqual(applied);
    expect(put(work, {}, { rate: '5000', rateId: 'r-2' })).toEqual(applied);
    expect(work.all(payoutAccumulation)).toMatchObject([
      { leg: 1, gross: usdt('40').minor, fee: usdt('1.2').minor, net: usdt('38.8').minor, rate_id: 'r-1' },
      {
        leg: 2,
        gross: usdt('12.5').minor,
        fee: usdt('0.375').minor,
        net: usdt('12.125').minor,
        rate_id: 'r-2',
      },
    ]);
    expect(status(work)).toMatchObject({ legs: 2, incoming: eth('0.0125').minor, status: 'finished' });
    expect(put(work, {}, { rate: '5000', rateId: 'r-2' })).toEqual(duplicate);
  });

  it('with the same outcome changes only the status', () => {
    const work = workWith();
    putValue(work, confirmed(partial));
    expect(put(work, { outcome_amount: '0.01' })).toEqual(applied);
    expect(status(work)).toMatchObject({ legs: 1, status: 'finished' });
    expect(put(work, { outcome_amount: '0.01' }).end).toBe('duplicate');
  });

  it('with less is a clash', () => {
    const work = workWith();
    putValue(work, confirmed(partial));
    expect(put(work, { outcome_amount: '0.009' })).toEqual({ end: 'rejected', reason: 'content_clash' });
  });

  it('a third leg does not exist', () => {
    const work = workWith();
    putValue(work, confirmed(partial));
    put(work);
    expect(put(work, { outcome_amount: '0.02' })).toEqual({ end: 'rejected', reason: 'content_clash' });
  });

  it('finished first: the confirmed partial that comes late is stale, no discrepancy', () => {
    const work = workWith();
    put(work, partial);
    put(work);
    expect(putValue(work, confirmed(partial))).toEqual(stale);
    expect(issues(work)).toEqual([]);
    expect(status(work)).toMatchObject({ legs: 1, status: 'finished' });
  });

  const noRate = { rate: null };

  it('a rest that comes without a rate waits for one and is credited as leg 2 at that [failure H1]', () => {
    const work = workWith();
    putValue(work, confirmed(partial));
    expect(put(work, {}, noRate)).toEqual(applied);
    expect(status(work)).toMatchObject({ state: 'unvalued', legs: 1, incoming: eth('0.0125').minor });
    expect(work.must(clientAccounts, CLIENT, 'ETH').unvalued).toBe(eth('0.0025').minor);
    expect(put(work, {}, noRate)).toEqual(duplicate);
    expect(put(work, {}, { rate: '5000', rateId: 'r-2' })).toEqual(applied);
    expect(work.must(clientAccounts, CLIENT, 'ETH').unvalued).toBe(0n);
    expect(work.all(payoutAccumulation)).toMatchObject([
      { leg: 1, gross: usdt('40').minor, rate_id: 'r-1' },
      { leg: 2, gross: usdt('12.5').minor, net: usdt('12.125').minor, rate_id: 'r-2' },
    ]);
    expect(status(work)).toMatchObject({ state: 'credited', legs: 2, status: 'finished' });
    expect(put(work, {}, { rate: '5000', rateId: 'r-2' })).toEqual(duplicate);
    expect(notCredited(work)).toEqual([]);
  });

  it('a part that waits for a rate and its rest become one value [failure H1]', () => {
    const work = workWith();
    putValue(work, { ...proposed({}, noRate), payment: facts(partial), received: eth('0.01') });
    expect(status(work)).toMatchObject({ state: 'unvalued', status: 'partially_paid' });
    expect(put(work, {}, noRate)).toEqual(applied);
    expect(status(work)).toMatchObject({ state: 'unvalued', status: 'finished', legs: 0 });
    expect(work.must(clientAccounts, CLIENT, 'ETH').unvalued).toBe(eth('0.0125').minor);
    expect(putValue(work, confirmed(partial))).toEqual(stale);
    expect(put(work)).toEqual(applied);
    expect(work.must(clientAccounts, CLIENT, 'ETH').unvalued).toBe(0n);
    expect(work.all(payoutAccumulation)).toMatchObject([{ leg: 1, gross: usdt('50').minor }]);
    expect(bookedBy(work)).toEqual({
      'wallet:incoming ETH': '0.0125',
      'position:open ETH': '-0.0125',
      'position:open USDT': '50',
      'client:available USDT': '-48.5',
      'platform:fees USDT': '-1.5',
    });
  });

  it('a rest that comes with a rate values the part that waits for one, too', () => {
    const work = workWith();
    putValue(work, { ...proposed({}, noRate), payment: facts(partial), received: eth('0.01') });
    expect(put(work)).toEqual(applied);
    expect(status(work)).toMatchObject({ state: 'credited', status: 'finished', legs: 1 });
    expect(work.must(clientAccounts, CLIENT, 'ETH').unvalued).toBe(0n);
    expect(work.all(payoutAccumulation)).toMatchObject([{ leg: 1, gross: usdt('50').minor }]);
  });

  it('a refund undoes the leg that is credited and the rest that is not', () => {
    const work = workWith();
    putValue(work, confirmed(partial));
    put(work, {}, noRate);
    expect(put(work, { payment_status: 'refunded' })).toEqual(applied);
    expect(bookedBy(work)).toEqual({});
    expect(work.must(clientAccounts, CLIENT, 'ETH').unvalued).toBe(0n);
    expect(status(work)).toMatchObject({ state: 'closed', incoming: 0n });
  });

  it('a second leg with parts missing is parked, and does not stop the partition', () => {
    const work = workWith();
    putValue(work, confirmed(partial));
    expect(putValue(work, { ...proposed(), fee_bps: null })).toEqual({
      end: 'quarantined',
      reason: 'field_invalid',
    });
  });
});

describe('unvalued', () => {
  const noRate = { rate: null };

  it('books what came and asks for the cure [failure H1]', () => {
    const work = workWith();
    expect(put(work, {}, noRate)).toEqual(applied);
    expect(bookedBy(work)).toEqual({ 'wallet:incoming ETH': '0.0125', 'client:unvalued ETH': '-0.0125' });
    expect(work.must(clientAccounts, CLIENT, 'ETH')).toMatchObject({
      unvalued: eth('0.0125').minor,
      last_seq: 0n,
    });
    expect(status(work)).toMatchObject({ state: 'unvalued', legs: 0 });
    expect(status(work).unvalued_offset).not.toBeNull();
    expect([...work.intents.keys()].toSorted()).toEqual([`cure:${PARTITION}`, `receipts:${PARTITION}`]);
    expect(put(work, {}, noRate)).toEqual(duplicate);
  });

  it('its first value credits it: nothing of it stays unvalued [failures 21, H1]', () => {
    const work = workWith();
    put(work, {}, noRate);
    expect(put(work)).toEqual(applied);
    expect(bookedBy(work)).toEqual({
      'wallet:incoming ETH': '0.0125',
      'position:open ETH': '-0.0125',
      'position:open USDT': '50',
      'client:available USDT': '-48.5',
      'platform:fees USDT': '-1.5',
    });
    expect(work.must(clientAccounts, CLIENT, 'ETH').unvalued).toBe(0n);
    expect(status(work)).toMatchObject({
      state: 'credited',
      legs: 1,
      unvalued_offset: null,
      incoming: eth('0.0125').minor,
    });
    expect(put(work)).toEqual(duplicate);
  });

  it('valued as instant after a change of strategy', () => {
    const work = workWith();
    put(work, {}, noRate);
    expect(put(work, {}, { strategy: 'instant' })).toEqual(applied);
    expect(bookedBy(work)).toMatchObject({
      'wallet:incoming ETH': '0.0125',
      'platform:fees ETH': '-0.000375',
    });
    expect(work.must(payoutAccumulation, CLIENT, 'nowpayments', '5077125051', 1)).toMatchObject({
      asset: 'ETH',
      net: eth('0.012125').minor,
    });
  });

  it('a value of another amount is parked', () => {
    const work = workWith();
    put(work, {}, noRate);
    const value = {
      ...proposed(),
      received: eth('0.01'),
      gross: usdt('40'),
      fee: usdt('1.2'),
      net: usdt('38.8'),
    };
    expect(putValue(work, value)).toEqual({ end: 'quarantined', reason: 'field_invalid' });
  });

  it('other facts than those booked are a clash', () => {
    const work = workWith();
    put(work, {}, noRate);
    expect(put(work, { outcome_amount: '0.02' })).toEqual({ end: 'rejected', reason: 'content_clash' });
  });
});

describe('values that make no sense are parked', () => {
  const good = proposed();
  const cases: readonly [string, Partial<PaymentValued>][] = [
    ['a part missing', { net: null }],
    ['parts that do not add up', { net: usdt('49') }],
    ['nothing left', { net: usdt('0'), fee: usdt('50') }],
    ['a negative fee', { fee: usdt('-1'), net: usdt('51') }],
    ['parts in two assets', { fee: eth('1.5') }],
    ['held asset of another amount', { received: usdt('40'), rate: null }],
    ['a conversion without a rate', { rate: null }],
    [
      'a conversion from USDT to ETH',
      { received: usdt('50'), gross: eth('1'), fee: eth('0.1'), net: eth('0.9') },
    ],
    ['no strategy', { strategy: null }],
    ['no fee rate', { fee_bps: null }],
    ['a rate that is no number', { rate: 'about 4000' }],
    ['unvalued without an amount', { kind: 'unvalued', received: null }],
    ['a status as value', { kind: 'status', net: null }],
  ];
  it.each(cases)('%s', (_name, part) => {
    const work = workWith();
    expect(putValue(work, { ...good, ...part })).toEqual({ end: 'quarantined', reason: 'field_invalid' });
    expect(bookedBy(work)).toEqual({});
  });
});

describe('quarantine', () => {
  it('an unknown client: parked with the original bytes, in the table and on the topic [failure 64]', () => {
    const work = workWith();
    const other = { client_id: '-1009999999999' };
    expect(put(work, other)).toEqual({ end: 'quarantined', reason: 'unknown_client' });
    expect(work.changed(quarantined)).toMatchObject([
      {
        reason: 'unknown_client',
        key: '-1009999999999',
        attempt: 0,
        redriven_at: null,
        value: Buffer.from('bytes'),
      },
    ]);
    const [record] = work.outbox
      .filter((item) => item.topic === TOPIC.quarantine)
      .map((item) => item.value as QuarantineRecord);
    expect(record).toMatchObject({
      reason: 'unknown_client',
      entity: 'payment:-1009999999999:nowpayments:5077125051',
    });
    expect(notCredited(work)).toHaveLength(1);
  });

  it('a key that is not the client parks the record and leaves the payment alone', () => {
    const work = workWith();
    expect(put(work, {}, {}, { key: '7' })).toEqual({ end: 'quarantined', reason: 'key_mismatch' });
    expect(work.all(paymentStatus)).toEqual([]);
    expect(put(work)).toEqual(applied);
  });

  it('what convert rejected for good is parked with its reason', () => {
    const work = workWith();
    expect(put(work, { outcome_currency: 'btc' })).toEqual({
      end: 'quarantined',
      reason: 'outcome_asset_not_held',
    });
    expect(put(workWith(), { outcome_amount: '1e-19' })).toEqual({
      end: 'quarantined',
      reason: 'amount_inexact',
    });
  });

  it('a reason that we do not know is parked, too', () => {
    const value = { ...proposed(), kind: 'rejected', reason: 'because' };
    expect(putValue(workWith(), value)).toEqual({ end: 'quarantined', reason: 'field_invalid' });
  });

  it('closes the payment, not the client', () => {
    const work = workWith();
    put(work, { outcome_currency: 'btc' });
    expect(status(work).quarantined).toBe(true);
    expect(put(work)).toEqual({ end: 'quarantined', reason: 'behind_quarantined' });
    expect(put(work, { payment_id: '2' })).toEqual(applied);
    expect(work.changed(quarantined).map((row) => row.entity)).toEqual([ENTITY, ENTITY]);
  });

  it('redriven records pass the closed door in order; the last one opens it', () => {
    const work = workWith();
    put(work, { outcome_currency: 'btc' });
    put(work);
    for (const row of work.all(quarantined)) work.put(quarantined, { ...row, redriven_at: NOW });
    expect(put(work, { payment_status: 'sending', outcome_amount: null }, {}, { attempt: 1 }).end).not.toBe(
      'quarantined',
    );
    expect(status(work).quarantined).toBe(true);
    expect(put(work, {}, {}, { attempt: 1, lastOfRedrive: true })).toEqual(applied);
    expect(status(work)).toMatchObject({ quarantined: false, state: 'credited' });
  });

  it('the door stays closed while other records of the payment are parked', () => {
    const work = workWith();
    put(work, { outcome_currency: 'btc' });
    put(work);
    put(work, {}, {}, { attempt: 1, lastOfRedrive: true });
    expect(status(work).quarantined).toBe(true);
  });

  it('a redriven credit is a posting set of its own, journalled with its entry', () => {
    const work = workWith();
    put(work, {}, {}, { attempt: 1 });
    const sets = work.outbox
      .filter((item) => item.topic === TOPIC.journal)
      .map((item) => item.value as JournalRecord);
    expect(sets).toMatchObject([
      { cause_kind: 'credit', entries: [{ kind: 'payment', seq: 1n, amount: usdt('48.5') }] },
    ]);
  });
});

describe('the order in which statuses arrive', () => {
  const lives: readonly (readonly string[])[] = [
    ['waiting', 'confirming', 'confirmed', 'sending', 'finished'],
    ['finished', 'sending', 'waiting'],
    ['waiting', 'finished', 'finished', 'confirming'],
    ['partially_paid', 'finished', 'partially_paid'],
  ];
  it.each(lives)('%s %s %s ends credited once [failures 48, H21]', (...statuses) => {
    const work = workWith();
    for (const payment_status of statuses) if (payment_status) put(work, { payment_status });
    expect(work.all(payoutAccumulation)).toHaveLength(1);
    const row: PaymentStatusRow = status(work);
    expect(row).toMatchObject({ state: 'credited', status: 'finished', incoming: eth('0.0125').minor });
  });
});

/** What comes after a part: its rest, with and without a rate, what is no rest of it, and what a refusal leaves alone. */
import { describe, expect, it } from 'vitest';
import {
  clientAccounts,
  discrepancies,
  glTransfers,
  paymentStatus,
  payoutAccumulation,
} from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import { proposeValues } from '../../../../processors/accumulate/cure.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import type { PaymentCredited, PaymentFacts, PaymentValued } from '../../../../schemas/events.ts';
import { money } from '../../../../schemas/money.ts';
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
  rateRow,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';

const PART = { payment_status: 'partially_paid', outcome_amount: '0.01' };
const noRate = { rate: null };
const put = (work: Work, part: Partial<PaymentFacts> = {}, options: ProposeOptions = {}) =>
  accumulate(work, recordOf(proposed(part, options)), CONTEXT);
const putValue = (work: Work, value: PaymentValued) => accumulate(work, recordOf(value), CONTEXT);
const status = (work: Work) => work.must(paymentStatus, CLIENT, 'nowpayments', '5077125051');
const issues = (work: Work) => work.all(discrepancies).map(({ kind }) => kind);
const unvalued = (work: Work) => work.must(clientAccounts, CLIENT, 'ETH').unvalued;
const credited = (work: Work) =>
  work.outbox.filter(({ topic }) => topic === TOPIC.credited).map(({ value }) => value as PaymentCredited);

/** The value of a part, as the confirmation by GET writes it. */
function partValue(part: Partial<PaymentFacts> = {}, options: ProposeOptions = {}): PaymentValued {
  const all = { ...PART, ...part };
  return { ...proposed({ ...all, payment_status: 'finished' }, options), payment: facts(all) };
}

/** A part of 0.01 ETH that is credited, or that waits for a rate. */
function partOf(options: ProposeOptions = {}): Work {
  const work = workWith();
  expect(putValue(work, partValue({}, options)).end).toBe('applied');
  return work;
}

describe('a rest with a rate', () => {
  it('is credited in one step: nothing of it was ever unvalued, and it gives access', () => {
    const work = partOf();
    put(work, {}, { rate: '5000', rateId: 'r-2' });
    expect(credited(work)).toMatchObject([
      { leg: 1, access: false },
      { leg: 2, access: true },
    ]);
    bookedBy(work);
    const accounts = work.changed(glTransfers).flatMap(({ debit, credit }) => [debit, credit]);
    expect(accounts).not.toContain('client:unvalued');
  });

  it('of nothing that counts is refused by name, and the part stays what it is', () => {
    const work = partOf();
    const dust = { outcome_amount: '0.010000000000000001' };
    expect(put(work, dust)).toEqual({ end: 'rejected', reason: 'value_too_small' });
    expect(status(work)).toMatchObject({ state: 'credited', legs: 1, incoming: eth('0.01').minor });
  });

  it('of nothing at all, of a part that waits for a rate, values the part', () => {
    const work = partOf(noRate);
    expect(put(work, { outcome_amount: '0.01' }).end).toBe('applied');
    expect(status(work)).toMatchObject({ state: 'credited', legs: 1, status: 'finished' });
    expect(unvalued(work)).toBe(0n);
  });
});

describe('a value that comes later', () => {
  it('gives access when the whole price was paid, and none for a part', () => {
    const whole = workWith();
    put(whole, {}, noRate);
    put(whole);
    const part = partOf(noRate);
    putValue(part, partValue());
    expect([...credited(whole), ...credited(part)].map(({ access }) => access)).toEqual([true, false]);
  });

  it('as instant stays in the asset that came: no position', () => {
    const work = workWith({}, { limits: [] });
    put(work, {}, noRate);
    put(work, {}, { strategy: 'instant' });
    expect(bookedBy(work)).toEqual({
      'wallet:incoming ETH': '0.0125',
      'client:available ETH': '-0.012125',
      'platform:fees ETH': '-0.000375',
    });
    expect([...work.positionDeltas]).toEqual([]);
  });

  it('of the same number in another asset is parked', () => {
    const work = workWith();
    put(work, {}, noRate);
    const same = money('USDT', eth('0.0125').minor);
    const value = { ...proposed(), received: same, gross: same, fee: usdt('0'), net: same };
    expect(putValue(work, value)).toEqual({ end: 'quarantined', reason: 'field_invalid' });
  });

  it('of a rest that is worth nothing is refused by name; the rest stays booked', () => {
    const work = partOf();
    const dust = { outcome_amount: '0.010000000000000001' };
    expect(put(work, dust, noRate).end).toBe('applied');
    expect(unvalued(work)).toBe(1n);
    expect(put(work, dust)).toEqual({ end: 'rejected', reason: 'value_too_small' });
    expect([unvalued(work), status(work).state]).toEqual([1n, 'unvalued']);
  });
});

describe('no rest of the part: a clash, nothing booked', () => {
  it.each<[string, PaymentValued]>([
    ['another part', partValue({ outcome_amount: '0.011' })],
    ['of another order', proposed({ order_id: 'S1.other' })],
    ['in another currency', proposed({ outcome_currency: 'usdterc20', outcome_amount: '50' })],
    ['less', proposed({ outcome_amount: '0.009' })],
  ])('%s', (_name, value) => {
    const work = partOf();
    const before = bookedBy(work);
    expect(putValue(work, value)).toEqual({ end: 'rejected', reason: 'content_clash' });
    expect(bookedBy(work)).toEqual(before);
    expect(issues(work)).toEqual(['content_clash']);
  });
});

describe('a repeat', () => {
  it.each<[string, ProposeOptions, string]>([
    ['of the same value', {}, 'duplicate'],
    ['at another rate', { rateId: 'r-2' }, 'duplicate_revalued'],
    ['of another strategy at the same rate', { strategy: 'accumulating' }, 'duplicate_revalued'],
    ['without a value', noRate, 'duplicate_revalued'],
  ])('%s is %s', (_name, options, reason) => {
    const work = workWith();
    put(work);
    expect(put(work, {}, options).reason).toBe(reason);
  });

  it('of a part that still waits wakes nothing', () => {
    const work = workWith();
    put(work, PART);
    expect(work.intents.get(`forward:${CLIENT}|nowpayments|5077125051`)).toMatchObject({
      kind: 'partial',
      dueAt: new Date(NOW.getTime() + CONTEXT.receiptDelayMs),
    });
    work.intents.clear();
    expect(put(work, PART).end).toBe('duplicate');
    expect([...work.intents]).toEqual([]);
  });
});

describe('a value that is refused', () => {
  it('is remembered with what it said while nothing is booked', () => {
    const work = workWith();
    expect(put(work, { outcome_amount: null, outcome_currency: null }).reason).toBe('outcome_missing');
    expect(status(work)).toMatchObject({ state: 'open', status: 'finished', outcome_amount: null });
    expect(work.all(discrepancies)).toMatchObject([{ kind: 'outcome_missing', detail: 'outcome none' }]);
  });

  it('changes nothing of a payment that waits for its rate: the cure still values what came', () => {
    const work = workWith();
    put(work, {}, noRate);
    expect(put(work, { outcome_amount: '0' }).reason).toBe('outcome_missing');
    proposeValues(work, [status(work)], rateRow(), 300);
    expect(work.outbox.at(-1)).toMatchObject({ topic: TOPIC.valued, value: { received: eth('0.0125') } });
    expect(issues(work)).toEqual(['outcome_missing']);
  });

  it('changes nothing of one that was refunded', () => {
    const work = workWith();
    put(work, { payment_status: 'refunded' });
    put(work, { outcome_amount: '0' });
    expect(status(work)).toMatchObject({ state: 'closed', status: 'refunded' });
  });
});

describe('unvalued', () => {
  it.each([0n, -1n])('without an amount above zero (%s) is parked', (minor) => {
    const value = { ...proposed({}, noRate), received: money('ETH', minor) };
    expect(putValue(workWith(), value)).toEqual({ end: 'quarantined', reason: 'field_invalid' });
  });

  it('asks for its receipt and for its cure', () => {
    const work = workWith();
    put(work, {}, noRate);
    const partition = String(PARTITION);
    expect(work.intents.get(`receipts:${partition}`)).toMatchObject({
      kind: 'receipts',
      subject: partition,
      dueAt: new Date(NOW.getTime() + CONTEXT.receiptDelayMs),
    });
    expect(work.intents.get(`cure:${partition}`)).toMatchObject({ kind: 'cure', dueAt: NOW });
  });
});

it('legs of other payments are not this one’s', () => {
  const work = workWith();
  put(work, { payment_id: '1' });
  expect(put(work, { payment_id: '2' }).end).toBe('applied');
  expect(work.all(payoutAccumulation).map(({ leg }) => leg)).toEqual([1, 1]);
});

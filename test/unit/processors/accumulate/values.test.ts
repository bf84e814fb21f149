/** Which values are complete, at each bound; what makes facts the same; what a credit leaves behind beside the money. */
import { describe, expect, it } from 'vitest';
import { clientAccounts, clientEntries, glTransfers, paymentStatus } from '../../../../ledger/tables.ts';
import { legValueOf } from '../../../../processors/accumulate/credit.ts';
import { factsDigest } from '../../../../processors/accumulate/facts.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import type {
  JournalRecord,
  PaymentCredited,
  PaymentFacts,
  PaymentValued,
} from '../../../../schemas/events.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import {
  accountRow,
  CLIENT,
  CONTEXT,
  eth,
  facts,
  PARTITION,
  proposed,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';

const isComplete = (part: Partial<PaymentValued>) =>
  legValueOf(recordOf({ ...proposed(), ...part })) !== undefined;
const free = { fee: usdt('0'), net: usdt('50') };

describe('a value', () => {
  it.each<[Partial<PaymentValued>, boolean]>([
    [{ fee_bps: 0, ...free }, true],
    [{ fee_bps: -1, ...free }, false],
    [{ fee_bps: 2_000, fee: usdt('10'), net: usdt('40') }, true],
    [{ fee_bps: 2_001, fee: usdt('10.005'), net: usdt('39.995') }, false],
  ])('fee %o: %s', (part, complete) => {
    expect(isComplete(part)).toBe(complete);
  });

  it.each([
    ['4000', true],
    ['4000.123456789012345678', true],
    ['4000.', false],
    ['4000.x', false],
    ['4000 ', false],
    ['4000\n', false],
    ['-4000', false],
    ['4e3', false],
    ['', false],
  ])('rate %j: %s', (rate, complete) => {
    expect(isComplete({ rate })).toBe(complete);
  });

  it.each<[string, Partial<PaymentValued>]>([
    ['gross in another asset', { gross: eth('0.0125') }],
    ['fee in another asset', { fee: eth('0.0001') }],
    ['nothing received', { received: eth('0') }],
    ['less than nothing received', { received: eth('-0.0125') }],
    [
      'nothing received in the asset itself',
      { received: usdt('0'), gross: usdt('0'), fee: usdt('0'), net: usdt('0') },
    ],
  ])('%s: no', (_name, part) => {
    expect(isComplete(part)).toBe(false);
  });
});

describe('facts', () => {
  it('are the same only when each field is: what one gives up another cannot take', () => {
    const digest = (part: Partial<PaymentFacts>) => factsDigest(facts(part));
    const all = [
      digest({}),
      digest({ payment_id: '12', client_id: '3' }),
      digest({ payment_id: '1', client_id: '23' }),
      digest({ outcome_currency: 'usdterc20' }),
      digest({ outcome_currency: null }),
      digest({ outcome_amount: null }),
      digest({ outcome_amount: '0' }),
      digest({ order_id: 'S1.other' }),
      digest({ payment_status: 'sending' }),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(digest({ outcome_amount: '0.012500' })).toBe(digest({}));
    expect(digest({ price_amount: '1', pay_amount: '2', actually_paid: '3' })).toBe(digest({}));
  });

  it('that a record leaves out stay as they were; what it says anew is taken', () => {
    const work = workWith();
    const put = (part: Partial<PaymentFacts>) => accumulate(work, recordOf(proposed(part)), CONTEXT);
    const price = () => {
      const row = work.must(paymentStatus, CLIENT, 'nowpayments', '5077125051');
      return [row.price_amount, row.price_currency];
    };
    put({ payment_status: 'waiting' });
    put({ payment_status: 'sending', price_amount: null, price_currency: null });
    expect(price()).toEqual(['50', 'usd']);
    put({ price_amount: '51', price_currency: 'eur' });
    expect(price()).toEqual(['51', 'eur']);
  });
});

describe('a credit', () => {
  it('is one posting set of its batch, and tells of the threshold only who has one', () => {
    const work = workWith({ payout_strategy: 'instant', payout_threshold_usd: '500.00' }, { limits: [] });
    accumulate(work, recordOf(proposed({}, { strategy: 'instant' })), CONTEXT);
    work.closeAggregates();
    for (const row of work.changed(glTransfers))
      expect(row).toMatchObject({ cause_kind: 'credits', cause_id: CONTEXT.batchId, client_id: null });
    const [event] = work.outbox.filter(({ topic }) => topic === TOPIC.credited);
    expect(event).toMatchObject({ type: 'payment.credited', key: String(CLIENT) });
    expect((event!.value as PaymentCredited).threshold_usd).toBeNull();
  });

  it('that pays a debt says so in the client’s entries, in the journal and in the books', () => {
    const work = workWith();
    work.load(clientAccounts, [accountRow('USDT', { debt: usdt('8').minor })]);
    const record = recordOf(proposed());
    accumulate(work, record, CONTEXT);
    const cause = { cause_kind: 'recovery', cause_id: record.value.event_id };
    expect(work.changed(clientEntries)).toMatchObject([cause]);
    expect(work.changed(glTransfers)).toMatchObject([
      { ...cause, client_id: CLIENT, partition: PARTITION, amount: usdt('8').minor },
    ]);
    const [journal] = work.outbox.filter(({ topic }) => topic === TOPIC.journal);
    expect((journal!.value as JournalRecord).entries).toMatchObject([
      { kind: 'recovery', seq: 2n, amount: usdt('-8') },
    ]);
  });
});

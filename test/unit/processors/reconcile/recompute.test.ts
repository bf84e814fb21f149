/** The second bookkeeper: what payments.valued and the journal alone say, each record once, the first value of a payment. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differences, Recomputation } from '../../../../processors/reconcile/recompute.ts';
import type { JournalRecord, PaymentFacts } from '../../../../schemas/events.ts';
import { money } from '../../../../schemas/money.ts';
import { CLIENT, eth, NOW, type ProposeOptions, proposed, usdt } from '../../../fixtures/ledger-rows.ts';

let offset = 0n;
const place = (attempt = 0) => {
  offset += 1n;
  return { partition: 3, offset, attempt };
};
const value = (part: Partial<PaymentFacts> = {}, options: ProposeOptions = {}) => proposed(part, options);

function journalOf(part: Partial<JournalRecord>): JournalRecord {
  const id = '00000000-0000-0000-0000-000000000001';
  return {
    event_id: id,
    occurred_at: NOW,
    posting_set_id: id,
    cause_kind: 'test',
    cause_id: 'test',
    transfers: [],
    entries: [],
    ...part,
  };
}

const CREDITED = {
  'wallet:incoming|ETH': eth('0.0125').minor,
  'position:open|ETH': -eth('0.0125').minor,
  'position:open|USDT': usdt('50').minor,
  'client:available|USDT': -usdt('48.5').minor,
  [`client:${CLIENT}:available|USDT`]: -usdt('48.5').minor,
  'platform:fees|USDT': -usdt('1.5').minor,
};
const balancesOf = (result: Recomputation) => Object.fromEntries(result.balances);

describe('values', () => {
  it('a threshold payment opens a position and credits net and fee', () => {
    const result = new Recomputation();
    result.valued(value(), place());
    expect(balancesOf(result)).toEqual(CREDITED);
  });

  it('an instant one, and USDT that came as USDT, open none', () => {
    const instant = new Recomputation();
    instant.valued(value({}, { strategy: 'instant' }), place());
    expect(balancesOf(instant)).toMatchObject({ 'client:available|ETH': -eth('0.012125').minor });
    const held = new Recomputation();
    held.valued(value({ outcome_amount: '50', outcome_currency: 'usdterc20' }), place());
    expect(balancesOf(held)).toMatchObject({ 'client:available|USDT': -usdt('48.5').minor });
    for (const result of [instant, held])
      expect([...result.balances.keys()].filter((key) => key.startsWith('position'))).toEqual([]);
  });

  it('the first of a payment wins; statuses and rejections have none', () => {
    const result = new Recomputation();
    result.valued(value({ payment_status: 'waiting' }), place());
    result.valued(value({ outcome_currency: 'doge' }), place());
    result.valued(value(), place());
    result.valued(value(), place());
    result.valued(value({}, { rate: '9000', rateId: 'r-9' }), place());
    expect(balancesOf(result)).toEqual(CREDITED);
  });

  it('the same id under two clients, or of two payments, is two', () => {
    const result = new Recomputation();
    result.valued(value(), place());
    result.valued(value({ client_id: '-1001111111111' }), place());
    result.valued(value({ payment_id: '2' }), place());
    expect(balancesOf(result)).toMatchObject({
      'client:available|USDT': 3n * -usdt('48.5').minor,
      'client:-1001111111111:available|USDT': -usdt('48.5').minor,
    });
  });

  it('unvalued is held apart, and its first value moves it', () => {
    const result = new Recomputation();
    result.valued(value({}, { rate: null }), place());
    result.valued(value({}, { rate: null }), place());
    expect(balancesOf(result)).toEqual({
      'wallet:incoming|ETH': eth('0.0125').minor,
      'client:unvalued|ETH': -eth('0.0125').minor,
      [`client:${CLIENT}:unvalued|ETH`]: -eth('0.0125').minor,
    });
    result.valued(value(), place());
    result.valued(value({}, { rate: '5000', rateId: 'r-2' }), place());
    expect(balancesOf(result)).toEqual(CREDITED);
  });

  it('finished with more after a partial credit brings the rest at its own rate', () => {
    const result = new Recomputation();
    const partial = { payment_status: 'partially_paid', outcome_amount: '0.01' };
    result.valued(
      { ...value({ ...partial, payment_status: 'finished' }), payment: value(partial).payment },
      place(),
    );
    result.valued(value({}, { rate: '4400', rateId: 'r-2' }), place());
    expect(balancesOf(result)).toMatchObject({
      'wallet:incoming|ETH': eth('0.0125').minor,
      'client:available|USDT': -usdt('38.8').minor - usdt('10.67').minor,
      'platform:fees|USDT': -usdt('1.2').minor - usdt('0.33').minor,
    });
    result.valued(value({ outcome_amount: '0.02' }), place());
    expect(balancesOf(result)).toMatchObject({ 'wallet:incoming|ETH': eth('0.0125').minor });
  });
});

describe('with the journal', () => {
  it('what was not credited is left out, that very record only', () => {
    const result = new Recomputation();
    const record = value();
    const first = place();
    const cause_id = `${record.event_id}:${first.partition}:${first.offset}`;
    result.journal(journalOf({ cause_kind: 'not_credited', cause_id }), String(CLIENT));
    result.valued(record, first);
    expect(balancesOf(result)).toEqual({});
    result.valued(record, { ...first, partition: 4 });
    expect(balancesOf(result)).toEqual(CREDITED);
  });

  it('a redriven value is counted by the journal once, and its payment is known from then on', () => {
    const result = new Recomputation();
    result.journal(
      journalOf({
        transfers: [
          { debit: 'wallet:incoming', credit: 'client:available', partition: 3, amount: usdt('1') },
        ],
      }),
      String(CLIENT),
    );
    result.valued(value(), place(1));
    result.valued(value(), place());
    expect(balancesOf(result)).toEqual({
      'wallet:incoming|USDT': usdt('1').minor,
      'client:available|USDT': -usdt('1').minor,
      [`client:${CLIENT}:available|USDT`]: -usdt('1').minor,
    });
  });

  it('a redriven payment without a value gets its first one like any other', () => {
    const result = new Recomputation();
    result.valued(value({}, { rate: null }), place(1));
    result.valued(value(), place());
    expect(balancesOf(result)).toMatchObject({
      'client:unvalued|ETH': eth('0.0125').minor,
      'client:available|USDT': -usdt('48.5').minor,
    });
  });

  it('client accounts are split by the key of the record, others are not', () => {
    const result = new Recomputation();
    const transfers = [
      { debit: 'client:reserved', credit: 'wallet:sending', partition: -1, amount: usdt('5') },
    ];
    result.journal(journalOf({ transfers }), 'wallet:sending');
    expect(balancesOf(result)).toEqual({
      'client:reserved|USDT': usdt('5').minor,
      'wallet:sending|USDT': -usdt('5').minor,
    });
    result.journal(journalOf({ transfers }), '-100');
    expect(balancesOf(result)).toMatchObject({ 'client:-100:reserved|USDT': usdt('5').minor });
  });
});

describe('always', () => {
  const records = fc.array(
    fc.record({
      payment_id: fc.constantFrom('1', '2', '3'),
      outcome_amount: fc.constantFrom('0.01', '0.0125', '3'),
      payment_status: fc.constantFrom('finished', 'waiting', 'refunded'),
      strategy: fc.constantFrom('instant', 'threshold'),
      rate: fc.constantFrom('4000', '1234.5678', null),
    }),
    { maxLength: 25 },
  );

  it('every asset sums to zero over the accounts, whatever comes', () => {
    fc.assert(
      fc.property(records, (given) => {
        const result = new Recomputation();
        for (const { strategy, rate, ...part } of given)
          result.valued(value(part, { strategy, rate }), place());
        for (const asset of ['ETH', 'USDT']) {
          const accounts = [...result.balances].filter(
            ([key]) => key.endsWith(asset) && !/^client:-/.test(key),
          );
          expect(accounts.reduce((sum, [, balance]) => sum + balance, 0n)).toBe(0n);
        }
      }),
    );
  });

  it('each record once or twice gives the same', () => {
    fc.assert(
      fc.property(records, (given) => {
        const [once, twice] = [new Recomputation(), new Recomputation()];
        for (const { strategy, rate, ...part } of given) {
          const record = value({ ...part, outcome_amount: '0.01' }, { strategy, rate });
          once.valued(record, place());
          for (let count = 0; count < 2; count += 1) twice.valued(record, place());
        }
        expect(twice.balances).toEqual(once.balances);
      }),
    );
  });
});

describe('differences', () => {
  it('are named in order, ledger less recomputed; zero and missing are the same', () => {
    const ledger = new Map([
      ['b|ETH', 5n],
      ['a|ETH', money('ETH', 1n).minor],
      ['c|ETH', 0n],
    ]);
    expect(
      differences(
        ledger,
        new Map([
          ['b|ETH', 7n],
          ['d|USDT', 0n],
        ]),
      ),
    ).toEqual([
      { key: 'a|ETH', difference: 1n },
      { key: 'b|ETH', difference: -2n },
    ]);
    expect(differences(ledger, ledger)).toEqual([]);
  });
});

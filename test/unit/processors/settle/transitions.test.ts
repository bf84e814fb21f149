/** What settle decides: rates, receipts, late values, and when a conversion starts. */
import { describe, expect, test } from 'vitest';
import type { OpenRange } from '../../../../ledger/sql/open-positions.ts';
import {
  chainDeposits,
  conversionRanges,
  conversions,
  discrepancies,
  type PaymentStatusRow,
  paymentStatus,
} from '../../../../ledger/tables.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import {
  confirmValue,
  keepForward,
  lacksForward,
  stillWaits,
} from '../../../../processors/settle/transition-partial.ts';
import { ethToQuote, judgeRate } from '../../../../processors/settle/transition-rates.ts';
import {
  applyReceipt,
  bookReceipts,
  compareReceipt,
  type PaymentNow,
} from '../../../../processors/settle/transition-receipts.ts';
import { openConversion, triggerOf } from '../../../../processors/settle/transition-treasury.ts';
import {
  bookedBy,
  CLIENT,
  CONTEXT,
  limitRow,
  NOW,
  proposed,
  rateRow,
  recordOf,
  workWith,
} from '../../../fixtures/ledger-rows.ts';
import { hash } from '../../../fixtures/out-desk.ts';

describe('rates', () => {
  const BOUNDS = { maxAgeMs: 300_000, deviationBps: 200, pegBps: 200, quoteUsd: '1000' };
  const judge = (quote: object, spot: object, last = rateRow()) =>
    judgeRate(
      {
        quote: { fromEth: '0.25', toUsdt: '1000', ...quote },
        spot: { ethUsd: '4000', usdtUsd: '1', updatedAt: NOW, ...spot },
      },
      last,
      NOW,
      BOUNDS,
    );

  test('two sources that agree make an exact net rate', () => {
    expect(judge({ toUsdt: '995.5' }, {})).toMatchObject({
      usable: true,
      reason: null,
      usdt_per_eth: '3982',
    });
  });

  test.each([
    [{ toUsdt: '0' }, {}, /above zero/],
    [{ fromEth: '0' }, {}, /above zero/],
    [{}, { updatedAt: null }, /how old/],
    [{}, { updatedAt: new Date(NOW.getTime() - 300_001) }, /300 s old/],
    [{}, { usdtUsd: '0.979' }, /off its peg/],
    [{}, { ethUsd: '4100' }, /the feed says 4100/],
    [{ toUsdt: '3100' }, { ethUsd: '12400' }, /absurd/],
    [{ toUsdt: '330' }, { ethUsd: '1320' }, /absurd/],
  ])('%o %o is kept but not usable [failure 15]', (quote, spot, reason) => {
    const row = judge(quote, spot);
    expect(row.usable).toBe(false);
    expect(row.reason).toMatch(reason);
  });

  test.each([
    [{}, { ethUsd: '4080' }],
    [{}, { usdtUsd: '0.98' }],
    [{}, { updatedAt: new Date(NOW.getTime() - 300_000) }],
  ])('%o %o is just within its bound [failure 15]', (quote, spot) => {
    expect(judge(quote, spot).usable).toBe(true);
  });

  test('after a day without a usable rate a new level is believed', () => {
    const old = rateRow({ usdt_per_eth: '1000', at: new Date(NOW.getTime() - 25 * 3_600_000) });
    expect(judge({}, {}, old).usable).toBe(true);
    const day = 24 * 3_600_000;
    for (const age of [0, 23 * 3_600_000, day])
      expect(judge({}, {}, { ...old, at: new Date(NOW.getTime() - age) }).usable).toBe(false);
    expect(judge({}, {}, { ...old, at: new Date(NOW.getTime() - day - 1) }).usable).toBe(true);
  });

  test('the quote is for RATE_QUOTE_USD worth of ETH', () => {
    expect([ethToQuote('1000', '4000'), ethToQuote('1000', '3333')]).toEqual(['0.25', '0.300031']);
  });
});

/** A credited payment of 0.0125 ETH whose receipt is open. */
function credited() {
  const work = workWith();
  accumulate(work, recordOf(proposed()), CONTEXT);
  return { work, row: work.all(paymentStatus)[0]! };
}

const GET: PaymentNow = {
  status: 'finished',
  orderId: 'S1.example',
  outcomeAmount: '0.0125',
  outcomeCurrency: 'eth',
  payoutHash: hash(1),
};
const deposit = (part = {}) => ({
  hash: hash(1),
  log_index: -1,
  block: 5n,
  asset: 'ETH',
  from_address: '0x1',
  amount: 12_500_000_000_000_000n,
  used_for: null,
  used_id: null,
  ...part,
});

describe('receipts', () => {
  function settle(got: PaymentNow | null, deposits = [deposit()]) {
    const { work, row } = credited();
    work.load(chainDeposits, deposits);
    const minor = applyReceipt(work, row, compareReceipt(row, got));
    bookReceipts(work, row.partition, [{ row, minor }]);
    return { work, minor, row: work.all(paymentStatus)[0]! };
  }

  test('GET and the chain agree: the money is ours, the deposit is used [failure 12]', () => {
    const { work, minor, row } = settle(GET);
    expect(minor).toBe(12_500_000_000_000_000n);
    expect(row).toMatchObject({ confirmed: row.incoming, receipt_due_at: null, get_confirmed: true });
    expect(work.all(chainDeposits)[0]!.used_for).toBe('receipt');
    expect(bookedBy(work)).toMatchObject({ 'wallet:host ETH': '0.0125' });
  });

  test.each<[string, PaymentNow, ReturnType<typeof deposit>[]]>([
    ['not on chain yet', GET, []],
    ['hash not told yet', { ...GET, payoutHash: null }, [deposit()]],
    ['still sending', { ...GET, status: 'sending' }, [deposit()]],
    ['used by another payment', GET, [deposit({ used_for: 'receipt', used_id: 'x' })]],
    ['another asset under that hash', GET, [deposit({ asset: 'USDT' })]],
  ])('%s: looked at again, no discrepancy', (_name, got, deposits) => {
    const { work, minor, row } = settle(got, deposits);
    expect([minor, row.confirmed, row.receipt_failures]).toEqual([0n, 0n, 1]);
    expect(work.changed(chainDeposits)).toEqual([]);
    expect(bookedBy(work)['wallet:host ETH']).toBeUndefined();
  });

  test.each<[string, PaymentNow | null, ReturnType<typeof deposit>[]]>([
    ['unknown there', null, []],
    ['another order', { ...GET, orderId: 'S1.other' }, [deposit()]],
    ['failed', { ...GET, status: 'failed' }, [deposit()]],
    ['another amount', { ...GET, outcomeAmount: '0.0124' }, [deposit()]],
    ['another currency', { ...GET, outcomeCurrency: 'usdterc20' }, [deposit()]],
    ['a currency that we do not hold', { ...GET, outcomeCurrency: 'btc' }, [deposit()]],
    ['less on chain', GET, [deposit({ amount: 12_499_999_999_999_999n })]],
    ['more on chain', GET, [deposit({ amount: 12_500_000_000_000_001n })]],
  ])('%s: a discrepancy, never settled, asked again hourly [failures 4, 12]', (_name, got, deposits) => {
    const { minor, row } = settle(got, deposits);
    expect([minor, row.confirmed]).toEqual([0n, 0n]);
    expect(row.receipt_due_at!.getTime() - NOW.getTime()).toBe(3_600_000);
  });

  describe('a part and its rest by two transactions, neither confirmed when the rest was credited', () => {
    const PART = { hash: hash(2), amount: 5_000_000_000_000_000n };
    const REST = { amount: 7_500_000_000_000_000n };
    function both(deposits: ReturnType<typeof deposit>[]) {
      const { work, row } = credited();
      // GET told of the first one when the part was credited.
      const later = { ...row, legs: 2, receipt_hash: hash(2) };
      work.load(paymentStatus, [later]);
      work.load(chainDeposits, deposits);
      const minor = applyReceipt(work, later, compareReceipt(later, GET));
      return { work, minor, row: work.all(paymentStatus)[0]! };
    }

    test('both are used', () => {
      const { work, minor, row } = both([deposit(PART), deposit(REST)]);
      expect([minor, row.confirmed]).toEqual([row.incoming, row.incoming]);
      expect(work.all(chainDeposits).map((one) => one.used_for)).toEqual(['receipt', 'receipt']);
    });

    test('the first one is not seen yet: looked at again', () => {
      const { work, minor } = both([deposit(REST)]);
      expect([minor, work.all(discrepancies).length]).toEqual([0n, 0]);
    });

    test('they do not add up: a discrepancy', () => {
      const { work, minor } = both([deposit(PART), deposit({ amount: REST.amount + 1n })]);
      expect([minor, work.all(discrepancies).length]).toEqual([0n, 1]);
    });
  });

  test('GET says refunded: GET wins, the credit is undone', () => {
    const { work, row } = settle({ ...GET, status: 'refunded' });
    expect(row).toMatchObject({ state: 'closed', incoming: 0n });
    expect(Object.keys(bookedBy(work))).toEqual([]);
  });

  test('the same receipts are one posting set, whatever their order', () => {
    const ids = [0, 1].map((turn) => {
      const { work, row } = credited();
      const other: PaymentStatusRow = { ...row, payment_id: 'another' };
      const both = [row, other].map((one) => ({ row: one, minor: one.incoming }));
      bookReceipts(work, row.partition, turn === 0 ? both : both.reverse());
      return work.outbox.at(-1)!.value.event_id;
    });
    expect(ids[0]).toBe(ids[1]);
  });
});

describe('late values', () => {
  function partial(part: Partial<PaymentStatusRow> = {}) {
    const { work, row } = credited();
    const open = { ...row, state: 'open', status: 'partially_paid', legs: 0, incoming: 0n, ...part };
    work.load(paymentStatus, [open]);
    work.outbox.length = 0;
    return { work, row: open };
  }
  const CONTEXT_OF_VALUE = { strategy: 'threshold', feeBps: 300, rate: rateRow() };

  test('the provider still says partially paid: a valued record, as of the received one', () => {
    const { work, row } = partial();
    expect(confirmValue(work, row, { ...GET, status: 'partially_paid' }, CONTEXT_OF_VALUE)).toEqual({
      done: true,
    });
    expect(work.outbox).toMatchObject([
      { key: String(CLIENT), value: { kind: 'valued', payment: { payment_status: 'partially_paid' } } },
    ]);
    expect(work.all(paymentStatus)[0]!.receipt_hash).toBe(GET.payoutHash);
  });

  test('by which transaction a part came is learned while the provider still tells it', () => {
    const { work, row } = partial();
    expect(lacksForward(row)).toBe(true);
    expect(keepForward(work, row, { ...GET, status: 'partially_paid', payoutHash: null })).toEqual({
      pollAt: 'soon',
    });
    expect(keepForward(work, row, GET)).toEqual({ done: true });
    expect(work.all(paymentStatus)[0]!.receipt_hash).toBeNull();
    keepForward(work, row, { ...GET, status: 'partially_paid' });
    expect(work.all(paymentStatus)[0]!.receipt_hash).toBe(hash(1));
    expect(lacksForward(work.all(paymentStatus)[0]!)).toBe(false);
  });

  test('finished meanwhile: its own webhook brings it', () => {
    const { work, row } = partial();
    expect(confirmValue(work, row, GET, CONTEXT_OF_VALUE)).toEqual({ pollAt: 'soon' });
    expect(work.outbox).toEqual([]);
  });

  test('finished after expired is confirmed by GET', () => {
    const { work, row } = partial({ state: 'confirming', status: 'finished' });
    confirmValue(work, row, GET, CONTEXT_OF_VALUE);
    expect(work.all(paymentStatus)[0]!.get_confirmed).toBe(true);
    expect(work.outbox).toMatchObject([{ value: { payment: { payment_status: 'finished' } } }]);
  });

  test.each<[string, PaymentNow | null]>([
    ['expired', { ...GET, status: 'expired' }],
    ['another amount', { ...GET, outcomeAmount: '1' }],
    ['another order', { ...GET, orderId: 'S1.other' }],
    ['unknown there', null],
  ])('%s: no value, a discrepancy', (_name, got) => {
    const { work, row } = partial({ state: 'confirming', status: 'finished' });
    confirmValue(work, row, got, CONTEXT_OF_VALUE);
    expect(work.outbox).toEqual([]);
  });

  test('what was credited or closed waits for nothing', () => {
    const { row } = partial();
    expect([
      stillWaits(row),
      stillWaits({ ...row, state: 'credited' }),
      stillWaits({ ...row, state: 'closed' }),
    ]).toEqual([true, false, false]);
  });
});

describe('treasury', () => {
  const range = (partition: number, part: Partial<OpenRange> = {}): OpenRange => ({
    partition,
    fromBatch: 0n,
    toBatch: 3n,
    eth: 10n ** 17n,
    usdt: 400_000_000n,
    oldest: NOW,
    ...part,
  });
  const LIMIT = limitRow('ETH', '0.01', { currency: 'usdt', network: 'eth' });
  const POLICY = { minUsdt: 500_000_000n, maxAgeMs: 900_000 };
  const CALM = { wanted: 0n, settled: 0n, coming: 0n };

  test.each([
    ['nothing asks', [range(1)], CALM, undefined],
    ['enough value', [range(1), range(2)], CALM, 'value'],
    ['old enough', [range(1, { oldest: new Date(NOW.getTime() - 900_000) })], CALM, 'age'],
    ['a payout is short', [range(1)], { ...CALM, wanted: 1n }, 'payout'],
    ['what comes suffices', [range(1)], { wanted: 400n, settled: 100n, coming: 300n }, undefined],
    ['below the minimum', [range(1, { eth: 10n ** 15n })], { ...CALM, wanted: 1n }, undefined],
    ['sums not positive', [range(1), range(2, { usdt: -400_000_000n })], { ...CALM, wanted: 1n }, undefined],
  ] as const)('%s', (_name, open, outlook, trigger) => {
    expect(triggerOf(open, outlook, LIMIT, NOW, POLICY)).toBe(trigger);
  });

  test('an unknown minimum waits [failure H17]', () => {
    expect(triggerOf([range(1), range(2)], CALM, undefined, NOW, POLICY)).toBeUndefined();
  });

  test('owns one range per partition; the amount is their sums, refunds included [failures 1, 2, H5]', () => {
    const work = workWith();
    const id = openConversion(work, [range(1), range(2, { eth: -(10n ** 16n), usdt: -40_000_000n })], LIMIT)!;
    expect(work.must(conversions, id)).toMatchObject({ eth: 9n * 10n ** 16n, usdt_expected: 360_000_000n });
    expect(work.all(conversionRanges)).toMatchObject([
      { partition: 1, from_batch: 0n, to_batch: 3n },
      { partition: 2, from_batch: 0n, to_batch: 3n },
    ]);
    expect(work.outbox).toMatchObject([{ type: 'conversion.requested', key: id, value: { revision: 1n } }]);
  });

  test('above the maximum it takes the partitions that fit', () => {
    const work = workWith();
    openConversion(work, [range(1), range(2), range(3)], { ...LIMIT, max_amount: 2n * 10n ** 17n });
    expect(work.all(conversionRanges).map((row) => row.partition)).toEqual([1, 2]);
    expect(work.all(discrepancies)).toEqual([]);
  });

  test('a partition that alone is above the maximum is left out, and a person is told', () => {
    const work = workWith();
    openConversion(work, [range(1), range(2, { eth: 5n * 10n ** 17n })], {
      ...LIMIT,
      max_amount: 2n * 10n ** 17n,
    });
    expect(work.all(conversionRanges).map((row) => row.partition)).toEqual([1]);
    expect(work.all(discrepancies)).toMatchObject([
      { kind: 'conversion_above_maximum', entity: 'partition:2' },
    ]);
  });
});

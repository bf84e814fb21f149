/** Receipts: what GET says against what was booked, which deposits make it up, and how often it is looked at again. */
import { describe, expect, test } from 'vitest';
import {
  type ChainDepositRow,
  chainDeposits,
  discrepancies,
  glTransfers,
  type PaymentStatusRow,
  paymentStatus,
} from '../../../../ledger/tables.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import {
  applyReceipt,
  bookReceipts,
  compareReceipt,
  type PaymentNow,
} from '../../../../processors/settle/transition-receipts.ts';
import {
  CLIENT,
  CONTEXT,
  eth,
  NOW,
  proposed,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';
import { hash } from '../../../fixtures/out-desk.ts';

const GET: PaymentNow = {
  status: 'finished',
  orderId: 'S1.example',
  outcomeAmount: '0.0125',
  outcomeCurrency: 'eth',
  payoutHash: hash(1),
};
const WHOLE = eth('0.0125').minor;

function deposit(amount: string, part: Partial<ChainDepositRow> = {}): ChainDepositRow {
  return {
    hash: hash(1),
    log_index: -1,
    block: 5n,
    asset: 'ETH',
    from_address: '0x1',
    amount: eth(amount).minor,
    used_for: null,
    used_id: null,
    ...part,
  };
}

/** A credited payment of 0.0125 ETH whose receipt is open. */
function credited(part: Partial<PaymentStatusRow> = {}) {
  const work = workWith();
  accumulate(work, recordOf(proposed()), CONTEXT);
  const row = { ...work.all(paymentStatus)[0]!, ...part };
  work.load(paymentStatus, [row]);
  return { work, row };
}

function settle(part: Partial<PaymentStatusRow>, deposits: readonly ChainDepositRow[], got = GET) {
  const { work, row } = credited(part);
  work.load(chainDeposits, deposits);
  const minor = applyReceipt(work, row, compareReceipt(row, got));
  return { work, minor, row: work.all(paymentStatus)[0]! };
}

describe('GET against what was booked', () => {
  const verdict = (part: Partial<PaymentStatusRow>, got: Partial<PaymentNow>) =>
    compareReceipt(credited(part).row, { ...GET, ...got }).is;
  const part = { status: 'partially_paid', incoming: eth('0.01').minor };

  test.each(['waiting', 'confirming', 'confirmed', 'sending'])('%s is not yet', (status) => {
    expect(verdict({}, { status })).toBe('not_yet');
  });

  test('without a transaction it is not yet', () => {
    expect([verdict({}, { payoutHash: null }), verdict({}, { payoutHash: 'no hash' })]).toEqual([
      'not_yet',
      'not_yet',
    ]);
  });

  test('a part that is finished there waits for its webhook; the same amount is confirmed', () => {
    expect(verdict(part, {})).toBe('not_yet');
    expect(verdict(part, { outcomeAmount: '0.01' })).toBe('confirmed');
  });

  test.each<[string, Partial<PaymentStatusRow>, Partial<PaymentNow>]>([
    ['a part there, finished here', {}, { status: 'partially_paid' }],
    ['a part of two legs', { ...part, legs: 2 }, { status: 'partially_paid', outcomeAmount: '0.01' }],
    ['failed there, a part here', part, { status: 'failed', outcomeAmount: '0.01' }],
    ['another part there', part, { status: 'partially_paid', outcomeAmount: '0.011' }],
    ['no amount', {}, { outcomeAmount: null }],
    ['no number', {}, { outcomeAmount: 'much' }],
    ['more places than the asset has', {}, { outcomeAmount: `0.${'0'.repeat(18)}1` }],
    ['no currency', {}, { outcomeCurrency: null }],
  ])('%s: contradicted', (_name, row, got) => {
    expect(verdict(row, got)).toBe('contradicted');
  });
});

describe('deposits', () => {
  test('one that is used says by which payment', () => {
    const { work } = settle({}, [deposit('0.0125')]);
    expect(work.all(chainDeposits)).toMatchObject([
      { used_for: 'receipt', used_id: `${CLIENT}|nowpayments|5077125051` },
    ]);
  });

  test('only what is not confirmed yet has to come', () => {
    const { minor, row } = settle({ confirmed: eth('0.01').minor, receipt_hash: hash(2) }, [
      deposit('0.0025'),
    ]);
    expect([minor, row.confirmed]).toEqual([eth('0.0025').minor, WHOLE]);
  });

  test('half of it does not count twice', () => {
    const { minor, row } = settle({ receipt_hash: hash(1) }, [deposit('0.00625')]);
    expect([minor, row.confirmed]).toEqual([0n, 0n]);
  });

  test('the known transaction of a part brought too little: for a person, not looked at for ever', () => {
    const of = { status: 'partially_paid', receipt_hash: hash(1) };
    const { work, row } = settle(of, [deposit('0.0124')], { ...GET, status: 'partially_paid' });
    expect(work.all(discrepancies)).toMatchObject([{ kind: 'receipt_contradicted' }]);
    expect(row.receipt_due_at).toEqual(new Date(NOW.getTime() + 3_600_000));
  });

  test('the part is here, the transaction of its rest is not told yet: looked at again', () => {
    const { work, row } = settle({ legs: 2, receipt_hash: hash(1) }, [deposit('0.01')]);
    expect(work.all(discrepancies)).toEqual([]);
    expect(row.receipt_failures).toBe(1);
  });

  test('a rest of the wrong amount after the part was confirmed: for a person', () => {
    const { work } = settle({ confirmed: eth('0.01').minor, receipt_hash: hash(2) }, [deposit('0.0024')]);
    expect(work.all(discrepancies)).toHaveLength(1);
  });
});

describe('looked at again', () => {
  test.each([
    [0, 1_000],
    [1, 2_000],
    [5, 32_000],
    [6, 60_000],
    [5_000, 60_000],
  ])('after %i looks in vain in %i ms', (receipt_failures, ms) => {
    const { row } = settle({ receipt_failures }, []);
    expect(row.receipt_failures).toBe(receipt_failures + 1);
    expect(row.receipt_due_at!.getTime() - NOW.getTime()).toBe(ms);
  });

  test('contradicted: in an hour, and the discrepancy names the payment', () => {
    const { work, row } = settle({ receipt_failures: 3 }, [], { ...GET, orderId: 'S1.other' });
    expect(row.receipt_failures).toBe(4);
    expect(work.all(discrepancies)).toMatchObject([
      { kind: 'receipt_contradicted', entity: `payment:${CLIENT}:nowpayments:5077125051` },
    ]);
  });
});

describe('refunded, says GET', () => {
  test('before anything was confirmed: the credit is undone, a person is told', () => {
    const { work, row } = settle({}, [], { ...GET, status: 'refunded' });
    expect(row).toMatchObject({ state: 'closed', incoming: 0n });
    expect(work.all(discrepancies)).toMatchObject([
      { kind: 'refund_after_credit', entity: `payment:${CLIENT}:nowpayments:5077125051` },
    ]);
  });

  test('after a part was confirmed: only our own transfer moves those coins', () => {
    const confirmed = eth('0.01').minor;
    const { work, row } = settle({ confirmed }, [], { ...GET, status: 'refunded' });
    expect(row).toMatchObject({ state: 'credited', incoming: WHOLE, confirmed });
    expect(work.all(discrepancies)).toMatchObject([{ kind: 'receipt_contradicted' }]);
  });
});

describe('the posting of a step', () => {
  function booked(confirmed: readonly (readonly [string, string, bigint])[]) {
    const { work, row } = credited();
    const list = confirmed.map(([payment_id, received_asset, minor]) => ({
      row: { ...row, payment_id, received_asset },
      minor,
    }));
    bookReceipts(work, 3, list);
    const lines = work.changed(glTransfers);
    return { lines, ids: lines.map((line) => line.posting_set_id) };
  }

  test('is one set per asset, of what was confirmed in it', () => {
    const { lines } = booked([
      ['1', 'ETH', 5n],
      ['2', 'USDT', usdt('2').minor],
      ['3', 'ETH', 7n],
      ['4', 'ETH', 0n],
    ]);
    expect(lines).toMatchObject([
      { asset: 'ETH', amount: 12n, partition: 3, cause_kind: 'receipts', debit: 'wallet:host' },
      { asset: 'USDT', amount: usdt('2').minor, partition: 3, credit: 'wallet:incoming' },
    ]);
  });

  test('is named after its payments alone: not after those of which nothing was confirmed', () => {
    const one = booked([['1', 'ETH', 5n]]);
    const withIdle = booked([
      ['1', 'ETH', 5n],
      ['2', 'ETH', 0n],
    ]);
    expect(withIdle.ids).toEqual(one.ids);
    expect(booked([['2', 'ETH', 5n]]).ids).not.toEqual(one.ids);
  });

  test('of nothing is none', () => {
    expect(booked([['1', 'ETH', 0n]]).lines).toEqual([]);
  });
});

/** What a provider says about a funded order: our words for its words, what contradicts, what is kept. */
import { describe, expect, test } from 'vitest';
import { type SwapOrderRow, swapOrders } from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import { adoptOrder, beginOrder, requestOf } from '../../../../processors/swap/order.ts';
import { ownerOf } from '../../../../processors/swap/owner.ts';
import {
  meaningOf,
  type OrderStatus,
  statusProblems,
  storeStatus,
} from '../../../../processors/swap/status.ts';
import { HOST, outWork, PAYIN, PAYOUT_ID, replyTo } from '../../../fixtures/out-rows.ts';

function adopted(): { work: Work; order: SwapOrderRow } {
  const work = outWork();
  const order = beginOrder(work, ownerOf(work, 'payout', PAYOUT_ID, HOST));
  return { work, order: adoptOrder(work, order, replyTo(requestOf(order, HOST))) };
}

const told = (order: SwapOrderRow, part: Partial<OrderStatus> = {}): OrderStatus => ({
  id: order.provider_id!,
  status: 'exchanging',
  fromCurrency: 'usdt',
  fromNetwork: 'eth',
  toCurrency: 'XMR',
  toNetwork: 'XMR',
  amountTo: null,
  payinAddress: PAYIN.toLowerCase(),
  payoutAddress: order.to_address,
  payoutHash: null,
  refundHash: null,
  refundAmount: null,
  ...part,
});

test.each([
  ['new', 'waiting'],
  ['waiting', 'waiting'],
  ['confirming', 'working'],
  ['exchanging', 'working'],
  ['sending', 'working'],
  ['verifying', 'held'],
  ['hold', 'held'],
  ['overdue', 'held'],
  ['expired', 'held'],
  ['finished', 'finished'],
  ['refunded', 'refunded'],
  ['failed', 'failed'],
  ['Finished', 'unknown'],
  ['', 'unknown'],
  [null, 'unknown'],
])('%s means %s', (status, meaning) => {
  expect(meaningOf(status)).toBe(meaning);
});

describe('the order that we funded', () => {
  test('said again in another case is the same', () => {
    const { order } = adopted();
    expect(statusProblems(order, told(order))).toEqual([]);
  });

  test.each([
    [{ id: 'other' }, /^order is now other, was order-of-/],
    [{ toCurrency: 'xmrt' }, /^currency is now xmrt, was xmr$/],
    [{ toNetwork: 'bsc' }, /^network is now bsc, was xmr$/],
    [{ payoutAddress: '4Other' }, /^payout address is now 4Other, was 4A/],
    [{ payinAddress: HOST }, /^deposit address is now 0x/],
  ])('%o contradicts it', (part, problem) => {
    const { order } = adopted();
    expect(statusProblems(order, told(order, part))).toEqual([expect.stringMatching(problem)]);
  });

  test('without a deposit address of ours nothing that is said fits', () => {
    const { order } = adopted();
    const none = { ...order, payin_address: null };
    expect(statusProblems(none, told(order))).toHaveLength(1);
    expect(statusProblems(none, told(order, { payinAddress: '' }))).toEqual([]);
  });
});

describe('what was told', () => {
  const all = { status: 'finished', amountTo: '0.3', payoutHash: 'p', refundHash: 'r' };
  const stored = { provider_status: 'finished', received: '0.3', payout_hash: 'p', refund_hash: 'r' };

  test('is kept, and what is not told later never erases it', () => {
    const { work, order } = adopted();
    const full = storeStatus(work, order, told(order, all));
    expect(full).toMatchObject(stored);
    expect(storeStatus(work, full, told(order, { status: 'finished' }))).toMatchObject(stored);
    expect(work.must(swapOrders, 'payout', PAYOUT_ID, 1)).toMatchObject(stored);
  });

  test.each([{ status: 'sending' }, { amountTo: '0.4' }, { payoutHash: 'q' }, { refundHash: 's' }])(
    '%o is news',
    (part) => {
      const { work, order } = adopted();
      const full = storeStatus(work, order, told(order, all));
      const next = storeStatus(work, full, told(order, { ...all, ...part }));
      expect(next).not.toBe(full);
      expect(work.must(swapOrders, 'payout', PAYOUT_ID, 1)).toBe(next);
    },
  );

  test('again is none: the row is not written', () => {
    const { work, order } = adopted();
    const full = storeStatus(work, order, told(order, all));
    expect(storeStatus(work, full, told(order, all))).toBe(full);
  });
});

/** How swaps end in the books: under which cause, which deposit is used, and of what a person must know. */
import { describe, expect, test } from 'vitest';
import {
  type ChainDepositRow,
  chainDeposits,
  conversions,
  discrepancies,
  glTransfers,
  payoutBatches,
  type SwapOrderRow,
  swapOrders,
} from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import { beginOrder } from '../../../../processors/swap/order.ts';
import {
  conversionSwapped,
  entityOf,
  payoutSwapped,
  swapRefunded,
} from '../../../../processors/swap/outcome.ts';
import { ownerOf } from '../../../../processors/swap/owner.ts';
import { CLIENT, NOW } from '../../../fixtures/ledger-rows.ts';
import { hash } from '../../../fixtures/out-desk.ts';
import {
  CONVERSION_ID,
  conversionWork,
  HOST,
  outWork,
  PAYOUT_ID,
  POLICY,
} from '../../../fixtures/out-rows.ts';

const SENT = 137_500_000_000_000_000n;

function deposit(asset: 'ETH' | 'USDT', amount: bigint): ChainDepositRow {
  const row = { hash: hash(1), log_index: 1, block: 5n, asset, from_address: '0x1', amount };
  return { ...row, used_for: null, used_id: null };
}

const issues = (work: Work) => work.all(discrepancies).map(({ kind, detail }) => `${kind}: ${detail}`);
const causes = (work: Work) => [
  ...new Set(work.changed(glTransfers).map(({ cause_kind, cause_id }) => `${cause_kind} ${cause_id}`)),
];

describe('the proceeds of a conversion', () => {
  function swapped(got: bigint, row: object = {}, order: Partial<SwapOrderRow> = {}) {
    const work = conversionWork({ state: 'exchanging', attempt: 1, ...row });
    const owner = ownerOf(work, 'conversion', CONVERSION_ID, HOST);
    const begun = { ...beginOrder(work, owner), ...order };
    conversionSwapped(work, owner, begun, deposit('USDT', got), POLICY);
    return work;
  }

  test('are booked once, their deposit used, the order over', () => {
    const work = swapped(550_000_000n);
    expect(causes(work)).toEqual([`conversion_completed ${CONVERSION_ID}`]);
    expect(work.all(chainDeposits)).toMatchObject([{ used_for: 'proceeds', used_id: CONVERSION_ID }]);
    expect(work.all(swapOrders)).toMatchObject([{ state: 'finished' }]);
    expect(work.must(conversions, CONVERSION_ID)).toMatchObject({
      state: 'completed',
      usdt_received: 550_000_000n,
      completed_at: NOW,
    });
    expect(issues(work)).toEqual([]);
  });

  // 3 % of 550 are 16.50.
  test.each([
    [533_500_000n, false],
    [533_499_999n, true],
    [566_500_000n, false],
    [566_500_001n, true],
  ])('%s of 550 expected: a person is told: %s', (got, isTold) => {
    expect(issues(swapped(got)).map((issue) => issue.split(':')[0])).toEqual(isTold ? ['rate_variance'] : []);
  });

  test.each([0n, -1_000_000n])('where %s were expected any amount is told', (usdt_expected) => {
    expect(issues(swapped(1n, { usdt_expected }))).toHaveLength(1);
    expect(issues(swapped(0n, { usdt_expected: 0n }))).toEqual([]);
  });

  test('that the provider tells otherwise: booked as on chain, and told', () => {
    expect(issues(swapped(550_000_000n, {}, { received: '550.00' }))).toEqual([]);
    expect(issues(swapped(550_000_000n, {}, { received: '551' }))).toEqual([
      `provider_amount: changenow says 551, on chain came 550 in ${hash(1)}`,
    ]);
  });
});

test('a payout that was swapped is completed with what the provider says, once', () => {
  const work = outWork({ state: 'exchanging', attempt: 1 });
  const owner = ownerOf(work, 'payout', PAYOUT_ID, HOST);
  payoutSwapped(work, owner, { ...beginOrder(work, owner), received: '0.3', payout_hash: 'm' });
  expect(causes(work)).toEqual([`payout_completed ${PAYOUT_ID}`]);
  expect(work.all(swapOrders)).toMatchObject([{ state: 'finished' }]);
  expect(work.must(payoutBatches, CLIENT, PAYOUT_ID)).toMatchObject({
    state: 'completed',
    received: '0.3',
    payout_hash: 'm',
    completed_at: NOW,
  });
});

describe('coins that came back', () => {
  function refunded(back: bigint, row: object = {}) {
    const work = conversionWork({ state: 'exchanging', ...row });
    const owner = ownerOf(work, 'conversion', CONVERSION_ID, HOST);
    const order = beginOrder(work, owner);
    swapRefunded(work, owner, order, deposit('ETH', back));
    return { work, row: work.must(conversions, CONVERSION_ID) };
  }

  test('are booked per attempt, their deposit used, and the next attempt is looked at', () => {
    const { work, row } = refunded(SENT);
    expect(causes(work)).toEqual([`conversion_refunded ${CONVERSION_ID}:1`]);
    expect(work.all(chainDeposits)).toMatchObject([{ used_for: 'refund', used_id: CONVERSION_ID }]);
    expect(work.all(swapOrders)).toMatchObject([{ state: 'refunded' }]);
    expect(row).toMatchObject({ state: 'awaiting_funds', eth_open: SENT });
    expect(work.intents.get(`conversion:${CONVERSION_ID}`)).toMatchObject({ dueAt: NOW });
    expect(issues(work)).toEqual([]);
  });

  test.each([
    [SENT - 1n, SENT - 1n, 0],
    [SENT, SENT, 0],
    [SENT + 1n, SENT, 1],
  ])('%s back: the next attempt sends %s; told: %i', (back, eth_open, told) => {
    const { work, row } = refunded(back);
    expect(row.eth_open).toBe(eth_open);
    expect(issues(work).map((issue) => issue.split(':')[0])).toEqual(
      Array(told).fill('refund_above_deposit'),
    );
  });

  test('of a payout have a cause of their own', () => {
    const work = outWork({ state: 'exchanging' });
    const owner = ownerOf(work, 'payout', PAYOUT_ID, HOST);
    swapRefunded(work, owner, beginOrder(work, owner), deposit('USDT', 48_500_000n));
    expect(causes(work)).toEqual([`payout_swap_refunded ${PAYOUT_ID}:1`]);
  });

  test.each([
    [2, 'awaiting_funds'],
    [3, 'on_hold'],
  ])('in attempt %i: %s', (attempt, state) => {
    expect(refunded(SENT, { attempt }).row.state).toBe(state);
  });

  test('of a failed one: a person decides what is next', () => {
    const { work, row } = refunded(SENT, { state: 'failed' });
    expect([row.state, [...work.intents]]).toEqual(['failed', []]);
  });
});

test('people know it by its kind and id', () => {
  expect(entityOf({ kind: 'payout', id: 'x' })).toBe('payout:x');
});

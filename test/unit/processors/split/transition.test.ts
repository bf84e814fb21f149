/** Limits of payouts: exactly at each bound, and without a rate. */
import { expect, test } from 'vitest';
import { payoutBatches } from '../../../../ledger/tables.ts';
import { checkLimits, isOverLimit } from '../../../../processors/split/transition.ts';
import { CLIENT, NOW } from '../../../fixtures/ledger-rows.ts';
import { outWork, PAYOUT_ID, POLICY } from '../../../fixtures/out-rows.ts';

const usd = (whole: bigint) => whole * 1_000_000n;
const NOTHING = { day: 0n, month: 0n };
const WIDE = { ...POLICY, approvalFrom: usd(1_000_000n) };

test.each([
  [usd(10_000n), NOTHING, WIDE, false],
  [usd(10_000n) + 1n, NOTHING, WIDE, true],
  [usd(4_999n), NOTHING, POLICY, false],
  [usd(5_000n), NOTHING, POLICY, true],
  [usd(100n), { day: usd(49_900n), month: 0n }, POLICY, false],
  [usd(100n), { day: usd(49_900n) + 1n, month: 0n }, POLICY, true],
  [usd(100n), { day: 0n, month: usd(499_900n) }, POLICY, false],
  [usd(100n), { day: 0n, month: usd(499_900n) + 1n }, POLICY, true],
])('%s with %o spent [failures 108, 118]', (value, spent, policy, over) => {
  expect(isOverLimit(value, spent, policy)).toBe(over);
});

function check(part: object, rate: string | undefined) {
  const work = outWork({ state: 'requested', ...part });
  const next = checkLimits(work, work.must(payoutBatches, CLIENT, PAYOUT_ID), NOTHING, rate, POLICY);
  return { next, row: work.must(payoutBatches, CLIENT, PAYOUT_ID) };
}

test('within all limits it goes on at once', () => {
  const { next, row } = check({}, undefined);
  expect(row).toMatchObject({ state: 'awaiting_funds', usd_value: '48.50' });
  expect(next).toEqual({ pollAt: NOW });
});

test('over a limit it waits for a person as a whole [failures 108, 118, H20]', () => {
  const { next, row } = check({ usd_value: '5000.00', amount: 5_000_000_000n }, undefined);
  expect(row).toMatchObject({ state: 'awaiting_approval', reason: 'over_limit' });
  expect(next).toEqual({ done: true });
});

test('ETH is valued at the usable rate, and waits for one', () => {
  const eth = { asset: 'ETH', amount: 12_125_000_000_000_000n, usd_value: null };
  expect(check(eth, undefined).next).toEqual({ pollAt: 'soon' });
  expect(check(eth, undefined).row).toMatchObject({
    state: 'requested',
    reason: 'no_usable_rate',
    usd_value: null,
  });
  expect(check(eth, '4000').row).toMatchObject({ state: 'awaiting_funds', usd_value: '48.50' });
});

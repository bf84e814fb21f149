/** What a person may decide, when, and what it does to the money. */
import { describe, expect, test } from 'vitest';
import { clientAccounts, clientEntries, payoutBatches } from '../../../../ledger/tables.ts';
import { type Decision, DecisionRefused, decide } from '../../../../processors/swap/decisions.ts';
import { fund } from '../../../../processors/swap/funds.ts';
import { CLIENT } from '../../../fixtures/ledger-rows.ts';
import { Desk } from '../../../fixtures/out-desk.ts';
import { FUNDS, outWork, PAYIN, PAYOUT_ID, POLICY, QUOTE } from '../../../fixtures/out-rows.ts';

const desk = (part = {}) => new Desk(outWork(part), 'payout', PAYOUT_ID);

function ordered(): Desk {
  const one = desk({ currency: 'usdt', network: 'eth', address: PAYIN });
  fund(one.work, one.owner, { kind: 'direct', address: PAYIN, attempt: 1 }, QUOTE, FUNDS, POLICY);
  one.commit();
  return one;
}

describe('cancel', () => {
  test.each(['requested', 'awaiting_approval', 'awaiting_funds'])(
    '%s: the amount is one entry again',
    (state) => {
      const one = desk({ state });
      expect(decide(one.work, one.owner, 'cancel')).toBe('done');
      const account = one.work.must(clientAccounts, CLIENT, 'USDT');
      expect(account).toMatchObject({ available: 48_500_000n, reserved: 0n, last_seq: 2n, paid_seq: 1n });
      expect(one.work.all(clientEntries)).toMatchObject([{ kind: 'returned', seq: 2n, amount: 48_500_000n }]);
      expect(one.work.must(payoutBatches, CLIENT, PAYOUT_ID)).toMatchObject({
        state: 'cancelled',
        returned_seq: 2n,
      });
    },
  );

  test('ordered but not signed: what was set aside is free', () => {
    const one = ordered();
    decide(one.work, one.owner, 'cancel');
    one.commit();
    expect(one.owner.state).toBe('cancelled');
    expect([...one.wallet.values()].every((sum) => sum === 0n)).toBe(true);
  });

  test('a debt is taken from what comes back', () => {
    const one = desk();
    const account = one.work.must(clientAccounts, CLIENT, 'USDT');
    one.work.load(clientAccounts, [{ ...account, debt: 8_500_000n }]);
    decide(one.work, one.owner, 'cancel');
    expect(one.work.must(clientAccounts, CLIENT, 'USDT')).toMatchObject({ available: 40_000_000n, debt: 0n });
  });

  test.each(['funded', 'exchanging', 'refunded', 'completed', 'cancelled'])('%s: refused', (state) => {
    const one = desk({ state });
    expect(() => decide(one.work, one.owner, 'cancel')).toThrow(DecisionRefused);
  });
});

describe('hold and release', () => {
  test.each(['requested', 'awaiting_approval', 'awaiting_funds'])('%s goes back to where it was', (state) => {
    const one = desk({ state });
    decide(one.work, one.owner, 'hold');
    expect(one.owner).toMatchObject({ state: 'on_hold', reason: 'operator' });
    decide(one.work, one.owner, 'release');
    expect(one.owner).toMatchObject({ state, reason: null });
    expect(one.work.intents.has(`payout:${PAYOUT_ID}`)).toBe(true);
  });

  test('a signed transfer can no longer be held', () => {
    const one = ordered();
    one.send();
    expect(() => decide(one.work, one.owner, 'hold')).toThrow(/is signed/);
  });

  test('at the provider only while it holds the swap itself', () => {
    const one = desk({ state: 'exchanging' });
    expect(() => decide(one.work, one.owner, 'hold')).toThrow(DecisionRefused);
  });
});

test('approve remembers the revision that was approved', () => {
  const one = desk({ state: 'awaiting_approval', revision: 2n, reason: 'over_limit' });
  decide(one.work, one.owner, 'approve');
  expect(one.work.must(payoutBatches, CLIENT, PAYOUT_ID)).toMatchObject({
    state: 'awaiting_funds',
    approved_revision: 2n,
    reason: null,
  });
});

test.each<[Decision, string]>([
  ['approve', 'awaiting_funds'],
  ['reject', 'awaiting_funds'],
  ['release', 'awaiting_funds'],
  ['retry', 'awaiting_funds'],
])('%s is refused in %s, with the amount and the reason in one line', (decision, state) => {
  const one = desk({ state });
  expect(() => decide(one.work, one.owner, decision)).toThrow(/^cannot .* payout .* \(48\.5 USDT\): /);
});

test('retry of a failed one with nothing under way is a new attempt', () => {
  const one = desk({ state: 'failed' });
  decide(one.work, one.owner, 'retry');
  expect(one.owner.state).toBe('awaiting_funds');
});

/** What a person may decide, when, and what it does to the money. */
import { describe, expect, test } from 'vitest';
import {
  clientAccounts,
  clientEntries,
  glTransfers,
  pairLimits,
  payoutBatches,
  swapOrders,
  transfers,
} from '../../../../ledger/tables.ts';
import { type Decision, DecisionRefused, decide, giveBack } from '../../../../processors/swap/decisions.ts';
import { fund } from '../../../../processors/swap/funds.ts';
import type { JournalRecord } from '../../../../schemas/events.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import { CLIENT, PARTITION } from '../../../fixtures/ledger-rows.ts';
import { Desk } from '../../../fixtures/out-desk.ts';
import {
  CONVERSION_ID,
  conversionWork,
  FUNDS,
  outWork,
  PAYIN,
  PAYOUT_ID,
  POLICY,
  QUOTE,
} from '../../../fixtures/out-rows.ts';

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

describe('cancel, with more than the amount to undo', () => {
  const withOrder = (state: string) => {
    const one = desk();
    one.plan();
    const order = one.work.must(swapOrders, 'payout', PAYOUT_ID, 1);
    one.work.load(swapOrders, [{ ...order, state }]);
    decide(one.work, one.owner, 'cancel');
    return one.work.must(swapOrders, 'payout', PAYOUT_ID, 1).state;
  };

  test.each([
    ['creating', 'closed'],
    ['created', 'closed'],
    ['refunded', 'refunded'],
    ['finished', 'finished'],
  ])('an order that is %s is %s after', (before, after) => {
    expect(withOrder(before)).toBe(after);
  });

  test('signed: a person asks, the chain decides', () => {
    const one = ordered();
    one.send();
    one.work.intents.clear();
    expect(decide(one.work, one.owner, 'cancel')).toBe('asked');
    const { transfer } = one.transfer;
    expect(transfer).toMatchObject({ cancel_wanted: true, state: 'broadcast' });
    expect([...one.work.intents.keys()]).toEqual([`transfer:${transfer.transfer_id}`]);
    expect(one.owner.state).toBe('ordered');
  });

  test.each(['signed', 'broadcast'])('on hold with its transfer %s: refused', (state) => {
    const one = ordered();
    one.work.load(transfers, [{ ...one.transfer.transfer, state, hash: '0x1' }]);
    one.work.load(payoutBatches, [{ ...one.work.all(payoutBatches)[0]!, state: 'on_hold' }]);
    expect(() => decide(one.work, one.owner, 'cancel')).toThrow(/its transfer 0x1 is signed/);
  });

  test('says who decided, in the entry and in the books', () => {
    const one = desk();
    decide(one.work, one.owner, 'cancel');
    const cause = { cause_kind: 'returned', cause_id: PAYOUT_ID };
    expect(one.work.changed(clientEntries)).toMatchObject([cause]);
    expect(one.work.changed(glTransfers)).toMatchObject([
      { ...cause, client_id: CLIENT, partition: PARTITION },
    ]);
    const [journal] = one.work.outbox.filter(({ topic }) => topic === TOPIC.journal);
    expect((journal!.value as JournalRecord).entries).toMatchObject([{ kind: 'returned', seq: 2n }]);
    expect(one.owner.reason).toBe('operator');
  });

  test('of a conversion opens its position again and says why', () => {
    const one = new Desk(conversionWork(), 'conversion', CONVERSION_ID);
    one.work.positionDeltas.set(0, { eth: 1n, usdt: 2n });
    decide(one.work, one.owner, 'cancel');
    expect(one.work.positionDeltas.get(0)).toEqual({ eth: 137_500_000_000_000_001n, usdt: 550_000_002n });
    expect(one.owner).toMatchObject({ state: 'cancelled', reason: 'operator' });
  });
});

test('reject: what waits for approval is returned', () => {
  const one = desk({ state: 'awaiting_approval' });
  expect(decide(one.work, one.owner, 'reject')).toBe('done');
  expect(one.owner).toMatchObject({ state: 'cancelled', reason: 'operator' });
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

describe('held by the provider', () => {
  const atProvider = (state: string, provider_status: string | null) => {
    const one = desk({ state: 'awaiting_funds' });
    one.plan();
    const order = one.work.must(swapOrders, 'payout', PAYOUT_ID, 1);
    one.work.load(swapOrders, [{ ...order, state: 'created', provider_status }]);
    one.work.load(payoutBatches, [{ ...one.work.all(payoutBatches)[0]!, state, attempt: 1 }]);
    return one;
  };

  test.each(['funded', 'exchanging'])('%s can be held, and goes back', (state) => {
    const one = atProvider(state, 'hold');
    expect(decide(one.work, one.owner, 'hold')).toBe('done');
    expect(one.work.all(payoutBatches)[0]).toMatchObject({ state: 'on_hold', held_state: state });
    expect(decide(one.work, one.owner, 'release')).toBe('done');
    expect(one.work.all(payoutBatches)[0]).toMatchObject({ state, held_state: null });
  });

  test.each([
    ['funded', 'exchanging'],
    ['exchanging', null],
    ['failed', 'hold'],
    ['completed', 'hold'],
  ])('%s while the provider says %s cannot', (state, status) => {
    const one = atProvider(state, status);
    expect(() => decide(one.work, one.owner, 'hold')).toThrow(`cannot hold payout ${PAYOUT_ID}`);
  });
});

test('an ordered one can be held while nothing is signed; its release wakes its transfer, too', () => {
  const one = ordered();
  expect(decide(one.work, one.owner, 'hold')).toBe('done');
  one.work.intents.clear();
  decide(one.work, one.owner, 'release');
  const { transfer_id } = one.transfer.transfer;
  expect([...one.work.intents.keys()]).toEqual([`payout:${PAYOUT_ID}`, `transfer:${transfer_id}`]);
});

test('released to before its order, a transfer of the attempt before is not woken', () => {
  const one = ordered();
  one.work.load(payoutBatches, [
    { ...one.work.all(payoutBatches)[0]!, state: 'on_hold', held_state: 'awaiting_funds' },
  ]);
  decide(one.work, one.owner, 'release');
  expect([...one.work.intents.keys()]).toEqual([`payout:${PAYOUT_ID}`]);
});

test('what is not on hold is not released, whatever it was held in', () => {
  const one = desk({ state: 'awaiting_funds', held_state: 'requested' });
  expect(() => decide(one.work, one.owner, 'release')).toThrow(/cannot release .* not on hold/);
});

test('a conversion waits for no approval', () => {
  const one = new Desk(conversionWork(), 'conversion', CONVERSION_ID);
  expect(() => decide(one.work, one.owner, 'approve')).toThrow(/cannot approve conversion/);
});

test('approve remembers the revision that was approved', () => {
  const one = desk({ state: 'awaiting_approval', revision: 2n, reason: 'over_limit' });
  expect(decide(one.work, one.owner, 'approve')).toBe('done');
  expect(one.work.intents.has(`payout:${PAYOUT_ID}`)).toBe(true);
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
  ['hold', 'completed'],
  ['cancel', 'completed'],
])('%s is refused in %s, with the amount and the reason in one line', (decision, state) => {
  const one = desk({ state });
  expect(() => decide(one.work, one.owner, decision)).toThrow(
    new RegExp(`^cannot ${decision} payout ${PAYOUT_ID} \\(48\\.5 USDT\\): .`),
  );
});

test('retry of a failed one with nothing under way is a new attempt, with a new order', () => {
  const one = desk();
  one.plan();
  one.work.load(payoutBatches, [{ ...one.work.all(payoutBatches)[0]!, state: 'failed' }]);
  expect(decide(one.work, one.owner, 'retry')).toBe('done');
  expect(one.owner.state).toBe('awaiting_funds');
  expect(one.work.must(swapOrders, 'payout', PAYOUT_ID, 1).state).toBe('closed');
  expect(one.work.intents.has(`payout:${PAYOUT_ID}`)).toBe(true);
});

test('given back below the minimum: the fresh range is kept, so that it is not paid out again too early', () => {
  const one = desk();
  giveBack(one.work, one.owner, { min: 50_000_000n, max: 60_000_000n });
  expect(one.work.must(pairLimits, 'USDT', 'xmr', 'xmr')).toMatchObject({
    min_amount: 50_000_000n,
    max_amount: 60_000_000n,
    at: one.work.now,
  });
  expect(one.owner).toMatchObject({ state: 'cancelled', reason: 'below_minimum' });
});

/** What others see of parked work. */
import { expect, test } from 'vitest';
import { payoutBatches } from '../../../../ledger/tables.ts';
import { markParked } from '../../../../processors/swap/owner.ts';
import { CLIENT } from '../../../fixtures/ledger-rows.ts';
import { outWork, PAYOUT_ID } from '../../../fixtures/out-rows.ts';

const OWNER = { kind: 'payout', id: PAYOUT_ID } as const;

test('parking shows in the row and on the topic, with the reason it had or that nobody answered', () => {
  const silent = outWork({ reason: null });
  markParked(silent, OWNER, true);
  expect(silent.must(payoutBatches, CLIENT, PAYOUT_ID)).toMatchObject({
    parked: true,
    reason: 'provider_unavailable',
  });
  expect(silent.outbox).toMatchObject([{ value: { parked: true } }]);

  const held = outWork({ reason: 'provider_hold' });
  markParked(held, OWNER, true);
  expect(held.must(payoutBatches, CLIENT, PAYOUT_ID).reason).toBe('provider_hold');
});

test('it is said once, and taken back once it goes on', () => {
  const work = outWork({ parked: true, reason: 'provider_hold' });
  markParked(work, OWNER, true);
  expect(work.outbox).toEqual([]);
  markParked(work, OWNER, false);
  expect(work.must(payoutBatches, CLIENT, PAYOUT_ID)).toMatchObject({
    parked: false,
    reason: 'provider_hold',
  });
});

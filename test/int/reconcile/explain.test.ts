/** explain over rows that the real roles made: every kind of id, and the rule that holds each. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeRows } from '../../../ledger/sql/write-rows.ts';
import { rates } from '../../../ledger/tables.ts';
import { explainId } from '../../../processors/reconcile/explain-load.ts';
import { rateRow } from '../../fixtures/ledger-rows.ts';
import { POLICY } from '../../fixtures/out-rows.ts';
import { Pipeline } from '../in/pipeline.ts';
import { until } from '../runtime/support.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.open();
});
afterAll(() => pipeline.close());

const explain = (id: string | bigint) => explainId(pipeline.db, String(id), POLICY, new Date());

async function paid(client: bigint, count: number): Promise<string[]> {
  const payments = Array.from({ length: count }, () => pipeline.payment(client));
  await pipeline.publish(payments);
  await pipeline.settled();
  return payments.map(({ payment_id }) => payment_id);
}

test('below the threshold: the payment and its client say how much is missing', async () => {
  const client = await pipeline.addClient();
  const [id] = await paid(client, 1);
  const missing = '48.5 USDT free: 451.5 USDT are missing to its threshold of 500.00 USD';
  expect(await explain(id!)).toMatchObject([
    {
      kind: 'payment',
      rule: 'below_threshold',
      sentence: `Payment ${id} of client ${client} is credited (48.5 USDT, entry 1); client ${client} has ${missing}.`,
      facts: { receipt: 'not confirmed' },
    },
  ]);
  expect(await explain(client)).toMatchObject([
    { kind: 'client', rule: 'below_threshold', sentence: `Client ${client} has ${missing}.` },
  ]);
});

test('a payout: found by its id and the beginning of it, and by its payments and its client', async () => {
  const client = await pipeline.addClient();
  const ids = await paid(client, 11);
  const [payout] = await pipeline.db.query<{ id: string }>(
    'SELECT payout_id::text AS id FROM payout_batches WHERE client_id = $1',
    [client],
  );
  const told = await explain(payout!.id);
  expect(told).toMatchObject([
    { kind: 'payout', id: payout!.id, rule: 'next_step', facts: { state: 'requested' } },
  ]);
  expect(await explain(payout!.id.slice(0, 13))).toEqual(told);
  expect(await explain(ids[4]!)).toMatchObject([
    { rule: 'next_step', sentence: expect.stringContaining(`entry 5); payout ${payout!.id} (533.5 USDT)`) },
  ]);
  expect(await explain(client)).toMatchObject([{ kind: 'client', facts: { open_payouts: 1 } }]);
  // As split leaves it: funds are short because no receipt is confirmed.
  await pipeline.db.query("UPDATE payout_batches SET state = 'awaiting_funds' WHERE client_id = $1", [
    client,
  ]);
  expect(await explain(payout!.id)).toMatchObject([
    {
      rule: 'awaiting_confirmation',
      sentence: expect.stringContaining('the receipts of 11 payments behind it'),
    },
  ]);
  await pipeline.db.query('UPDATE payment_status SET confirmed = incoming WHERE client_id = $1', [client]);
  expect(await explain(payout!.id)).toMatchObject([
    {
      rule: 'awaiting_funds',
      sentence: expect.stringContaining('waits for 533.5 USDT that no conversion brings yet'),
    },
  ]);
});

test('in quarantine, of a client that nobody knows: the reason and how it goes on', async () => {
  const client = pipeline.freshClient();
  const [id] = await paid(client, 1);
  expect(await explain(id!)).toMatchObject([
    {
      kind: 'payment',
      rule: 'unknown_client',
      sentence: expect.stringMatching(
        new RegExp(
          `^Payment ${id} of client ${client} is in quarantine since .*: no client has this id .*quarantine show`,
        ),
      ),
    },
  ]);
});

test('without a usable rate: the rate; with one it is valued and the sentence changes', async () => {
  const client = await pipeline.addClient();
  await writeRows(
    pipeline.db,
    rates,
    [rateRow({ rate_id: 'off', at: new Date(), usable: false, reason: 'apart' })],
    'insert',
  );
  const payment = pipeline.payment(client);
  await pipeline.publish([payment]);
  const told = await until('it is booked', async () => {
    const [found] = await explain(payment.payment_id);
    return found?.facts.state === 'unvalued' && found;
  });
  expect(told).toMatchObject({ rule: 'no_usable_rate' });
  expect((await explain(client))[0]!.sentence).toBe(
    `Client ${client} has 0.0125 ETH that wait for a usable rate.`,
  );
  await writeRows(pipeline.db, rates, [rateRow({ rate_id: 'on', at: new Date() })], 'insert');
  await until(
    'it is credited',
    async () => (await explain(payment.payment_id))[0]!.rule === 'below_threshold',
  );
});

test.each(['-1', '4711', 'abcd', '00000000-0000-4000-8000-000000000000'])(
  '%s stands for nothing',
  async (id) => {
    expect(await explain(id)).toEqual([]);
  },
);

/** Balances recomputed from the real topics equal the ledger; what is missing or changed is found and named. */
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Check } from '../../../ledger/invariants.ts';
import { reconcile } from '../../../processors/reconcile/run.ts';
import { checkTopics, type TopicsCheckDeps } from '../../../processors/reconcile/topics-check.ts';
import { systemClock, systemRandom } from '../../../processors/runtime/clock.ts';
import { Pipeline } from '../in/pipeline.ts';
import { until } from '../runtime/support.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.open();
});
afterAll(() => pipeline.close());

function deps(): TopicsCheckDeps {
  const { db, kafka, prefix } = pipeline;
  return { ...pipeline.schemas, db, kafka, clock: systemClock, random: systemRandom, topicPrefix: prefix };
}

test('after a flow with everything that repeats, parks, waits and is refunded they are equal', async () => {
  const client = await pipeline.addClient();
  const later = pipeline.freshClient();
  const payments = Array.from({ length: 30 }, () => pipeline.payment(client));
  const [first, second, third] = payments;
  const failed = pipeline.payment(client, { payment_status: 'failed' });
  const finished = { ...failed, payment_status: 'finished' };
  await pipeline.publish([
    ...payments,
    ...payments.slice(0, 9),
    { ...first!, payment_status: 'refunded' },
    { ...second!, outcome_amount: '9' },
    { ...third!, payment_status: 'waiting' },
    failed,
    finished,
    finished,
    pipeline.payment(client, { outcome_currency: 'doge' }),
    pipeline.payment(client, { outcome_amount: '25', outcome_currency: 'usdterc20' }),
    pipeline.payment(later),
  ]);
  await pipeline.settled();
  const [unknown] = await pipeline.db.query<{ key: string }>(
    `SELECT key FROM quarantined WHERE key = '${later}'`,
  );
  expect(unknown).toBeDefined();
  await pipeline.addClient(later);
  await pipeline.settled();
  expect(await pipeline.legs(later)).toHaveLength(1);
  expect(await checkTopics(deps())).toEqual({
    name: 'ledger_equals_topics',
    ok: true,
    difference: '0',
    detail: '',
  });
});

test('while the flow goes on they are equal too: the snapshot is one moment', async () => {
  const client = await pipeline.addClient();
  const publishing = pipeline.publish(Array.from({ length: 600 }, () => pipeline.payment(client)));
  await until('some are credited', async () => (await pipeline.legs(client)).length > 0);
  expect(await checkTopics(deps())).toMatchObject({ ok: true });
  await publishing;
  await pipeline.settled();
});

test('a posting that never reached the journal is found and named', async () => {
  const client = await pipeline.addClient();
  await pipeline.stop('relay');
  await pipeline.publish(Array.from({ length: 11 }, () => pipeline.payment(client)));
  await until('the payout is made', async () => (await journal(client)).length === 1);
  const [lost] = await journal(client);
  await pipeline.db.query('DELETE FROM outbox WHERE id = $1', [lost!.id]);
  await pipeline.start('relay');
  await pipeline.settled();
  const check = await checkTopics(deps());
  expect(check.ok).toBe(false);
  expect(check.detail).toContain(`client:${client}:reserved|USDT -533500000`);
  expect(check.detail).toContain('posting payout_created');
  expect(check.detail).toContain(`not in the journal; the ledger says set ${lost!.event_id}`);
  // Put back, all is well again.
  const columns = 'shard, topic, key, event_id, event_type, value, headers, created_at';
  await pipeline.db.query(
    `INSERT INTO outbox (${columns}) SELECT ${columns} FROM json_populate_record(NULL::outbox, $1::json)`,
    [lost!.row],
  );
  await pipeline.settled();
  expect(await checkTopics(deps())).toMatchObject({ ok: true });
});

function journal(client: bigint): Promise<{ id: bigint; event_id: string; row: string }[]> {
  return pipeline.db.query(
    "SELECT id, event_id::text AS event_id, row_to_json(o)::text AS row FROM outbox o WHERE topic = 'journal' AND key = $1",
    [String(client)],
  );
}

test('a balance that nothing explains is found and named', async () => {
  const client = await pipeline.addClient();
  const change = (by: number) =>
    pipeline.db.query(
      `UPDATE client_accounts SET available = available + ${by} WHERE client_id = ${client} AND asset = 'USDT'`,
    );
  await change(1);
  const check = await checkTopics(deps());
  expect(check).toMatchObject({
    ok: false,
    detail: expect.stringContaining(`client:${client}:available|USDT -1`),
  });
  await change(-1);
});

test('without Kafka or a chain those checks are not known; the rest is checked and kept', async () => {
  const away = new Kafka({ brokers: ['127.0.0.1:1'], retry: { retries: 0 }, logLevel: logLevel.NOTHING });
  const refuse = () => Promise.reject(new Error('no node answers'));
  const checks = await reconcile({
    ...deps(),
    kafka: away,
    chain: { balances: refuse, nonceAt: refuse },
    chainId: 31_337n,
    address: '0x00000000000000000000000000000000000A11cE',
    rateMaxAgeMs: 300_000,
    chainTries: 1,
  });
  const byName = new Map(checks.map((check: Check) => [check.name, check]));
  expect(byName.get('ledger_equals_topics')).toMatchObject({
    ok: null,
    detail: expect.stringMatching(/could not be checked/),
  });
  expect(byName.get('wallet_equals_chain')).toMatchObject({ ok: null });
  expect(checks.filter(({ ok }) => ok !== true).map(({ name }) => name)).toEqual([
    'wallet_equals_chain',
    'ledger_equals_topics',
  ]);
  const kept = await pipeline.db.query<{ name: string; ok: boolean | null }>('SELECT name, ok FROM checks');
  expect(new Map(kept.map(({ name, ok }) => [name, ok]))).toEqual(
    new Map(checks.map(({ name, ok }) => [name, ok])),
  );
});

test('a relay that does not publish is said, not taken for a difference', async () => {
  const client = await pipeline.addClient();
  await pipeline.stop('relay');
  await pipeline.publish(Array.from({ length: 11 }, () => pipeline.payment(client)));
  await until('the payout is made', async () => (await journal(client)).length === 1);
  expect(await checkTopics({ ...deps(), relayWaitMs: 100 })).toMatchObject({
    ok: null,
    detail: expect.stringMatching(/the relay has not published/),
  });
  await pipeline.start('relay');
});

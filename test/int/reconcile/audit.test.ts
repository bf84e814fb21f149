/** The audit on real servers: the topics of a flow equal its ledger; whatever is changed on one side is named by its record. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { depositCapital } from '../../../gateway/api/capital.ts';
import { type AuditRequest, audit } from '../../../processors/reconcile/audit.ts';
import { systemClock, systemRandom } from '../../../processors/runtime/clock.ts';
import { money } from '../../../schemas/money.ts';
import { partitionOf } from '../../../schemas/partition.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { Pipeline } from '../in/pipeline.ts';
import { until } from '../runtime/support.ts';

let pipeline: Pipeline;
let client: bigint;
let other: bigint;

beforeAll(async () => {
  pipeline = await Pipeline.open();
  client = await pipeline.addClient();
  other = await pipeline.addClient();
  const payments = Array.from({ length: 25 }, () => pipeline.payment(client));
  await pipeline.publish([
    ...payments,
    ...payments.slice(0, 5),
    { ...payments[24]!, payment_status: 'refunded' },
    { ...payments[1]!, outcome_amount: '9' },
    pipeline.payment(client, { outcome_currency: 'doge' }),
    pipeline.payment(other, { outcome_amount: '25', outcome_currency: 'usdterc20' }),
    pipeline.payment(other, { payment_status: 'waiting' }),
  ]);
  await pipeline.settled();
});
afterAll(() => pipeline.close());

function run(request: AuditRequest = {}, relayWaitMs = 5_000) {
  const { db, kafka, prefix } = pipeline;
  const deps = { ...pipeline.schemas, db, kafka, clock: systemClock, random: systemRandom, relayWaitMs };
  return audit({ ...deps, topicPrefix: prefix }, request);
}

/** Balances that both sides must say, as whole text. */
const balanceOf = (report: Awaited<ReturnType<typeof run>>, key: string) =>
  report.balances.find((line) => line.key === key);

describe('a ledger that is right', () => {
  test('agrees record by record and balance by balance', async () => {
    const report = await run();
    expect(report).toMatchObject({ ok: true, differences: [], differenceCount: 0 });
    expect(report.records.credits).toBe(26);
    // 25 of 48.50, less what two payouts took, less the one refunded.
    const usdt = balanceOf(report, 'client:available|USDT');
    expect(usdt).toMatchObject({ topics: usdt!.ledger });
    expect(report.balances.length).toBeGreaterThan(5);
    expect(report.balances.every(({ topics, ledger }) => topics === ledger)).toBe(true);
  });

  test('of one client: its records and balances only', async () => {
    const report = await run({ client: other });
    expect(report).toMatchObject({ ok: true, records: { credits: 1 } });
    expect(report.balances).toEqual([
      { key: `client:${other}:available|USDT`, topics: -24_250_000n, ledger: -24_250_000n },
    ]);
  });

  test('as of a time of booking, and as of the offsets of another run', async () => {
    const before = await run();
    const [{ at }] = (await pipeline.db.query<{ at: Date }>('SELECT max(at) AS at FROM gl_transfers')) as [
      { at: Date },
    ];
    await pipeline.publish([pipeline.payment(other)]);
    await until('it is credited', async () => (await pipeline.legs(other)).length === 2);
    await pipeline.settled();
    const then = await run({ at });
    expect(then).toMatchObject({ ok: true });
    expect(balanceOf(then, 'client:available|USDT')).toEqual(balanceOf(before, 'client:available|USDT'));
    const offsets = new Map(Object.entries(before.offsets).map(([name, text]) => [name, BigInt(text)]));
    const prefix = await run({ offsets });
    expect(prefix).toMatchObject({ ok: true, offsets: before.offsets });
    expect(balanceOf(prefix, 'client:available|USDT')).toEqual({
      ...balanceOf(before, 'client:available|USDT'),
      ledger: null,
    });
    const now = await run();
    expect(balanceOf(now, 'client:available|USDT')!.topics).toBeLessThan(
      balanceOf(then, 'client:available|USDT')!.topics,
    );
  });

  test('while the flow goes on is right too', async () => {
    const publishing = pipeline.publish(Array.from({ length: 300 }, () => pipeline.payment(other)));
    expect(await run()).toMatchObject({ ok: true, differences: [] });
    await publishing;
    await pipeline.settled();
    expect(await run()).toMatchObject({ ok: true, differences: [] });
  });

  test('whose outbox is not published yet is no false alarm: what is left is said', async () => {
    await pipeline.stop('relay');
    await depositCapital(pipeline.api(), {
      account: 'wallet:gas',
      amount: money('ETH', 5n),
      tx: null,
      reference: 'one',
    });
    await expect(run({}, 200)).rejects.toThrow(
      /in the outbox are 1 of journal, the oldest of 20.*; start the relay/,
    );
    const started = run({}, 20_000);
    await pipeline.start('relay');
    expect(await started).toMatchObject({ ok: true });
  });
});

/** Changes the database, audits, changes it back. */
async function spoiled(change: string, back: string) {
  await pipeline.db.query(change);
  try {
    return await run();
  } finally {
    await pipeline.db.query(back);
  }
}

describe('a row that was changed', () => {
  const valued = (leg: { offset: bigint; event_id: string }) => ({
    record: { topic: 'payments.valued', partition: partitionOf(String(client)), ...leg },
  });
  const someLeg = async () => {
    const [leg] = await pipeline.db.query<{ offset: bigint; event_id: string; payment_id: string }>(
      `SELECT source_offset AS "offset", event_id::text AS event_id, payment_id FROM payout_accumulation
        WHERE client_id = ${client} ORDER BY seq OFFSET 7 LIMIT 1`,
    );
    return leg!;
  };

  test('a credited amount: the record of that payment', async () => {
    const { payment_id, ...leg } = await someLeg();
    const add = (units: number) =>
      `UPDATE payout_accumulation SET net = net + ${units}, gross = gross + ${units} WHERE payment_id = '${payment_id}'`;
    const report = await spoiled(add(1), add(-1));
    expect(report.ok).toBe(false);
    expect(report.differences[0]).toMatchObject({
      ...valued(leg),
      topics: 'gross 50 USDT, net 48.5 USDT',
      ledger: 'gross 50.000001 USDT, net 48.500001 USDT',
    });
    expect((await run({ client: other })).ok).toBe(true);
  });

  test('a credit that was deleted: the record of that payment', async () => {
    const { payment_id, ...leg } = await someLeg();
    const report = await spoiled(
      `WITH gone AS (DELETE FROM payout_accumulation WHERE payment_id = '${payment_id}' RETURNING *)
        INSERT INTO checks (name, ok, difference, detail, checked_at)
        SELECT 'gone', true, '', row_to_json(gone)::text, credited_at FROM gone`,
      `INSERT INTO payout_accumulation SELECT r.* FROM checks, json_populate_record(NULL::payout_accumulation, detail::json) r
        WHERE name = 'gone'`,
    );
    expect(report.differences[0]).toMatchObject({ ...valued(leg), ledger: 'not in payout_accumulation' });
  });

  test.each([
    ['an entry', 'client_entries', `client_id = $client AND kind = 'refund'`, 'refund', 'refund -48.5 USDT'],
    ['a payout', 'payout_batches', 'client_id = $client', 'payout_created', '533.5 USDT of client $client'],
  ])('%s: the record of the journal that made it', async (_what, table, where, cause, topics) => {
    const of = where.replace('$client', String(client));
    const add = (units: number) => `UPDATE ${table} SET amount = amount + ${units} WHERE ${of}`;
    const report = await spoiled(add(1), add(-1));
    const records = await pipeline.contents(TOPIC.journal, client);
    const [made] = records.filter(({ decoded }) => decoded.cause_kind === cause);
    expect(report.differences[0]).toMatchObject({
      record: {
        topic: 'journal',
        partition: made!.partition,
        offset: made!.offset,
        event_id: made!.decoded.event_id,
      },
      topics: topics.replace('$client', String(client)),
    });
  });

  test('a balance of the wallet, a balance of a client: their rows, because every record agrees', async () => {
    const wallet = (units: number) =>
      `UPDATE wallet_accounts SET balance = balance + ${units} WHERE account = 'wallet:gas'`;
    const [first, ...none] = (await spoiled(wallet(3), wallet(-3))).differences;
    expect(first).toMatchObject({ record: null, what: 'the row in wallet_accounts of wallet:gas' });
    expect(none).toEqual([]);
    const free = (units: number) =>
      `UPDATE client_accounts SET available = available + ${units} WHERE client_id = ${other} AND asset = 'USDT'`;
    const report = await spoiled(free(1), free(-1));
    expect(report.differences).toMatchObject([
      { record: null, what: `the balance of client:${other}:available` },
    ]);
  });
});

describe('a topic that was changed', () => {
  test('a forged record of the journal is named where it stands', async () => {
    const [real] = await pipeline.contents(TOPIC.journal, client);
    const id = systemRandom.uuid();
    const forged = { ...real!.decoded, event_id: id, posting_set_id: id, cause_id: 'forged', entries: [] };
    await pipeline.publishBytes(
      TOPIC.journal,
      String(client),
      pipeline.schemas.codec.encode(TOPIC.journal, forged),
    );
    const report = await run();
    const [found] = (await pipeline.contents(TOPIC.journal, client)).filter(
      ({ decoded }) => decoded.event_id === id,
    );
    expect(report.differences[0]).toMatchObject({
      record: { topic: 'journal', partition: found!.partition, offset: found!.offset, event_id: id },
      ledger: `no set ${id}`,
    });
    expect(report.balances.find(({ topics, ledger }) => topics !== ledger)).toBeDefined();
  });
});

/**
 * The planner trap (ledger spike, section 3): a generic plan made while a table is empty is kept for as long as the
 * connection lives, so the statements of a batch must use indexes on an empty schema already.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database, Db } from '../../../ledger/db.ts';
import { sweepPartition } from '../../../processors/accumulate/recurring.ts';
import type { PaymentFacts } from '../../../schemas/events.ts';
import { type ProposeOptions, proposed } from '../../fixtures/ledger-rows.ts';
import { codec, LedgerBench } from './ledger-bench.ts';

/** Tables of a fixed, small size, where a scan is no trap. */
const SMALL = new Set(['consumer_position', 'wallet_accounts', 'rates', 'fee_schedule', 'pair_limits']);

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Node[];
}

let bench: LedgerBench;
const statements = new Map<string, string>();

beforeAll(async () => {
  bench = await LedgerBench.open();
});
afterAll(() => bench.close());

/** The same database, writing down what is prepared. */
function recording(db: Database): Database {
  const record = (on: Db): Db => ({
    query: (text, values, name) => {
      if (name !== undefined) statements.set(text, name);
      return on.query(text, values, name);
    },
  });
  return {
    ...db,
    ...record(db),
    transaction: (fn, options) => db.transaction((tx) => fn(record(tx)), options),
  };
}

/** Generic plan of a prepared statement, made with the settings of the processors and empty tables. */
async function planOf(tx: Db, text: string): Promise<Node> {
  const rows = await tx.query<{ 'QUERY PLAN': { Plan: Node }[] }>(
    `EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`,
  );
  return rows[0]!['QUERY PLAN'][0]!.Plan;
}

function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodesOf(child);
}

/** Reads of growing tables that go over the whole table or the whole index. */
function scansIn(plan: Node): string[] {
  return [...nodesOf(plan)]
    .filter((node) => node['Relation Name'] !== undefined && !SMALL.has(node['Relation Name']))
    .filter(
      (node) =>
        node['Node Type'] === 'Seq Scan' ||
        (/Index/.test(node['Node Type']) && node['Index Cond'] === undefined),
    )
    .map((node) => `${node['Node Type']} on ${node['Relation Name']}`);
}

test('statements of batches and sweeps use indexes on an empty schema', async () => {
  const db = recording(bench.connect());
  const driven = bench.drive(db, 'recorded');
  await bench.takeOver(driven);
  const client = await bench.addClient({ thresholdUsd: '90' });
  const pay = (part: Partial<PaymentFacts>, options: ProposeOptions = {}) =>
    proposed({ client_id: String(client.client_id), ...part }, options);
  // Everything that a batch can do: credit, payout, repeat, clash, unvalued, refund, redrive, quarantine.
  await bench.feed(
    [pay({ payment_id: '1' }), pay({ payment_id: '2' }), pay({ payment_id: '3' }, { rate: null })],
    {},
    driven,
  );
  await bench.feed(
    [pay({ payment_id: '1' }), pay({ payment_id: '2', payment_status: 'refunded' })],
    {},
    driven,
  );
  await bench.feed(
    [pay({ payment_id: '4', outcome_currency: 'doge' })],
    { headers: { 'redrive-attempt': '1', 'redrive-last': '1' } },
    driven,
  );
  await bench.feed([Buffer.from('bytes')], { key: String(client.client_id) }, driven);
  await sweepPartition(
    { db, codec, clock: bench.clock, settings: { RATE_MAX_AGE: 300_000 } },
    client.partition,
  );
  await db.close();
  expect(statements.size).toBeGreaterThan(15);

  const trapped: Record<string, string[]> = {};
  const empty = await LedgerBench.open();
  try {
    await empty.db.transaction(async (tx) => {
      for (const [text, name] of statements) {
        const scans = scansIn(await planOf(tx, text));
        if (scans.length > 0) trapped[name] = scans;
      }
    });
  } finally {
    await empty.close();
  }
  expect(trapped).toEqual({});
});

test('without the settings of the processors the same look-up would be a scan: the test can fail', async () => {
  await bench.db.transaction(async (tx) => {
    await tx.query('SET LOCAL enable_seqscan = on');
    await tx.query('SET LOCAL enable_indexscan = off');
    await tx.query('SET LOCAL enable_bitmapscan = off');
    const plan = await planOf(
      tx,
      'SELECT * FROM payment_status WHERE client_id = $1 AND provider = $2 AND payment_id = $3',
    );
    expect(scansIn(plan)).toEqual(['Seq Scan on payment_status']);
  });
});

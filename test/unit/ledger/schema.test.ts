/** What the schema makes impossible whatever the code does, read from the catalogue of PostgreSQL after all migrations. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPosition } from '../../../ledger/sql/position-create.ts';
import { write } from '../../../ledger/store.ts';
import { payoutBatches } from '../../../ledger/tables.ts';
import { Work } from '../../../ledger/work.ts';
import { accumulate } from '../../../processors/accumulate/transition.ts';
import { GRAPHS, type GraphName } from '../../../processors/swap/graph.ts';
import { createCodec } from '../../../schemas/codec.ts';
import { TOPIC, TOPIC_NAMES, type TopicName } from '../../../schemas/topology.ts';
import { CLIENT, CONTEXT, NOW, PARTITION, proposed, recordOf, workWith } from '../../fixtures/ledger-rows.ts';
import { payoutRow } from '../../fixtures/out-rows.ts';
import { PgliteDatabase, WarmPglite } from '../../sim/database.ts';
import { allFiles, parseSource, readText } from '../source-tree.ts';

const ids = Object.fromEntries(TOPIC_NAMES.map((topic, index) => [topic, index + 1]));
const codec = createCodec(ids as Record<TopicName, number>);
let warm: WarmPglite;
let db: PgliteDatabase;
beforeAll(async () => {
  warm = await WarmPglite.open();
  db = new PgliteDatabase(warm);
});
afterAll(() => warm?.close());
beforeEach(() => warm.reset());

const product = allFiles().filter((path) => /^(schemas|ledger|processors|gateway|bin)\/.*\.ts$/.test(path));

interface Column {
  readonly at: string;
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/** Columns of tables; a type as `numeric(78,0)`. */
function columns(): Promise<Column[]> {
  return db.query<Column>(
    `SELECT c.relname || '.' || a.attname AS at, c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY 1`,
  );
}

describe('columns', () => {
  it('hold any amount, id and text: nothing has a length, nothing is a float [failures 16, 17, 18, 29, H14]', async () => {
    const narrow = (await columns()).filter(({ type }) => /char|real|double|money|numeric/.test(type));
    const amounts = narrow.filter(({ type }) => !['numeric(78,0)', 'numeric(20,2)'].includes(type));
    expect(amounts.map(({ at, type }) => `${at} ${type}`)).toEqual([]);
    expect(narrow.length).toBeGreaterThan(30);
  });

  it('of times have a zone [failure H16]', async () => {
    const times = (await columns()).filter(({ type }) => /^(timestamp|date|time)/.test(type));
    expect(times.filter(({ type }) => type !== 'timestamp with time zone')).toEqual([]);
    expect(times.length).toBeGreaterThan(20);
  });

  it('of amounts say which asset they are, by a column beside them or by their name [failures 20, 21]', async () => {
    const all = await columns();
    const withAsset = new Set(all.filter(({ name }) => name === 'asset').map(({ table }) => table));
    /** Gas is paid in ETH, in wei; a limit is a number of units of gas. */
    const GAS = /^(gas_limit|max_fee|priority_fee|gas_held|gas_spent)$/;
    const mute = all.filter(({ table, name, type }) => {
      if (type === 'numeric(20,2)') return !/(^|_)usd(_|$)/.test(name);
      if (type !== 'numeric(78,0)' || withAsset.has(table) || GAS.test(name)) return false;
      if (table === 'payment_status') return !all.some(({ at }) => at === 'payment_status.received_asset');
      return !/(^|_)(eth|usdt)(_|$)/.test(name);
    });
    expect(mute.map(({ at }) => at)).toEqual([]);
  });

  it('are used by code, each of them [failure 103]', async () => {
    const words = new Set<string>();
    for (const path of product.filter((path) => path !== 'ledger/tables.ts'))
      for (const word of readText(path).match(/\w+/g) ?? []) words.add(word);
    const unused = (await columns()).filter(({ name }) => !words.has(name));
    expect(unused.map(({ at }) => at)).toEqual([]);
  });
});

describe('keys', () => {
  it('are the natural ones, and unique [failures 40, 44, 45, 107, H8, H10]', async () => {
    const rows = await db.query<{ line: string }>(
      `SELECT i.indrelid::regclass || ' ' || (SELECT string_agg(a.attname, ',' ORDER BY k.ord) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, ord)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) AS line
       FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
       WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace`,
    );
    expect(rows.map(({ line }) => line)).toEqual(
      expect.arrayContaining([
        'clients client_id',
        'payment_status client_id,provider,payment_id',
        'payout_accumulation client_id,provider,payment_id,leg',
        'payout_accumulation client_id,asset,seq',
        'payout_batches client_id,asset,to_seq',
        'conversion_ranges partition,to_batch',
        'swap_orders owner_kind,owner_id,attempt',
        'swap_orders provider,provider_id',
        'transfers owner_kind,owner_id,attempt',
        'transfers nonce',
        'chain_deposits hash,log_index',
        'gl_transfers posting_set_id,line',
      ]),
    );
  });
});

describe('states', () => {
  it.each<[string, GraphName]>([
    ['payout_batches', 'payout'],
    ['conversions', 'conversion'],
    ['transfers', 'transfer'],
  ])('%s may hold those of the graph of a %s, and no other [failure 76]', async (table, graph) => {
    const [row] = await db.query<{ text: string }>(
      `SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = $1`,
      [`${table}_state_check`],
    );
    const allowed = [...row!.text.matchAll(/'(\w+)'/g)].map(([, state]) => state!);
    expect(allowed.toSorted()).toEqual(Object.keys(GRAPHS[graph]).toSorted());
  });

  it('a strategy that nobody knows cannot be stored, nor a threshold without its amount [failure 65]', async () => {
    const insert = (strategy: string, threshold: string | null) =>
      db.query(
        `INSERT INTO clients VALUES (-1001, 'a', $1, $2, now(), NULL, 'xmr', 'xmr', '4Ad', NULL, 0, 1, now(), now())`,
        [strategy, threshold],
      );
    await expect(insert('weekly', '500')).rejects.toMatchObject({ code: '23514' });
    await expect(insert('threshold', null)).rejects.toMatchObject({ code: '23514' });
    await insert('threshold', '500');
  });
});

describe('statements', () => {
  const SQL = /^\s*(SELECT|INSERT INTO|UPDATE \S+|DELETE FROM|WITH (RECURSIVE )?\w+ AS)\s/;

  it('that stand in code as fixed text name tables and columns that exist [failures 66, 76]', {
    timeout: 60_000,
  }, async () => {
    const fixed = product
      .filter((path) => path !== 'ledger/migrate.ts')
      .flatMap((path) =>
        parseSource(path)
          // What ends in a bracket after WITH is the beginning of several statements.
          .texts.filter(({ text }) => SQL.test(text) && !/^\s*WITH.*\)\s*$/s.test(text))
          .filter(({ expressions }) => expressions.length === 0)
          .map(({ line, text }) => ({ at: `${path}:${line}`, text })),
      );
    const wrong: string[] = [];
    for (const [index, { at, text }] of fixed.entries()) {
      const refused = (error: Error) => wrong.push(`${at}: ${error.message}`);
      await db.query(`PREPARE fixed_${index} AS ${text}`).catch(refused);
    }
    expect(wrong).toEqual([]);
    expect(fixed.length).toBeGreaterThan(40);
  });
});

describe('a payment is paid out', () => {
  it('when the payout that covers it is completed, and only then; what it does not cover stays [failures H6, H7]', async () => {
    await createPosition(db, { group: 'accumulate', topic: TOPIC.valued, partition: PARTITION }, 'me', NOW);
    const credited = workWith();
    for (const payment_id of ['1', '2']) accumulate(credited, recordOf(proposed({ payment_id })), CONTEXT);
    await db.transaction((tx) => write(tx, credited, codec));
    for (const state of Object.keys(GRAPHS.payout)) {
      const work = new Work(NOW);
      const row = payoutRow({ state, completed_at: state === 'completed' ? NOW : null });
      work.put(payoutBatches, row);
      await db.transaction((tx) => write(tx, work, codec));
      const paid = await db.query(
        'SELECT payment_id, batch_id, is_paid_out FROM payout_accumulation_paid WHERE client_id = $1 ORDER BY seq',
        [CLIENT],
      );
      expect(paid).toEqual([
        { payment_id: '1', batch_id: row.payout_id, is_paid_out: state === 'completed' },
        { payment_id: '2', batch_id: null, is_paid_out: false },
      ]);
    }
  });
});

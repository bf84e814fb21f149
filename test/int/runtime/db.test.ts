/** The door to PostgreSQL: exact values, repeated deadlocks, lost answers to COMMIT, connections that die. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../../ledger/db.ts';
import { CommitUnknownError, ConnectionLostError, errorClass } from '../../../ledger/db-errors.ts';
import { type FreshDatabase, freshDatabase } from '../setup/database.ts';
import { until } from './support.ts';
import { startProxy } from './tcp-proxy.ts';

let fresh: FreshDatabase;
let db: Database;

beforeAll(async () => {
  fresh = await freshDatabase({ empty: true });
  db = openDatabase({ url: fresh.url, max: 6, applicationName: 'db-test' });
  await db.query('CREATE TABLE t (id int PRIMARY KEY, n bigint NOT NULL, amount numeric(78, 0))');
  await db.query('INSERT INTO t VALUES (1, 0, 0), (2, 0, 0)');
});

afterAll(async () => {
  await db.close();
  await fresh.drop();
});

test('int8 is a bigint, numeric exact text, arrays of them too [failures 17, 36]', async () => {
  const rows = await db.query(
    "SELECT 9007199254740993::int8 AS a, 1e77::numeric(78,0) AS b, '{1,NULL}'::int8[] AS c, '{0.10}'::numeric[] AS d",
  );
  expect(rows).toEqual([{ a: 9007199254740993n, b: `1${'0'.repeat(77)}`, c: [1n, null], d: ['0.10'] }]);
});

describe('transaction', () => {
  test('two that lock in opposite order both end, the deadlock is repeated', async () => {
    let tries = 0;
    const opposite = async (first: number, second: number) => {
      await db.transaction(async (tx) => {
        tries += 1;
        await tx.query('UPDATE t SET n = n + 1 WHERE id = $1', [first]);
        // Both hold their first lock before either asks for its second (only while both are in their first try).
        if (tries <= 2) await until('both in', () => tries >= 2);
        await tx.query('UPDATE t SET n = n + 1 WHERE id = $1', [second]);
      });
    };
    await Promise.all([opposite(1, 2), opposite(2, 1)]);
    expect(tries).toBe(3);
    expect(await db.query('SELECT n FROM t ORDER BY id')).toEqual([{ n: 2n }, { n: 2n }]);
  });

  test('a serialization failure is repeated at most 5 times', async () => {
    let tries = 0;
    const fails = db.transaction(async (tx) => {
      tries += 1;
      await tx.query("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$");
    });
    await expect(fails).rejects.toMatchObject({ code: '40001' });
    expect(tries).toBe(5);
  });

  test('refused values are data errors, roll back, and leave the connection usable [failure 78]', async () => {
    const refused = db.transaction(async (tx) => {
      await tx.query('UPDATE t SET n = 99');
      await tx.query('INSERT INTO t VALUES (1, 0, 0)');
    });
    const error = await refused.catch((cause: unknown) => cause);
    expect(errorClass(error)).toBe('data');
    expect(await db.query('SELECT n FROM t WHERE n = 99')).toEqual([]);
  });

  test('an error that the work swallowed does not look like success', async () => {
    const swallowed = db.transaction(async (tx) => {
      await tx.query('UPDATE t SET n = 98');
      await tx.query('SELECT 1/0').catch(() => undefined);
    });
    await expect(swallowed).rejects.toThrow('rolled back');
    expect(await db.query('SELECT n FROM t WHERE n = 98')).toEqual([]);
  });

  test('a constraint that COMMIT itself refuses is no lost answer', async () => {
    await db.query('CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)');
    const refused = db.transaction(async (tx) => {
      await tx.query('INSERT INTO late VALUES (1), (1)');
    });
    await expect(refused).rejects.toMatchObject({ code: '23505' });
  });

  test('a lost answer to COMMIT is an error of its own, whether it was committed or not', async () => {
    const url = new URL(fresh.url);
    const proxy = await startProxy(url.hostname, Number(url.port));
    url.port = `${proxy.port}`;
    const through = openDatabase({ url: url.href, max: 2, applicationName: 'cut' });
    try {
      for (const [lost, expected] of [
        ['request', 0],
        ['response', 1],
      ] as const) {
        await db.query('DELETE FROM t WHERE id = 77');
        let isCommitting = false;
        proxy.cutWhen = (direction, chunk) => {
          if (direction === 'request' && chunk.includes('COMMIT')) isCommitting = true;
          return isCommitting && direction === lost;
        };
        const unknown = through.transaction((tx) => tx.query('INSERT INTO t VALUES (77, 0, 0)'));
        await expect(unknown).rejects.toThrow(CommitUnknownError);
        const count = async () => (await db.query('SELECT 1 FROM t WHERE id = 77')).length;
        await until(`${expected} rows`, async () => (await count()) === expected);
        proxy.cutWhen = () => false;
      }
      expect(await through.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      await through.close();
      await proxy.close();
    }
  });

  test('a connection killed in the middle is closed, not handed on [failure 78]', async () => {
    const killed = db.transaction(async (tx) => {
      const [me] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await db.query('SELECT pg_terminate_backend($1)', [me!.pid]);
      await tx.query('SELECT 1');
    });
    await expect(killed).rejects.toThrow(ConnectionLostError);
    const answers = await Promise.all(Array.from({ length: 6 }, () => db.query('SELECT 1 AS one')));
    expect(answers).toHaveLength(6);
  });
});

test('a pool has a bound: what is above it waits, and nothing is refused [failures 79, 117]', async () => {
  const bounded = openDatabase({ url: fresh.url, max: 2, applicationName: 'bounded' });
  const connections = () =>
    db.query<{ n: bigint }>("SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'bounded'");
  const seen: bigint[] = [];
  const work = Array.from({ length: 40 }, async (_, index) => {
    const [row] = await bounded.query<{ n: number }>('SELECT $1::int AS n FROM pg_sleep(0.01)', [index]);
    seen.push((await connections())[0]!.n);
    return row!.n;
  });
  expect(await Promise.all(work)).toEqual(work.map((_, index) => index));
  expect(seen.reduce((most, n) => (n > most ? n : most), 0n)).toBe(2n);
  await bounded.close();
});

test('a statement is stopped after its limit [failure 77]', async () => {
  const impatient = openDatabase({
    url: fresh.url,
    max: 1,
    applicationName: 'short',
    statementTimeoutMs: 100,
  });
  try {
    const error = await impatient.query('SELECT pg_sleep(5)').catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: '57014' });
    expect(errorClass(error)).toBe('infrastructure');
    expect(await impatient.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  } finally {
    await impatient.close();
  }
});

test("a processor's plans use the index even when prepared on an empty table", async () => {
  const processor = openDatabase({ url: fresh.url, max: 1, applicationName: 'p', role: 'processor' });
  try {
    await processor.query('CREATE TABLE grows (id bigint PRIMARY KEY, v text)');
    await processor.query(
      'PREPARE probe AS SELECT u.id, g.v FROM unnest($1::bigint[]) AS u(id) LEFT JOIN LATERAL (SELECT x.v FROM grows x WHERE x.id = u.id LIMIT 1) g ON true',
    );
    const plan = await processor.query<Record<string, string>>("EXPLAIN EXECUTE probe('{1,2}')");
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('Index Scan');
    expect(text).not.toContain('Seq Scan');
  } finally {
    await processor.close();
  }
});

test('a listener comes back after its connection is killed, and says so by a call', async () => {
  const heard: string[] = [];
  const stop = await db.listen('news', (payload) => heard.push(payload));
  expect(heard).toEqual(['']);
  await db.query("SELECT pg_notify('news', 'one')");
  await until('the first', () => heard.includes('one'));
  await db.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'db-test listen'",
  );
  await until('the call after the reconnect', () => heard.length === 3);
  await db.query("SELECT pg_notify('news', 'two')");
  await until('the second', () => heard.includes('two'));
  stop();
});

/** The migrations and their runner on PGlite: up, verify, down, up again; foreign histories are refused. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../ledger/db.ts';
import {
  assertMigrated,
  type Migration,
  migrateDown,
  migrateUp,
  readMigrations,
  verifyMigrations,
} from '../../../ledger/migrate.ts';
import { pgliteDatabase } from '../../fixtures/pglite-database.ts';
import { schemaSnapshot } from '../../fixtures/schema-snapshot.ts';

const now = new Date('2026-01-02T03:04:05.678Z');
const real = readMigrations();

const step = (version: number, change: Partial<Migration> = {}): Migration => ({
  version,
  name: `step-${version}`,
  up: `CREATE TABLE step_${version} (a int); INSERT INTO step_${version} VALUES (1)`,
  verify: `SELECT 'has a row' AS name, count(*) = 1 AS ok, count(*)::text AS detail FROM step_${version}`,
  down: `DROP TABLE step_${version}`,
  checksum: `sum-${version}`,
  ...change,
});

let db: Database;
beforeEach(async () => {
  db = await pgliteDatabase();
});
afterEach(() => db.close());

describe('the real migrations', () => {
  it('up, verify, down, up again leaves the same schema, and down leaves nothing', async () => {
    expect((await migrateUp(db, real, now)).length).toBe(real.length);
    const first = await schemaSnapshot(db);
    expect(first.length).toBeGreaterThan(200);
    expect((await verifyMigrations(db, real)).filter((check) => !check.ok)).toEqual([]);
    await assertMigrated(db, real);
    for (const _ of real) await migrateDown(db, real);
    expect((await schemaSnapshot(db)).filter((line) => !line.includes('schema_migrations'))).toEqual([]);
    await migrateUp(db, real, now);
    expect(await schemaSnapshot(db)).toEqual(first);
  });

  it('a second up changes nothing; the time is the one that was passed', async () => {
    await migrateUp(db, real, now);
    expect(await migrateUp(db, real, new Date(0))).toEqual([]);
    const rows = await db.query<{ applied_at: Date }>('SELECT applied_at FROM schema_migrations');
    expect(rows.map((row) => row.applied_at.getTime())).toEqual(real.map(() => now.getTime()));
  });
});

describe('the runner', () => {
  it('a failing statement names its line and leaves nothing of its migration behind', async () => {
    const broken = step(2, { up: 'CREATE TABLE half (a int);\nCREATE TABEL x ()' });
    await expect(migrateUp(db, [step(1), broken], now)).rejects.toThrow(
      '0002-step-2.up.sql line 2: syntax error',
    );
    const snapshot = await schemaSnapshot(db);
    expect(snapshot.some((line) => line.includes('step_1'))).toBe(true);
    expect(snapshot.some((line) => line.includes('half'))).toBe(false);
    await expect(assertMigrated(db, [step(1), broken])).rejects.toThrow(
      '1 of 2 migrations: run spillway migrate up',
    );
  });

  it('refuses a newer database, a changed migration and another history, and changes nothing [failure 76]', async () => {
    await migrateUp(db, [step(1), step(2)], now);
    const before = await schemaSnapshot(db);
    const cases: [Migration[], string][] = [
      [[step(1)], '0002-step-2, which this program does not know'],
      [[step(1), step(2, { checksum: 'other' }), step(3)], '0002-step-2 was changed after it was applied'],
      [[step(1), step(2, { name: 'other' })], 'has 0002-step-2 where this program has 0002-other'],
    ];
    for (const [migrations, message] of cases) {
      await expect(migrateUp(db, migrations, now)).rejects.toThrow(message);
      await expect(migrateDown(db, migrations)).rejects.toThrow(message);
      await expect(assertMigrated(db, migrations)).rejects.toThrow(message);
      expect((await verifyMigrations(db, migrations))[0]).toMatchObject({ name: 'history', ok: false });
    }
    expect(await schemaSnapshot(db)).toEqual(before);
  });

  it('verify tells what is missing, false, empty or broken', async () => {
    const three = [
      step(1),
      step(2, { verify: 'SELECT 1 AS name, true AS ok, 1 AS detail WHERE false' }),
      step(3, { verify: 'SELECT * FROM nowhere' }),
    ];
    expect((await verifyMigrations(db, three)).map((check) => check.ok)).toEqual([true, false, false, false]);
    await migrateUp(db, three, now);
    await db.query('DELETE FROM step_1');
    const failed = (await verifyMigrations(db, three)).filter((check) => !check.ok);
    expect(failed.map((check) => check.name)).toEqual([
      '0001-step-1: has a row',
      '0002-step-2.verify.sql line 1',
      '0003-step-3.verify.sql line 1',
    ]);
  });

  it('down takes back one step at a time, and nothing when there is none', async () => {
    await migrateUp(db, [step(1), step(2)], now);
    expect((await migrateDown(db, [step(1), step(2)]))?.version).toBe(2);
    expect((await migrateDown(db, [step(1), step(2)]))?.version).toBe(1);
    expect(await migrateDown(db, [step(1), step(2)])).toBeUndefined();
  });
});

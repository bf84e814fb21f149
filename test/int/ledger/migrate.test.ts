/** Migrations on real PostgreSQL: the schema is the same after down and up, and many may migrate at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../ledger/db.ts';
import {
  assertMigrated,
  migrateDown,
  migrateUp,
  readMigrations,
  verifyMigrations,
} from '../../../ledger/migrate.ts';
import { schemaSnapshot } from '../../fixtures/schema-snapshot.ts';
import { type FreshDatabase, freshDatabase } from '../setup/database.ts';

const migrations = readMigrations();
const now = new Date('2026-01-02T03:04:05.678Z');
let fresh: FreshDatabase;
let db: Database;

beforeAll(async () => {
  fresh = await freshDatabase({ empty: true });
  db = openDatabase({ url: fresh.url, max: 4, applicationName: 'test' });
});
afterAll(async () => {
  await db?.close();
  await fresh?.drop();
});

describe('migrations on PostgreSQL', () => {
  it('four at once: each migration is applied by exactly one [failure 76]', async () => {
    const done = await Promise.all([1, 2, 3, 4].map(() => migrateUp(db, migrations, now)));
    expect(
      done
        .flat()
        .map((migration) => migration.version)
        .toSorted(),
    ).toEqual(migrations.map((m) => m.version));
    await assertMigrated(db);
  });

  it('verify, down, up again leaves the same schema', async () => {
    const first = await schemaSnapshot(db);
    expect((await verifyMigrations(db, migrations)).filter((check) => !check.ok)).toEqual([]);
    for (const _ of migrations) await migrateDown(db, migrations);
    expect((await schemaSnapshot(db)).filter((line) => !line.includes('schema_migrations'))).toEqual([]);
    await migrateUp(db, migrations, now);
    expect(await schemaSnapshot(db)).toEqual(first);
  });
});

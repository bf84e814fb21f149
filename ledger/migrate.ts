/**
 * Append-only SQL migrations: each in one transaction under an advisory lock, remembered with the checksum of what
 * was run. Refuses a database that is newer than this program or whose migrations were changed afterwards.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Database, Db } from './db.ts';
import { splitScript } from './sql-script.ts';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly up: string;
  readonly verify: string;
  readonly down: string;
  /** SHA-256 of the up script, hex. */
  readonly checksum: string;
}

export interface MigrationCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export class MigrationError extends Error {
  override name = 'MigrationError';
}

interface AppliedRow {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/** Any fixed number: everybody who migrates this schema takes the same lock. */
const LOCK_KEY = 7_261_553_001;
const FILE = /^(\d{4})-([a-z0-9-]+)\.(up|verify|down)\.sql$/;

/**
 * The migrations of a folder in order.
 * @throws MigrationError when a file is misnamed or a migration is not complete or its number not the next one
 */
export function readMigrations(folder: URL = new URL('./migrations/', import.meta.url)): Migration[] {
  const parts = new Map<string, Map<string, string>>();
  for (const file of readdirSync(folder).sort()) {
    const match = FILE.exec(file);
    if (!match) throw new MigrationError(`migrations: ${file} is not named NNNN-name.up|verify|down.sql`);
    const id = `${match[1]}-${match[2]}`;
    const part = parts.get(id) ?? new Map<string, string>();
    parts.set(id, part.set(match[3]!, readFileSync(new URL(file, folder), 'utf8')));
  }
  return [...parts].map(([id, part], index) => {
    const version = Number.parseInt(id.slice(0, 4), 10);
    if (version !== index + 1)
      throw new MigrationError(`migrations: expected number ${index + 1}, found ${id}`);
    const [up, verify, down] = ['up', 'verify', 'down'].map((kind) => part.get(kind));
    if (up === undefined || verify === undefined || down === undefined) {
      throw new MigrationError(`migrations: ${id} needs an up, a verify and a down file`);
    }
    return {
      version,
      name: id.slice(5),
      up,
      verify,
      down,
      checksum: createHash('sha256').update(up).digest('hex'),
    };
  });
}

/**
 * Applies what is missing and returns it; nothing when the database is current.
 * @throws MigrationError when the database is newer, or a migration was changed after it was applied, or one fails
 */
export async function migrateUp(
  db: Database,
  migrations: readonly Migration[],
  now: Date,
): Promise<Migration[]> {
  const done: Migration[] = [];
  for (const migration of migrations) {
    const applied = await db.transaction(async (tx) => {
      const rows = await lockAndRead(tx, migrations);
      if (rows.some((row) => row.version === migration.version)) return false;
      await runScript(tx, migration, 'up');
      await tx.query(
        'INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)',
        [migration.version, migration.name, migration.checksum, now],
      );
      return true;
    });
    if (applied) done.push(migration);
  }
  // With no file at all, or all applied, a foreign history must still be noticed.
  if (done.length === 0) await db.transaction((tx) => lockAndRead(tx, migrations));
  return done;
}

/** Takes back the last migration; undefined when there is none. @throws MigrationError as migrateUp does */
export function migrateDown(db: Database, migrations: readonly Migration[]): Promise<Migration | undefined> {
  return db.transaction(async (tx) => {
    const rows = await lockAndRead(tx, migrations);
    const last = migrations.find((migration) => migration.version === rows.at(-1)?.version);
    if (!last) return undefined;
    await runScript(tx, last, 'down');
    await tx.query('DELETE FROM schema_migrations WHERE version = $1', [last.version]);
    return last;
  });
}

/** Runs the checks of every migration; one that is not applied is itself a failed check. Changes nothing. */
export async function verifyMigrations(db: Db, migrations: readonly Migration[]): Promise<MigrationCheck[]> {
  const rows = await readApplied(db);
  const problem = historyProblem(rows, migrations);
  const checks: MigrationCheck[] = [
    { name: 'history', ok: problem === undefined, detail: problem ?? `${rows.length} applied, none changed` },
  ];
  for (const migration of migrations) {
    const label = labelOf(migration);
    const isApplied = rows.some((row) => row.version === migration.version);
    checks.push({
      name: `${label}: applied`,
      ok: isApplied,
      detail: isApplied ? '' : 'run spillway migrate up',
    });
    if (isApplied) checks.push(...(await runChecks(db, migration)));
  }
  return checks;
}

/** For roles at their start. @throws MigrationError naming what to do when the schema is not exactly this program's */
export async function assertMigrated(
  db: Db,
  migrations: readonly Migration[] = readMigrations(),
): Promise<void> {
  const rows = await readApplied(db);
  const problem = historyProblem(rows, migrations);
  if (problem !== undefined) throw new MigrationError(problem);
  if (rows.length < migrations.length) {
    throw new MigrationError(
      `the database has ${rows.length} of ${migrations.length} migrations: run spillway migrate up`,
    );
  }
}

function labelOf(migration: Migration): string {
  return `${String(migration.version).padStart(4, '0')}-${migration.name}`;
}

async function lockAndRead(tx: Db, migrations: readonly Migration[]): Promise<AppliedRow[]> {
  // A migration may take longer than any statement of the running system.
  await tx.query("SET LOCAL statement_timeout = '10min'");
  await tx.query('SELECT pg_advisory_xact_lock($1::bigint)', [LOCK_KEY]);
  await tx.query(
    `CREATE TABLE IF NOT EXISTS schema_migrations (
       version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL)`,
  );
  const rows = await readApplied(tx);
  const problem = historyProblem(rows, migrations);
  if (problem !== undefined) throw new MigrationError(problem);
  return rows;
}

async function readApplied(db: Db): Promise<AppliedRow[]> {
  const [found] = await db.query<{ there: boolean }>(
    "SELECT to_regclass('schema_migrations') IS NOT NULL AS there",
  );
  if (!found?.there) return [];
  return db.query<AppliedRow>('SELECT version, name, checksum FROM schema_migrations ORDER BY version');
}

/** What is wrong with the applied migrations in one sentence, or undefined. */
function historyProblem(rows: readonly AppliedRow[], migrations: readonly Migration[]): string | undefined {
  for (const [index, row] of rows.entries()) {
    const migration = migrations[index];
    const label = `${String(row.version).padStart(4, '0')}-${row.name}`;
    if (!migration)
      return `the database has migration ${label}, which this program does not know: run a newer one`;
    if (migration.version !== row.version || migration.name !== row.name) {
      return `the database has ${label} where this program has ${labelOf(migration)}: they do not belong together`;
    }
    if (migration.checksum !== row.checksum) {
      return `${label} was changed after it was applied: restore the file and add a new migration instead`;
    }
  }
  return undefined;
}

async function runScript(tx: Db, migration: Migration, kind: 'up' | 'down'): Promise<void> {
  for (const statement of splitScript(migration[kind])) {
    try {
      await tx.query(statement.text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const where = `${labelOf(migration)}.${kind}.sql line ${statement.line}`;
      throw new MigrationError(`${where}: ${reason}`, { cause: error });
    }
  }
}

async function runChecks(db: Db, migration: Migration): Promise<MigrationCheck[]> {
  const checks: MigrationCheck[] = [];
  for (const statement of splitScript(migration.verify)) {
    const where = `${labelOf(migration)}.verify.sql line ${statement.line}`;
    try {
      const rows = await db.query<{ name: unknown; ok: unknown; detail: unknown }>(statement.text);
      if (rows.length === 0) checks.push({ name: where, ok: false, detail: 'the check returned no row' });
      for (const row of rows) {
        const name = `${labelOf(migration)}: ${String(row.name)}`;
        checks.push({ name, ok: row.ok === true, detail: row.detail === null ? '' : String(row.detail) });
      }
    } catch (error) {
      checks.push({ name: where, ok: false, detail: error instanceof Error ? error.message : String(error) });
    }
  }
  return checks;
}

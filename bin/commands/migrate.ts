/** `spillway migrate up|down|verify`: the schema of the ledger's database. */
import type { Command } from 'commander';
import type { Database } from '../../ledger/db.ts';
import { printChecks } from '../checks.ts';
import { UsageError } from '../usage-error.ts';

const STATEMENT_TIMEOUT_MS = 10 * 60_000;

export function register(program: Command): void {
  const migrate = program.command('migrate').description("the ledger's database schema");
  migrate
    .command('up')
    .description('apply the migrations that are missing')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) => withDatabase((db) => up(db, options.json === true)));
  migrate
    .command('down')
    .description('take back the last migration, with everything in its tables')
    .option('--yes', 'yes, delete that data')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean; yes?: boolean }) => {
      if (!options.yes) throw new UsageError('migrate down deletes data: repeat it with --yes');
      return withDatabase((db) => down(db, options.json === true));
    });
  migrate
    .command('verify')
    .description('check the schema; lists each check with its result')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) => withDatabase((db) => verify(db, options.json === true)));
}

async function withDatabase(work: (db: Database) => Promise<void>): Promise<void> {
  const { settingsFor } = await import('../environment.ts');
  const { openDatabase } = await import('../../ledger/db.ts');
  const db = openDatabase({
    url: settingsFor('DATABASE_URL').DATABASE_URL,
    max: 1,
    applicationName: 'spillway-migrate',
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  try {
    await work(db);
  } finally {
    await db.close();
  }
}

async function up(db: Database, asJson: boolean): Promise<void> {
  const { migrateUp, readMigrations } = await import('../../ledger/migrate.ts');
  const migrations = readMigrations();
  const done = (await migrateUp(db, migrations, new Date())).map((migration) => migration.name);
  if (asJson) console.log(JSON.stringify({ applied: done, version: migrations.length }));
  else
    console.log(
      done.length === 0 ? `nothing to apply: version ${migrations.length}` : `applied ${done.join(', ')}`,
    );
}

async function down(db: Database, asJson: boolean): Promise<void> {
  const { migrateDown, readMigrations } = await import('../../ledger/migrate.ts');
  const undone = (await migrateDown(db, readMigrations()))?.name ?? null;
  if (asJson) console.log(JSON.stringify({ undone }));
  else console.log(undone === null ? 'nothing to take back' : `took back ${undone}`);
}

async function verify(db: Database, asJson: boolean): Promise<void> {
  const { readMigrations, verifyMigrations } = await import('../../ledger/migrate.ts');
  printChecks(await verifyMigrations(db, readMigrations()), asJson);
}

/**
 * The ledger's door over PGlite: the same SQL and the same types as over pg. One warm instance for all runs; in a
 * simulation every transaction is one step, and the hooks decide which of them are cut off or lose their answer.
 */
import { PGlite } from '@electric-sql/pglite';
import type { Database, Db, TransactionOptions } from '../../ledger/db.ts';
import { CommitUnknownError, ConnectionLostError, errorClass } from '../../ledger/db-errors.ts';
import { readMigrations } from '../../ledger/migrate.ts';
import { PgSession, SqlError } from './session.ts';

/** What happens to one transaction or single statement. */
export type Fate =
  | { readonly kind: 'good' }
  /** Rolled back before statement `at` (counted from 0), or before COMMIT if there are fewer; the process is gone. */
  | { readonly kind: 'crash'; readonly at: number }
  /** The answer is lost; `ran` says what is true. */
  | { readonly kind: 'unknown'; readonly ran: boolean }
  /** The connection breaks before statement `at`: the server rolls back. */
  | { readonly kind: 'lost'; readonly at: number }
  /** The server refuses statement `at` with this SQLSTATE, in the first `times` attempts. */
  | { readonly kind: 'refused'; readonly at: number; readonly code: string; readonly times: number };

/** A statement whose effects are in the database. */
export interface Committed {
  readonly name: string | undefined;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly rows: readonly unknown[];
}

export interface DatabaseHooks {
  /** Waits for the turn of this step. */
  step(label: string): Promise<void>;
  fate(): Fate;
  /** Ends the process that runs; never returns. */
  crash(): Promise<never>;
  /** Told after every commit what it did, also when the answer is lost; single statements are commits of their own. */
  committed?(statements: readonly Committed[]): void;
}

const PLAIN: DatabaseHooks = {
  step: async () => undefined,
  fate: () => ({ kind: 'good' }),
  crash: () => Promise.reject(new Error('nothing crashes here')),
};

/** As in ledger/db.ts. */
const ATTEMPTS = 5;

function refusal(code: string): SqlError {
  return new SqlError(`simulated: SQLSTATE ${code}`, code);
}

/** Nothing here must outlive the process: what PostgreSQL does to survive a power cut would take a third of the time. */
const UNSAFE = [
  'synchronous_commit=off',
  'wal_level=minimal',
  'max_wal_senders=0',
  'full_page_writes=off',
  'track_counts=off',
  'track_activities=off',
  'update_process_title=off',
].flatMap((setting) => ['-c', setting]);

/** One migrated PGlite and the names of its tables. */
export class WarmPglite {
  readonly session: PgSession;
  readonly #pglite: PGlite;
  readonly #tables: readonly string[];

  private constructor(pglite: PGlite, tables: readonly string[]) {
    this.#pglite = pglite;
    this.#tables = tables;
    this.session = PgSession.open(pglite);
  }

  static async open(): Promise<WarmPglite> {
    const pglite = await PGlite.create({ startParams: [...PGlite.defaultStartParams, ...UNSAFE] });
    for (const migration of readMigrations()) await pglite.exec(migration.up);
    const { rows } = await pglite.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
    );
    for (const { name } of rows) await pglite.exec(`ALTER TABLE ${name} SET UNLOGGED`);
    const tables = rows.map((row) => row.name).filter((name) => name !== 'wallet_accounts');
    return new WarmPglite(pglite, tables);
  }

  /** As after the migrations: no rows but the wallet accounts, which stand at 0. */
  reset(): void {
    this.session.exec('ROLLBACK');
    this.session.exec(
      `TRUNCATE ${this.#tables.join(', ')} RESTART IDENTITY; UPDATE wallet_accounts SET balance = 0`,
    );
  }

  async close(): Promise<void> {
    await this.#pglite.close();
  }
}

export class PgliteDatabase implements Database {
  readonly #session: PgSession;
  readonly #hooks: DatabaseHooks;
  readonly #names = new Map<string, string>();
  /** Whether a transaction is open: nothing outside may be called then. */
  inTransaction = false;
  #statements: Committed[] = [];

  constructor(warm: WarmPglite, hooks: Partial<DatabaseHooks> = {}) {
    this.#session = warm.session;
    this.#hooks = { ...PLAIN, ...hooks };
  }

  async query<R>(text: string, values: readonly unknown[] = [], name?: string): Promise<R[]> {
    await this.#hooks.step(`sql ${name ?? text.trim().slice(0, 40)}`);
    const fate = this.#hooks.fate();
    if (fate.kind === 'crash') return this.#hooks.crash();
    if (fate.kind === 'refused') throw refusal(fate.code);
    if (fate.kind === 'lost' || (fate.kind === 'unknown' && !fate.ran))
      throw new ConnectionLostError(new Error('simulated'));
    const rows = this.#run<R>(text, values, name);
    this.#committed();
    if (fate.kind === 'unknown') throw new ConnectionLostError(new Error('simulated'));
    return rows;
  }

  /** Repeats what PostgreSQL asks to repeat, as ledger/db.ts does. */
  async transaction<T>(fn: (tx: Db) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    await this.#hooks.step('tx');
    const fate = this.#hooks.fate();
    for (let attempt = 1; ; attempt++) {
      try {
        const isPast = fate.kind === 'refused' && attempt > fate.times;
        return await this.#once(fn, options, isPast ? { kind: 'good' } : fate);
      } catch (error) {
        if (attempt >= ATTEMPTS || errorClass(error) !== 'retry') throw error;
        await this.#hooks.step(`tx again after ${(error as SqlError).code}`);
      }
    }
  }

  async #once<T>(fn: (tx: Db) => Promise<T>, options: TransactionOptions, fate: Fate): Promise<T> {
    const isolation = options.isolation ?? 'read committed';
    this.#session.begin(`BEGIN ISOLATION LEVEL ${isolation}${options.readOnly ? ' READ ONLY' : ''}`);
    this.inTransaction = true;
    try {
      let statement = 0;
      const tx: Db = {
        query: async <R>(text: string, values: readonly unknown[] = [], name?: string) => {
          if ('at' in fate && statement++ === fate.at) await this.#interrupt(fate);
          return this.#run<R>(text, values, name);
        },
      };
      const result = await fn(tx);
      if ('at' in fate) await this.#interrupt(fate);
      if (fate.kind === 'unknown' && !fate.ran) throw new CommitUnknownError(new Error('simulated'));
      this.#session.end('COMMIT');
      this.inTransaction = false;
      this.#committed();
      if (fate.kind === 'unknown') throw new CommitUnknownError(new Error('simulated'));
      return result;
    } catch (error) {
      if (this.inTransaction) this.#session.end('ROLLBACK');
      this.inTransaction = false;
      this.#statements = [];
      throw error;
    }
  }

  #committed(): void {
    const statements = this.#statements;
    this.#statements = [];
    this.#hooks.committed?.(statements);
  }

  /** Inside a transaction; after the last statement it is COMMIT that fails. */
  async #interrupt(fate: Extract<Fate, { at: number }>): Promise<never> {
    if (fate.kind === 'refused') throw refusal(fate.code);
    if (fate.kind === 'lost') throw new ConnectionLostError(new Error('simulated'));
    this.#session.end('ROLLBACK');
    this.inTransaction = false;
    this.#statements = [];
    return this.#hooks.crash();
  }

  #run<R>(text: string, values: readonly unknown[], name: string | undefined): R[] {
    if (name !== undefined) {
      const known = this.#names.get(name);
      if (known !== undefined && known !== text) throw new Error(`two statements are prepared as ${name}`);
      this.#names.set(name, text);
    }
    const rows = this.#session.query<R>(text, values);
    this.#statements.push({ name, text, values, rows });
    return rows;
  }

  listen(): Promise<() => void> {
    return Promise.resolve(() => undefined);
  }

  async close(): Promise<void> {}
}

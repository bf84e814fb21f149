/**
 * The one door to PostgreSQL: a pool with hard time limits, transactions that repeat what PostgreSQL asks to repeat,
 * and a COMMIT whose answer was lost as an error of its own. The simulation passes another `Database`, so this stays small.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { CommitUnknownError, ConnectionLostError, commitOutcome, errorClass, sqlState } from './db-errors.ts';
import { openListener } from './db-listen.ts';
import { typeParsers } from './db-types.ts';

/** Statements on one connection. int8 comes as bigint, numeric as exact text, timestamptz as Date. */
export interface Db {
  /** @param name of a prepared statement; the same name must always carry the same text */
  query<R>(text: string, values?: readonly unknown[], name?: string): Promise<R[]>;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
}

export interface Database extends Db {
  /**
   * Runs `fn` in one transaction; deadlocks and serialization failures are repeated, at most 5 times in all.
   * @throws CommitUnknownError when it may or may not have been committed
   */
  transaction<T>(fn: (tx: Db) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** `fn` runs on each notification, and after each (re)connect, when some may have been missed. */
  listen(channel: string, fn: (payload: string) => void): Promise<() => void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections of the pool. */
  readonly max: number;
  readonly applicationName: string;
  /** `processor`: generic plans without sequential scans, for the fixed set of batch statements. */
  readonly role?: 'service' | 'processor';
  /** Milliseconds; 5,000 unless a maintenance task (migration, audit) needs more. */
  readonly statementTimeoutMs?: number;
  /** Told about connections that broke while nobody used them. */
  readonly onError?: (error: Error) => void;
}

const ATTEMPTS = 5;
const STATEMENT_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_MS = 5_000;
const LOCK_TIMEOUT_MS = 10_000;
/** How much longer than the server's limit we wait for an answer, before we take the connection for dead. */
const ANSWER_GRACE_MS = 3_000;

export function openDatabase(options: DatabaseOptions): Database {
  const onError = options.onError ?? (() => undefined);
  const pool = new Pool(poolConfig(options));
  // Without these two a connection that breaks, idle or not, ends the process (pg #2112, #2762).
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  const listeners = new Set<() => void>();
  return {
    query: async <R>(text: string, values?: readonly unknown[], name?: string) => {
      const client = await connect(pool);
      return settle(
        client,
        () => run<R>(client, text, values, name),
        (error) => error instanceof ConnectionLostError,
      );
    },
    transaction: (fn, transactionOptions) => repeated(pool, fn, transactionOptions ?? {}),
    listen: async (channel, fn) => {
      const stop = await openListener({ ...options, channel, fn, onError });
      listeners.add(stop);
      return () => {
        listeners.delete(stop);
        stop();
      };
    },
    close: async () => {
      for (const stop of listeners) stop();
      await pool.end();
    },
  };
}

/**
 * The planner trap (ledger-spike §3): a generic plan made while a table is empty is kept, so the processors' role may
 * not scan sequentially. JIT only costs on statements of a few milliseconds.
 */
function poolConfig(options: DatabaseOptions): PoolConfig {
  const statementMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const set = ['jit=off'];
  if (options.role === 'processor') set.push('plan_cache_mode=force_generic_plan', 'enable_seqscan=off');
  return {
    connectionString: options.url,
    max: options.max,
    application_name: options.applicationName,
    options: set.map((setting) => `-c ${setting}`).join(' '),
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    query_timeout: statementMs + ANSWER_GRACE_MS,
    connectionTimeoutMillis: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    types: typeParsers,
  };
}

async function run<R>(
  client: PoolClient,
  text: string,
  values?: readonly unknown[],
  name?: string,
): Promise<R[]> {
  const config = { text, values: values as unknown[] | undefined, ...(name === undefined ? {} : { name }) };
  try {
    const result = await client.query(config as { text: string; values: unknown[] });
    return result.rows as R[];
  } catch (error) {
    throw asLost(error);
  }
}

async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw asLost(error);
  }
}

/** Errors without an SQLSTATE did not come from the server; those of our own making are TypeErrors of the driver. */
function asLost(error: unknown): unknown {
  return sqlState(error) !== null || error instanceof TypeError ? error : new ConnectionLostError(error);
}

/** Gives the client back; one whose state is not known is closed instead. */
async function settle<T>(
  client: PoolClient,
  work: () => Promise<T>,
  isBroken: (error: unknown) => boolean,
): Promise<T> {
  let broken = false;
  try {
    return await work();
  } catch (error) {
    broken = isBroken(error);
    throw error;
  } finally {
    client.release(broken);
  }
}

async function repeated<T>(pool: Pool, fn: (tx: Db) => Promise<T>, options: TransactionOptions): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const client = await connect(pool);
    try {
      return await settle(
        client,
        () => once(client, fn, options),
        (error) => error instanceof ConnectionLostError || error instanceof CommitUnknownError,
      );
    } catch (error) {
      if (attempt >= ATTEMPTS || errorClass(error) !== 'retry') throw error;
      // Growing, so that two transactions that met once do not meet again in step.
      await pause(attempt * attempt * 5);
    }
  }
}

async function once<T>(
  client: PoolClient,
  fn: (tx: Db) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const isolation = options.isolation ?? 'read committed';
  let result: T;
  try {
    await run(client, `BEGIN ISOLATION LEVEL ${isolation}${options.readOnly ? ' READ ONLY' : ''}`);
    result = await fn({ query: (text, values, name) => run(client, text, values, name) });
  } catch (error) {
    await rollBack(client, error);
    throw error;
  }
  await commit(client);
  return result;
}

/** A failed ROLLBACK means a dead connection: the server rolls back by itself; the first error is what matters. */
async function rollBack(client: PoolClient, cause: unknown): Promise<void> {
  try {
    await client.query('ROLLBACK');
  } catch (error) {
    throw new ConnectionLostError(new AggregateError([cause, error], 'ROLLBACK failed'));
  }
}

async function commit(client: PoolClient): Promise<void> {
  let command: string;
  try {
    command = (await client.query('COMMIT')).command;
  } catch (error) {
    if (commitOutcome(error) === 'rolled back') throw error;
    throw new CommitUnknownError(error);
  }
  // COMMIT of a transaction in which a statement failed answers ROLLBACK without an error.
  if (command !== 'COMMIT')
    throw new Error('the transaction was rolled back: one of its statements had failed');
}

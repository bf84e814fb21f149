/**
 * PGlite's one session spoken to with prepared statements: each text is parsed once for all runs, and a call is one
 * message. PGlite's own query() takes five messages and plans every time, seven times slower.
 */
import type { PGlite } from '@electric-sql/pglite';
import { type Answer, Request, readAnswer } from './pg-wire.ts';

type Reader = (text: string) => unknown;

interface Column {
  readonly name: string;
  readonly read: Reader;
}

interface Statement {
  readonly id: string;
  readonly columns: readonly Column[];
}

/** Types as ledger/db-types.ts and pg have them, by OID; everything else stays text. */
const READERS: Readonly<Record<number, Reader>> = {
  16: (text) => text === 't',
  17: (text) => Buffer.from(text.slice(2), 'hex'),
  20: BigInt,
  21: Number,
  23: Number,
  114: JSON.parse,
  701: Number,
  1007: (text) => arrayOf(text).map(Number),
  1009: (text) => arrayOf(text),
  1016: (text) => arrayOf(text).map(BigInt),
  1184: instant,
  3802: JSON.parse,
};

/** `2026-03-01 12:00:00.5+00`, as a server in UTC writes it. */
function instant(text: string): Date {
  if (!text.endsWith('+00')) return new Date(text);
  return new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`);
}

function plain(text: string): string {
  return text;
}

/** One-dimensional arrays without quotes, as numbers and ids are written. */
function arrayOf(text: string): string[] {
  const inner = text.slice(1, -1);
  return inner === '' ? [] : inner.split(',');
}

/** An error of the server, with its SQLSTATE as `code`, as pg has it. */
export class SqlError extends Error {
  override name = 'SqlError';
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

export class PgSession {
  readonly #pglite: PGlite;
  readonly #statements = new Map<string, Statement>();
  readonly #request = new Request();
  #received: Buffer[] = [];
  /** A BEGIN that goes with the first statement: it alone would cost as much as a small one. */
  #begin: string | null = null;

  private constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  /** Planned as in a role that processes batches: generic plans, no sequential scans (ledger/db.ts). */
  static open(pglite: PGlite): PgSession {
    const session = new PgSession(pglite);
    session.exec(
      "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off; SET TimeZone = 'UTC'",
    );
    return session;
  }

  /** Begins a transaction, as `BEGIN ...`. */
  begin(text: string): void {
    this.#begin = text;
  }

  /** COMMIT or ROLLBACK of what was begun. @throws SqlError */
  end(text: 'COMMIT' | 'ROLLBACK'): void {
    if (this.#begin === null) this.query(text, []);
    this.#begin = null;
  }

  /** Statements without parameters and rows. @throws SqlError */
  exec(text: string): void {
    this.#request.simple(text);
    this.#send();
  }

  /** @throws SqlError */
  query<R>(text: string, values: readonly unknown[]): R[] {
    const { id, columns } = this.#prepared(text);
    if (this.#begin !== null) this.#request.simple(this.#begin);
    this.#begin = null;
    this.#request.run(id, values.map(written));
    return this.#send().rows.map((row) => rowOf<R>(row, columns));
  }

  #prepared(text: string): Statement {
    const known = this.#statements.get(text);
    if (known) return known;
    const id = `s${this.#statements.size}`;
    this.#request.prepare(id, text);
    const { fields } = this.#send();
    const columns = fields.map(({ name, type }) => ({ name, read: READERS[type] ?? plain }));
    const statement = { id, columns };
    this.#statements.set(text, statement);
    return statement;
  }

  #send(): Answer {
    const answer = readAnswer(this.#exchange(this.#request.take()));
    if (answer.error) throw new SqlError(answer.error.message, answer.error.code);
    return answer;
  }

  /** The stream's answer is here before the call returns; PGlite's other calls also parse all of it for themselves. */
  #exchange(bytes: Uint8Array): Buffer {
    this.#received = [];
    void this.#pglite.execProtocolRawStream(bytes, {
      syncToFs: false,
      onRawData: (data) => this.#received.push(Buffer.from(data)),
    });
    if (this.#received.length === 0) throw new Error('PGlite gave no answer');
    return this.#received.length === 1 ? this.#received[0]! : Buffer.concat(this.#received);
  }
}

function rowOf<R>(texts: readonly (string | null)[], columns: readonly Column[]): R {
  const row: Record<string, unknown> = {};
  for (let i = 0; i < columns.length; i++) {
    const { name, read } = columns[i]!;
    const text = texts[i]!;
    row[name] = text === null ? null : read(text);
  }
  return row as R;
}

function written(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `{${value.map(element).join(',')}}`;
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return String(value);
}

function element(value: unknown): string {
  const text = written(value);
  return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

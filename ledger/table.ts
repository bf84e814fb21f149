/**
 * A table as data: its columns with their kinds, its key, and from these the row type, the mapping between rows
 * and PostgreSQL, and the one set-based statement that writes many rows. Rows travel as one JSON parameter: it was
 * measured equal to arrays (reference ledger spike, transport) and needs no escaping.
 */

interface Kinds {
  text: string;
  int: number;
  bigint: bigint;
  /** Whole minor units. */
  units: bigint;
  /** Exact decimal text. */
  decimal: string;
  bool: boolean;
  time: Date;
  uuid: string;
  bytes: Buffer;
}
type Kind = keyof Kinds;

const SQL_TYPE: Record<Kind, string> = {
  text: 'text',
  int: 'int',
  bigint: 'bigint',
  units: 'numeric',
  decimal: 'numeric',
  bool: 'boolean',
  time: 'timestamptz',
  uuid: 'uuid',
  bytes: 'bytea',
};

/** A kind, with `?` behind it where the column may be null. */
export type ColumnSpec = Kind | `${Kind}?`;
type ValueOf<S extends ColumnSpec> = S extends `${infer K extends Kind}?`
  ? Kinds[K] | null
  : S extends Kind
    ? Kinds[S]
    : never;

export interface Table<
  N extends string = string,
  C extends Record<string, ColumnSpec> = Record<string, ColumnSpec>,
> {
  readonly name: N;
  readonly columns: C;
  readonly key: readonly string[];
}

export type RowOf<T extends Table> = { readonly [K in keyof T['columns']]: ValueOf<T['columns'][K]> };

export function table<N extends string, C extends Record<string, ColumnSpec>>(
  name: N,
  key: readonly (keyof C & string)[],
  columns: C,
): Table<N, C> {
  return { name, key, columns };
}

/** The identity of a row within its table. */
export function keyOf<T extends Table>(t: T, row: Record<string, unknown>): string {
  return t.key.map((column) => String(row[column])).join('|');
}

function kindOf(spec: ColumnSpec): Kind {
  return (spec.endsWith('?') ? spec.slice(0, -1) : spec) as Kind;
}

function toJson(kind: Kind, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (kind === 'bytes') return `\\x${(value as Buffer).toString('hex')}`;
  if (typeof value === 'bigint') return value.toString();
  return value;
}

function fromSql(kind: Kind, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  switch (kind) {
    case 'bigint':
    case 'units':
      return BigInt(value as string);
    case 'decimal':
      return String(value);
    case 'time':
      return value instanceof Date ? value : new Date(value as string);
    case 'bytes':
      return Buffer.from(value as Uint8Array);
    default:
      return value;
  }
}

/** Many rows as the one JSON parameter of a write statement. */
export function encodeRows<T extends Table>(t: T, rows: readonly RowOf<T>[]): string {
  const columns = Object.entries(t.columns);
  return JSON.stringify(
    rows.map((row) => {
      const out: Record<string, unknown> = {};
      for (const [name, spec] of columns)
        out[name] = toJson(kindOf(spec), (row as Record<string, unknown>)[name]);
      return out;
    }),
  );
}

/** A row as the driver gives it, with our types. */
export function decodeRow<T extends Table>(t: T, raw: Record<string, unknown>): RowOf<T> {
  const out: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(t.columns)) out[name] = fromSql(kindOf(spec), raw[name]);
  return out as RowOf<T>;
}

export function columnList(t: Table, prefix = ''): string {
  return Object.keys(t.columns)
    .map((name) => prefix + name)
    .join(', ');
}

/** `FROM` item that turns the JSON parameter into rows of the given columns, in order (`ord`). */
export function recordset(
  t: Table,
  parameter: string,
  columns: readonly string[] = Object.keys(t.columns),
): string {
  const types = columns.map((name) => `${name} ${SQL_TYPE[kindOf(t.columns[name]!)]}`).join(', ');
  return `ROWS FROM (json_to_recordset(${parameter}::json) AS (${types})) WITH ORDINALITY AS x(${columns.join(', ')}, ord)`;
}

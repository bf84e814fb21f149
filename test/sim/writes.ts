/** The rows that committed statements wrote, read from their own parameters: nothing is asked of the database. */
import type { Committed } from './database.ts';

/** A row as it went to the database: whole minor units, ids and times as text. */
export type WrittenRow = Readonly<Record<string, unknown>>;
export type Written = ReadonlyMap<string, readonly WrittenRow[]>;

/** A table and the parameter that holds its rows. */
type Part = readonly [table: string, parameter: number];

const PARTS = /(?:INSERT INTO|UPDATE(?= wallet_accounts )) (\w+) [^;]*?json_to_recordset\(\$(\d+)::json\)/g;
const parsed = new Map<string, readonly Part[]>();

function partsOf({ name, text }: Committed): readonly Part[] {
  const key = name ?? text;
  let parts = parsed.get(key);
  if (!parts) {
    parts = [...text.matchAll(PARTS)].map(([, table, parameter]): Part => [table!, Number(parameter) - 1]);
    parsed.set(key, parts);
  }
  return parts;
}

/** @param tables whose rows are wanted @returns rows by table, in the order of writing; undefined: none of them */
export function writtenBy(
  statements: readonly Committed[],
  tables: ReadonlySet<string>,
): Written | undefined {
  let written: Map<string, WrittenRow[]> | undefined;
  for (const statement of statements) {
    for (const [table, parameter] of partsOf(statement)) {
      if (!tables.has(table)) continue;
      written ??= new Map();
      const rows = written.get(table) ?? [];
      rows.push(...(JSON.parse(statement.values[parameter] as string) as WrittenRow[]));
      written.set(table, rows);
    }
  }
  return written;
}

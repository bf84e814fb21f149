/** Writes many rows of one table with one statement, in the order given. */
import type { Db } from '../db.ts';
import { columnList, encodeRows, type RowOf, recordset, type Table } from '../table.ts';
import { runParts, type WritePart } from './write-part.ts';

/** upsert: replace what is there; insert: a second row with the key is an error; ignore: the first one stays. */
export type WriteMode = 'upsert' | 'insert' | 'ignore';

export function rowsPart<T extends Table>(t: T, rows: readonly RowOf<T>[], mode: WriteMode): WritePart {
  return {
    name: `${t.name} ${mode}`,
    text: (first) => statement(t, mode, first),
    values: [encodeRows(t, rows)],
  };
}

export function writeRows<T extends Table>(
  tx: Db,
  t: T,
  rows: readonly RowOf<T>[],
  mode: WriteMode,
): Promise<void> {
  return runParts(tx, [rowsPart(t, rows, mode)]);
}

function statement(t: Table, mode: WriteMode, parameter: number): string {
  const others = Object.keys(t.columns).filter((name) => !t.key.includes(name));
  const conflict = {
    insert: '',
    ignore: ` ON CONFLICT (${t.key.join(', ')}) DO NOTHING`,
    upsert: ` ON CONFLICT (${t.key.join(', ')}) DO UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`,
  }[mode];
  return `INSERT INTO ${t.name} (${columnList(t)}) SELECT ${columnList(t, 'x.')} FROM ${recordset(t, `$${parameter}`)} ORDER BY x.ord${conflict} RETURNING 1`;
}

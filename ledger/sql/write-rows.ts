/** Writes many rows of one table with one statement, in the order given. */
import type { Db } from '../db.ts';
import { columnList, encodeRows, type RowOf, recordset, type Table } from '../table.ts';

/** upsert: replace what is there; insert: a second row with the key is an error; ignore: the first one stays. */
export type WriteMode = 'upsert' | 'insert' | 'ignore';

export async function writeRows<T extends Table>(
  tx: Db,
  t: T,
  rows: readonly RowOf<T>[],
  mode: WriteMode,
): Promise<void> {
  await tx.query(statement(t, mode), [encodeRows(t, rows)], `write_${t.name}_${mode}`);
}

function statement(t: Table, mode: WriteMode): string {
  const others = Object.keys(t.columns).filter((name) => !t.key.includes(name));
  const conflict = {
    insert: '',
    ignore: ` ON CONFLICT (${t.key.join(', ')}) DO NOTHING`,
    upsert: ` ON CONFLICT (${t.key.join(', ')}) DO UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`,
  }[mode];
  return `INSERT INTO ${t.name} (${columnList(t)}) SELECT ${columnList(t, 'x.')} FROM ${recordset(t, '$1')} ORDER BY x.ord${conflict}`;
}

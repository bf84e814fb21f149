/** Moves the gapless credit batch counters on; the rows are locked by the caller already. */
import type { WritePart } from './write-part.ts';

const text = (p: number) => `UPDATE consumer_position p SET credit_batch = x.number
  FROM json_to_recordset($${p}::json) AS x(partition int, number bigint)
  WHERE right(p.grp, 10) = 'accumulate' AND p.part = x.partition AND p.credit_batch = x.number - 1 RETURNING 1`;

/** A counter that moved under its lock is an error. */
export function creditBatchPart(
  rows: readonly { readonly partition: number; readonly number: bigint }[],
): WritePart {
  const json = JSON.stringify(
    rows.map((row) => ({ partition: row.partition, number: row.number.toString() })),
  );
  return { name: 'credit counter', text, values: [json], expect: rows.length };
}

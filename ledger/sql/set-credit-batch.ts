/** Moves the gapless credit batch counters on; the rows are locked by the caller already. */
import type { Db } from '../db.ts';

const SQL = `UPDATE consumer_position p SET credit_batch = x.number
  FROM json_to_recordset($1::json) AS x(partition int, number bigint)
  WHERE right(p.grp, 10) = 'accumulate' AND p.part = x.partition AND p.credit_batch = x.number - 1 RETURNING p.part`;

export async function setCreditBatch(
  tx: Db,
  rows: readonly { readonly partition: number; readonly number: bigint }[],
): Promise<void> {
  const json = JSON.stringify(
    rows.map((row) => ({ partition: row.partition, number: row.number.toString() })),
  );
  const done = await tx.query(SQL, [json], 'set_credit_batch');
  if (done.length !== rows.length) throw new Error('a credit batch counter moved under its lock');
}

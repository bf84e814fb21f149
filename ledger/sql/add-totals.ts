/** Adds to the turnover per account pair. Sorted, so that two transactions lock the rows in the same order. */
import type { Db } from '../db.ts';

const SQL = `INSERT INTO gl_totals AS g (debit, credit, asset, partition, cause_kind, amount)
  SELECT x.debit, x.credit, x.asset, x.partition, x.cause_kind, x.amount
    FROM json_to_recordset($1::json) AS x(debit text, credit text, asset text, partition int, cause_kind text, amount numeric)
   ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (debit, credit, asset, partition, cause_kind) DO UPDATE SET amount = g.amount + excluded.amount`;

/** @param totals amounts in minor units by `debit|credit|asset|partition|cause kind` */
export async function addTotals(tx: Db, totals: ReadonlyMap<string, bigint>): Promise<void> {
  if (totals.size === 0) return;
  const rows = [...totals].map(([key, amount]) => {
    const [debit, credit, asset, partition, cause_kind] = key.split('|');
    return { debit, credit, asset, partition, cause_kind, amount: amount.toString() };
  });
  await tx.query(SQL, [JSON.stringify(rows)], 'add_totals');
}

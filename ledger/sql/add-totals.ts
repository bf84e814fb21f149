/** Adds to the turnover per account pair. Sorted, so that two transactions lock the rows in the same order. */
import type { WritePart } from './write-part.ts';

const text = (p: number) => `INSERT INTO gl_totals AS g (debit, credit, asset, partition, cause_kind, amount)
  SELECT x.debit, x.credit, x.asset, x.partition, x.cause_kind, x.amount
    FROM json_to_recordset($${p}::json) AS x(debit text, credit text, asset text, partition int, cause_kind text, amount numeric)
   ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (debit, credit, asset, partition, cause_kind) DO UPDATE SET amount = g.amount + excluded.amount RETURNING 1`;

/** @param totals amounts in minor units by `debit|credit|asset|partition|cause kind` */
export function totalsPart(totals: ReadonlyMap<string, bigint>): WritePart {
  const rows = [...totals].map(([key, amount]) => {
    const [debit, credit, asset, partition, cause_kind] = key.split('|');
    return { debit, credit, asset, partition, cause_kind, amount: amount.toString() };
  });
  return { name: 'gl_totals', text, values: [JSON.stringify(rows)], expect: rows.length };
}

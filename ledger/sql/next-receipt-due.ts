/** When the next receipt of a partition is to be looked at; null: none is open. */
import type { Db } from '../db.ts';

const SQL = `SELECT receipt_due_at AS due FROM payment_status WHERE partition = $1::int AND receipt_due_at IS NOT NULL
  ORDER BY receipt_due_at LIMIT 1`;

export async function nextReceiptDue(tx: Db, partition: number): Promise<Date | null> {
  const [row] = await tx.query<{ due: Date }>(SQL, [partition], 'next_receipt_due');
  return row?.due ?? null;
}

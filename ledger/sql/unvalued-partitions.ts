/** Partitions that hold unvalued payments whose value was not proposed yet. */
import type { Db } from '../db.ts';

const SQL = `SELECT p.partition FROM generate_series(0, $1::int - 1) AS p(partition)
  WHERE EXISTS (SELECT 1 FROM payment_status s WHERE s.partition = p.partition AND s.state = 'unvalued')`;

export async function unvaluedPartitions(tx: Db, partitions: number): Promise<number[]> {
  const rows = await tx.query<{ partition: number }>(SQL, [partitions], 'unvalued_partitions');
  return rows.map((row) => row.partition);
}

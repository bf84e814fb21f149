/** The fee at a time, in basis points. */
import type { Db } from '../db.ts';

const SQL =
  'SELECT bps FROM fee_schedule WHERE valid_from <= $1::timestamptz ORDER BY valid_from DESC LIMIT 1';

/** @throws Error when no fee is set yet: nothing is valued without one */
export async function feeInForce(db: Db, at: Date): Promise<number> {
  const [row] = await db.query<{ bps: number }>(SQL, [at], 'fee_in_force');
  if (!row) throw new Error('no fee is set; run `spillway fees set` or start once with FEE_BPS');
  return row.bps;
}

/** Fills an empty fee schedule on the first start (FEE_BPS); later changes are made with `spillway fees set`. */
import type { Db } from '../db.ts';

const SQL = `INSERT INTO fee_schedule (valid_from, bps) SELECT timestamptz '1970-01-01 00:00:00+00', $1::int
  WHERE NOT EXISTS (SELECT 1 FROM fee_schedule) ON CONFLICT DO NOTHING`;

export async function ensureFee(db: Db, bps: number): Promise<void> {
  await db.query(SQL, [bps], 'ensure_fee');
}

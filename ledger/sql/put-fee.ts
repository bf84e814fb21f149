/** Sets the fee from a time on; a fee for the very same time is replaced. */
import type { Db } from '../db.ts';

const SQL = `INSERT INTO fee_schedule (valid_from, bps) VALUES ($1::timestamptz, $2::int)
  ON CONFLICT (valid_from) DO UPDATE SET bps = excluded.bps`;

/** @param bps basis points, 0 to 2,000 (the table refuses others) */
export async function putFee(db: Db, bps: number, validFrom: Date): Promise<void> {
  await db.query(SQL, [validFrom, bps], 'put_fee');
}

/** US dollars of payouts created in the last day and 30 days, cancelled ones and one payout left out. */
import type { Db } from '../db.ts';

const SQL = `SELECT coalesce(sum(usd_value) FILTER (WHERE created_at > $1::timestamptz - interval '24 hours'), 0)::text AS day,
    coalesce(sum(usd_value), 0)::text AS month
  FROM payout_batches WHERE created_at > $1::timestamptz - interval '30 days' AND state <> 'cancelled'
   AND payout_id <> $2::uuid`;

/** @returns exact decimal text */
export async function payoutsSpent(
  tx: Db,
  at: Date,
  exceptPayout: string,
): Promise<{ day: string; month: string }> {
  const [row] = await tx.query<{ day: string; month: string }>(SQL, [at, exceptPayout], 'payouts_spent');
  return row!;
}

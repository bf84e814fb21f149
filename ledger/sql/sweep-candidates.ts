/**
 * Clients of a partition whose free balance might be due, one page. A superset: the transition decides. Without the
 * narrowing every sweep would lock every client that accumulates.
 */
import type { Db } from '../db.ts';

const SQL = `SELECT DISTINCT a.client_id FROM client_accounts a JOIN clients c ON c.client_id = a.client_id
  WHERE a.partition = $1::int AND a.waiting_since IS NOT NULL AND a.client_id > $2::bigint AND a.debt = 0
    AND (c.payout_strategy = 'instant' OR a.asset = 'ETH' OR a.available >= c.payout_threshold_usd * 1000000
         OR a.waiting_since <= $3::timestamptz - c.max_wait_ms * interval '1 millisecond')
  ORDER BY a.client_id LIMIT $4::int`;

/** @param after the last client of the page before */
export async function sweepCandidates(
  db: Db,
  partition: number,
  after: bigint,
  now: Date,
  limit: number,
): Promise<bigint[]> {
  const rows = await db.query<{ client_id: bigint }>(
    SQL,
    [partition, after.toString(), now, limit],
    'sweep_candidates',
  );
  return rows.map((row) => BigInt(row.client_id));
}

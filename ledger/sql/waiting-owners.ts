/** Who waits for settled funds of an asset, oldest first: woken when funds arrive, instead of at their next poll. */
import type { Db } from '../db.ts';

const SQL = `(SELECT 'payout' AS kind, payout_id::text AS id, created_at FROM payout_batches
    WHERE asset = $1 AND state = 'awaiting_funds' AND NOT parked ORDER BY created_at, payout_id LIMIT 50)
  UNION ALL (SELECT 'conversion', conversion_id::text, created_at FROM conversions
    WHERE $1 = 'ETH' AND state = 'awaiting_funds' AND NOT parked ORDER BY created_at, conversion_id LIMIT 10)`;

export function waitingOwners(
  tx: Db,
  asset: string,
): Promise<{ readonly kind: 'payout' | 'conversion'; readonly id: string }[]> {
  return tx.query(SQL, [asset], 'waiting_owners');
}

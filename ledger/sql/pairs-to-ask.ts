/** Pairs of held asset and payout currency whose provider limits are missing or old, missing ones first. */
import type { Db } from '../db.ts';

export interface PairToAsk {
  readonly asset: 'ETH' | 'USDT';
  readonly currency: string;
  readonly network: string;
  readonly isNew: boolean;
}

/** The distinct pairs are found by jumping from one to the next in the index, whatever the number of clients. */
const SQL = `WITH RECURSIVE pairs AS (
    (SELECT payout_currency AS currency, payout_network AS network FROM clients ORDER BY 1, 2 LIMIT 1)
    UNION ALL
    SELECT n.* FROM pairs p CROSS JOIN LATERAL (
      SELECT c.payout_currency, c.payout_network FROM clients c
       WHERE (c.payout_currency, c.payout_network) > (p.currency, p.network) ORDER BY 1, 2 LIMIT 1) n),
  wanted AS (
    SELECT a.asset, p.currency, p.network FROM pairs p CROSS JOIN (VALUES ('ETH'), ('USDT')) AS a(asset)
    UNION SELECT 'ETH', $3, $4)
  SELECT w.asset, w.currency, w.network, l.at IS NULL AS "isNew" FROM wanted w
    LEFT JOIN pair_limits l ON l.asset = w.asset AND l.currency = w.currency AND l.network = w.network
   WHERE l.at IS NULL OR l.at < $1::timestamptz
   ORDER BY l.at NULLS FIRST, 1, 2, 3 LIMIT $2`;

/** @param settleTo what conversions bring, so that their minimum is known without any client */
export function pairsToAsk(
  tx: Db,
  olderThan: Date,
  limit: number,
  settleTo: { readonly currency: string; readonly network: string },
): Promise<PairToAsk[]> {
  return tx.query(SQL, [olderThan, limit, settleTo.currency, settleTo.network], 'pairs_to_ask');
}

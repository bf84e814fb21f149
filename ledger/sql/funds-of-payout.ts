/** What a payout that awaits funds depends on: settled balances, older payouts of its asset, receipts behind it. */
import type { Db } from '../db.ts';

export interface FundsRow {
  readonly host: bigint;
  readonly ahead: bigint;
  readonly gas: bigint;
  readonly unconfirmed: number;
}

/**
 * Receipts are those of the payments in its range, and in the ranges of returned payouts that it covers. Numeric sums
 * come as text; the caller gets bigints in minor units.
 */
const SQL = `WITH RECURSIVE p AS (SELECT * FROM payout_batches WHERE client_id = $1::bigint AND payout_id = $2::uuid),
  covered AS (
    SELECT from_seq, to_seq FROM p
    UNION ALL
    SELECT b.from_seq, b.to_seq FROM covered c CROSS JOIN p
      JOIN client_entries e ON e.client_id = p.client_id AND e.asset = p.asset AND e.kind = 'returned'
       AND e.seq > c.from_seq AND e.seq <= c.to_seq
      JOIN payout_batches b ON b.client_id = p.client_id AND b.payout_id = e.cause_id::uuid)
  SELECT (SELECT balance::text FROM wallet_accounts WHERE account = 'wallet:host' AND asset = p.asset) AS host,
    (SELECT balance::text FROM wallet_accounts WHERE account = 'wallet:gas' AND asset = 'ETH') AS gas,
    (SELECT coalesce(sum(o.amount), 0)::text FROM payout_batches o WHERE o.asset = p.asset AND o.state = 'awaiting_funds'
       AND (o.created_at, o.payout_id) < (p.created_at, p.payout_id)) AS ahead,
    (SELECT count(*)::int FROM covered c
       JOIN payout_accumulation a ON a.client_id = p.client_id AND a.asset = p.asset
        AND a.seq > c.from_seq AND a.seq <= c.to_seq
       JOIN payment_status s ON s.client_id = a.client_id AND s.provider = a.provider AND s.payment_id = a.payment_id
      WHERE s.confirmed < s.incoming) AS unconfirmed
  FROM p`;

interface RawRow {
  readonly host: string;
  readonly gas: string;
  readonly ahead: string;
  readonly unconfirmed: number;
}

export async function fundsOfPayout(tx: Db, clientId: bigint, payoutId: string): Promise<FundsRow> {
  const [row] = await tx.query<RawRow>(SQL, [String(clientId), payoutId], 'funds_of_payout');
  if (!row) throw new Error(`payout ${payoutId} of client ${clientId} does not exist`);
  const { host, gas, ahead, unconfirmed } = row;
  return { host: BigInt(host), gas: BigInt(gas), ahead: BigInt(ahead), unconfirmed };
}

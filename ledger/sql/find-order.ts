/** One order by its id, and what was paid for it; for people. */
import type { Db } from '../db.ts';

type Line = Record<string, string | number | null>;

const ORDER = `SELECT o.order_id, o.client_id::text AS client, o.user_id::text AS user_id, o.tier, o.price_usd::text AS price_usd, o.days,
    o.invoice_id, o.invoice_url, o.created_at::text AS created_at FROM orders o WHERE o.order_id = $1::text`;
const PAYMENTS = `SELECT p.payment_id, p.status, p.state, p.outcome_amount, p.outcome_currency, p.legs, p.updated_at::text AS updated_at
  FROM payment_status p WHERE p.order_id = $1::text ORDER BY p.first_seen_at`;

export async function findOrder(db: Db, orderId: string): Promise<Line | undefined> {
  return (await db.query<Line>(ORDER, [orderId]))[0];
}

export function paymentsOfOrder(db: Db, orderId: string): Promise<Line[]> {
  return db.query<Line>(PAYMENTS, [orderId]);
}

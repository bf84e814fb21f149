/** An order of ours and where its payments stand, for the payment page. One look-up by the order's own keys. */
import type { Db } from '../db.ts';

const SQL = `SELECT p.status, p.state
    FROM orders o LEFT JOIN payment_status p ON p.client_id = o.client_id AND p.order_id = o.order_id
   WHERE o.client_id = $1::bigint AND o.order_id = $2`;

export interface OrderPayment {
  /** What the provider said last. */
  readonly status: string;
  /** open | unvalued | credited | confirming | closed */
  readonly state: string;
}

/** @returns undefined when there is no such order; an empty list when nothing was heard of a payment yet */
export async function orderPayments(
  db: Db,
  clientId: string,
  orderId: string,
): Promise<OrderPayment[] | undefined> {
  const rows = await db.query<{ status: string | null; state: string | null }>(
    SQL,
    [clientId, orderId],
    'order_payments',
  );
  if (rows.length === 0) return undefined;
  return rows.filter((row): row is OrderPayment => row.status !== null && row.state !== null);
}

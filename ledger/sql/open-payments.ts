/** Payments that are not over, in the order in which they were first seen; one page. */
import type { Db } from '../db.ts';

export interface OpenPayment {
  readonly client_id: bigint;
  readonly payment_id: string;
  readonly first_seen_at: Date;
}

const SQL = `SELECT client_id, payment_id, first_seen_at FROM payment_status
  WHERE state = 'open' AND first_seen_at <= $4::timestamptz AND status NOT IN ('failed', 'expired', 'refunded')
    AND (first_seen_at, client_id, payment_id) > ($1::timestamptz, coalesce($2::bigint, -9223372036854775808), coalesce($3::text, ''))
  ORDER BY first_seen_at, client_id, payment_id LIMIT $5::int`;

/** @param from a time, and the last payment of that time that is not wanted again; null: all of it */
export function openPayments(
  tx: Db,
  from: { readonly at: Date; readonly client: bigint | null; readonly payment: string | null },
  to: Date,
  limit: number,
): Promise<OpenPayment[]> {
  const values = [from.at, from.client?.toString() ?? null, from.payment, to, limit];
  return tx.query(SQL, values, 'open_payments');
}

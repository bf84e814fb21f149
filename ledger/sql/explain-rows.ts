/** Small look-ups for `explain`: what an id stands for, who is parked, which payout covers a payment. */
import type { Db } from '../db.ts';

export interface IntentState {
  readonly key: string;
  readonly isParked: boolean;
  readonly isDone: boolean;
  readonly error: string;
  readonly due_at: Date;
}

export interface CoveredLeg {
  readonly leg: number;
  readonly seq: bigint;
  readonly asset: string;
  readonly net: string;
  readonly payout_id: string | null;
  readonly is_paid_out: boolean;
}

const INTENTS = `SELECT key, state = 'parked' OR parked_at IS NOT NULL AS "isParked", state = 'done' AS "isDone", coalesce(last_error, 'no error told') AS error, due_at
  FROM intents WHERE key = ANY($1::text[])`;
const LEGS = `SELECT leg, seq, asset, net::text AS net, batch_id::text AS payout_id, is_paid_out FROM payout_accumulation_paid
  WHERE client_id = $1::bigint AND provider = $2 AND payment_id = $3 ORDER BY leg`;
const OWNERS = `(SELECT 'payout' AS kind, payout_id::text AS id FROM payout_batches WHERE payout_id BETWEEN $1::uuid AND $2::uuid LIMIT 2)
  UNION ALL (SELECT 'conversion', conversion_id::text FROM conversions WHERE conversion_id BETWEEN $1::uuid AND $2::uuid LIMIT 2)`;
/** Of a payment none of whose records was ever applied. */
const PARKED = `SELECT entity FROM quarantined WHERE redriven_at IS NULL AND entity LIKE 'payment:%' AND split_part(entity, ':', 4) = $1
  ORDER BY at LIMIT 1`;

export async function intentStates(db: Db, keys: readonly string[]): Promise<Map<string, IntentState>> {
  const rows = await db.query<IntentState>(INTENTS, [keys]);
  return new Map(rows.map((row) => [row.key, row]));
}

export function coveredLegs(
  db: Db,
  payment: { readonly client_id: bigint; readonly provider: string; readonly payment_id: string },
): Promise<CoveredLeg[]> {
  return db.query<CoveredLeg>(LEGS, [String(payment.client_id), payment.provider, payment.payment_id]);
}

/** Payouts and conversions whose id begins like that. @param part of a uuid, at least four digits */
export function ownersLike(
  db: Db,
  part: string,
): Promise<{ readonly kind: 'payout' | 'conversion'; readonly id: string }[]> {
  const digits = part.replaceAll('-', '');
  return db.query(OWNERS, [digits.padEnd(32, '0'), digits.padEnd(32, 'f')]);
}

export async function parkedPayment(db: Db, paymentId: string): Promise<string | undefined> {
  const rows = await db.query<{ entity: string }>(PARKED, [paymentId]);
  return rows[0]?.entity;
}

/** One payment with its credited legs and the payout that they went into; for people. */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { formatMoney, money } from '../../schemas/money.ts';
import type { Db } from '../db.ts';

type Line = Record<string, string | number | boolean | Date | null>;

const STATUS = `SELECT client_id::text AS client, provider, payment_id AS payment, order_id, status, state, outcome_amount, outcome_currency,
    price_amount, price_currency, legs, quarantined, confirmed = incoming AND incoming > 0 AS receipt_confirmed, receipt_hash, first_seen_at, updated_at
  FROM payment_status WHERE payment_id = $1::text ORDER BY client_id LIMIT 10`;
const LEGS = `SELECT leg, seq::text AS seq, strategy, asset, gross::text AS gross, fee::text AS fee, net::text AS net, rate, rate_id,
    is_paid_out, batch_id::text AS batch_id, paid_out_at, credited_at
  FROM payout_accumulation_paid WHERE client_id = $1::bigint AND payment_id = $2::text ORDER BY leg`;

const MISSED = `SELECT status, outcome_amount, told_at, found_at FROM missed_webhooks
  WHERE payment_id = $2::text AND client_id = $1::bigint ORDER BY found_at, status`;

export interface PaymentView {
  readonly payment: Line;
  readonly legs: Line[];
  /** Statuses of which no webhook came: reconcile found them at the provider. */
  readonly missed: Line[];
}

/** All payments with this id; more than one would be one id under two clients. */
export async function showPayment(db: Db, paymentId: string): Promise<PaymentView[]> {
  const found = await db.query<Line>(STATUS, [paymentId]);
  return Promise.all(
    found.map(async (payment) => ({
      payment,
      legs: await legsOf(db, payment.client as string, paymentId),
      missed: await db.query<Line>(MISSED, [payment.client, paymentId]),
    })),
  );
}

async function legsOf(db: Db, client: string, paymentId: string): Promise<Line[]> {
  const legs = await db.query<Line>(LEGS, [client, paymentId]);
  const text = (row: Line, name: string) =>
    formatMoney(money(row.asset as LedgerAsset, BigInt(row[name] as string)));
  return legs.map((row) => ({
    ...row,
    gross: text(row, 'gross'),
    fee: text(row, 'fee'),
    net: text(row, 'net'),
  }));
}

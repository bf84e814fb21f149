/** Payouts and conversions for people: where each is and what it waits for. */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { formatMoney, money } from '../../schemas/money.ts';
import type { Db } from '../db.ts';

type Line = Record<string, string | number | boolean | Date | null>;

const PAYOUTS = `SELECT p.payout_id::text AS payout, p.client_id::text AS client, p.asset, p.amount::text AS amount, p.payment_count AS payments,
    p.state, p.reason, p.parked, p.currency, p.address, p.received, coalesce(p.payout_hash, t.hash) AS tx, p.attempt,
    p.revision::text AS revision, p.created_at
  FROM payout_batches p
  LEFT JOIN transfers t ON t.owner_kind = 'payout' AND t.owner_id = p.payout_id::text AND t.attempt = p.attempt
  WHERE ($1::text IS NULL OR p.state = $1::text) AND ($2::boolean OR p.state NOT IN ('completed', 'cancelled'))
    AND ($3::text IS NULL OR p.payout_id::text LIKE $3::text || '%')
  ORDER BY p.created_at DESC, p.payout_id LIMIT 500`;
const CONVERSIONS = `SELECT c.conversion_id::text AS conversion, c.eth::text AS eth, c.usdt_expected::text AS usdt_expected,
    c.usdt_received::text AS usdt_received, c.state, c.reason, c.parked, t.hash AS tx, c.attempt, c.revision::text AS revision, c.created_at
  FROM conversions c
  LEFT JOIN transfers t ON t.owner_kind = 'conversion' AND t.owner_id = c.conversion_id::text AND t.attempt = c.attempt
  WHERE ($1::text IS NULL OR c.state = $1::text) AND ($2::boolean OR c.state NOT IN ('completed', 'cancelled'))
    AND ($3::text IS NULL OR c.conversion_id::text LIKE $3::text || '%')
  ORDER BY c.created_at DESC, c.conversion_id LIMIT 500`;
const ORDERS = `SELECT attempt, state, provider, provider_id, asset, amount::text AS amount, to_currency, to_address, expected, provider_status,
    received, payout_hash, refund_hash, updated_at FROM swap_orders WHERE owner_id::text = $1::text ORDER BY attempt`;
const TRANSFERS = `SELECT attempt, kind, asset, amount::text AS amount, to_address, state, nonce::text AS nonce, hash, block::text AS block, reason
  FROM transfers WHERE owner_id = $1::text ORDER BY attempt`;

export interface ListFilter {
  readonly state?: string | undefined;
  readonly all?: boolean | undefined;
  /** An id or the beginning of one. */
  readonly id?: string | undefined;
}

/** null: any. What is no beginning of an id matches nothing, not whatever is left of it. */
const idPart = (id: string | undefined) =>
  id === undefined ? null : /^[0-9a-f-]{1,36}$/.test(id) ? id : 'no id';

/** Amounts as plain decimal text in whole units. */
export async function listPayouts(db: Db, filter: ListFilter): Promise<Line[]> {
  const rows = await db.query<Line>(PAYOUTS, [filter.state ?? null, filter.all ?? false, idPart(filter.id)]);
  return rows.map((row) => ({ ...row, amount: text(row.asset, row.amount) }));
}

export async function listConversions(db: Db, filter: ListFilter): Promise<Line[]> {
  const rows = await db.query<Line>(CONVERSIONS, [
    filter.state ?? null,
    filter.all ?? false,
    idPart(filter.id),
  ]);
  return rows.map((row) => ({
    ...row,
    eth: text('ETH', row.eth),
    usdt_expected: text('USDT', row.usdt_expected),
    usdt_received: row.usdt_received === null ? null : text('USDT', row.usdt_received!),
  }));
}

/** The attempts of one payout or conversion: orders at the provider, transfers of ours. */
export async function attemptsOf(db: Db, ownerId: string): Promise<{ orders: Line[]; transfers: Line[] }> {
  const orders = await db.query<Line>(ORDERS, [ownerId]);
  const transfers = await db.query<Line>(TRANSFERS, [ownerId]);
  const readable = (row: Line) => ({ ...row, amount: text(row.asset, row.amount) });
  return { orders: orders.map(readable), transfers: transfers.map(readable) };
}

function text(asset: unknown, minor: unknown): string {
  return formatMoney(money(asset as LedgerAsset, BigInt(minor as string)));
}

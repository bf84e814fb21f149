/** The state of everything that is not finished, in a few rows; for `status`. */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { formatMoney, money } from '../../schemas/money.ts';
import type { Db } from '../db.ts';

const STAGES = `SELECT * FROM (
    SELECT 1 AS ord, 'receipts' AS stage, count(*)::int AS open, min(first_seen_at) AS oldest FROM payment_status WHERE receipt_due_at IS NOT NULL
    UNION ALL SELECT 2, 'unvalued', count(*)::int, min(first_seen_at) FROM payment_status WHERE state = 'unvalued'
    UNION ALL SELECT 3, 'conversions', count(*)::int, min(created_at) FROM conversions WHERE state NOT IN ('completed', 'cancelled')
    UNION ALL SELECT 4, 'payouts', count(*)::int, min(created_at) FROM payout_batches WHERE state NOT IN ('completed', 'cancelled')
    UNION ALL SELECT 5, 'transfers', count(*)::int, min(created_at) FROM transfers WHERE state IN ('chosen', 'signed', 'broadcast')
    UNION ALL SELECT 6, 'outbox', count(*)::int, min(created_at) FROM outbox) s ORDER BY ord`;
const PARKED = `SELECT kind, count(*)::int AS parked, min(parked_at) AS since, min(last_error) AS example FROM intents
  WHERE state = 'parked' OR parked_at IS NOT NULL GROUP BY kind ORDER BY kind`;
const QUARANTINE = `SELECT reason, count(*)::int AS parked, min(at) AS since FROM quarantined WHERE redriven_at IS NULL GROUP BY reason ORDER BY reason`;
const WAITING = `SELECT state, reason, asset, count(*)::int AS payouts, sum(amount)::text AS amount, min(created_at) AS oldest
  FROM payout_batches WHERE state NOT IN ('completed', 'cancelled') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
const WALLET = `SELECT a.asset,
    (SELECT coalesce(sum(balance), 0)::text FROM wallet_accounts w WHERE w.asset = a.asset) AS wallet,
    (SELECT coalesce(sum(balance), 0)::text FROM gl_balances g WHERE g.asset = a.asset AND account = 'wallet:incoming') AS incoming,
    (SELECT coalesce(sum(balance), 0)::text FROM gl_balances g WHERE g.asset = a.asset AND account = 'position:open') AS position,
    (SELECT coalesce(sum(available + reserved + unvalued - debt), 0)::text FROM client_accounts c WHERE c.asset = a.asset) AS owed
  FROM (VALUES ('ETH'), ('USDT')) AS a(asset)`;
const DISCREPANCIES = `SELECT kind, count(*)::int AS open, min(at) AS since, min(entity) AS example FROM discrepancies
  WHERE resolved_at IS NULL GROUP BY kind ORDER BY kind`;
const CHECKS = 'SELECT name, ok, difference, checked_at FROM checks ORDER BY name';

type Line = Record<string, string | number | boolean | Date | null>;

export interface Overview {
  readonly stages: Line[];
  readonly payouts: Line[];
  readonly parked: Line[];
  readonly quarantine: Line[];
  readonly discrepancies: Line[];
  readonly wallet: Line[];
  readonly checks: Line[];
}

/** Amounts as plain decimal text in whole units. */
export async function overview(db: Db): Promise<Overview> {
  const text = (asset: unknown, minor: unknown) =>
    formatMoney(money(asset as LedgerAsset, BigInt(minor as string)));
  const payouts = await db.query<Line>(WAITING);
  const wallet = await db.query<Line>(WALLET);
  return {
    stages: await db.query<Line>(STAGES),
    payouts: payouts.map((row) => ({ ...row, amount: text(row.asset, row.amount) })),
    parked: await db.query<Line>(PARKED),
    quarantine: await db.query<Line>(QUARANTINE),
    discrepancies: await db.query<Line>(DISCREPANCIES),
    wallet: wallet.map((row) => ({
      asset: row.asset!,
      wallet: text(row.asset, row.wallet),
      incoming: text(row.asset, row.incoming),
      position: text(row.asset, row.position),
      owed: text(row.asset, row.owed),
    })),
    checks: await db.query<Line>(CHECKS),
  };
}

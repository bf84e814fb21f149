/**
 * What must always be true inside the ledger (money.md, invariants 1 to 5): each is one query that returns a row per
 * asset with the difference, which must be zero. (6) needs the chain and (7) the topics: processors/reconcile.
 */
import type { Database, Db } from './db.ts';

export interface Check {
  readonly name: string;
  /** null: could not be checked, which counts as not true. */
  readonly ok: boolean | null;
  /** Minor units by asset, as text. */
  readonly difference: string;
  readonly detail: string;
}

interface Invariant {
  readonly name: string;
  /** Rows: asset, difference (minor units), detail. */
  readonly sql: string;
  /** Whether a difference is wrong; not zero by default. */
  readonly wrong?: (difference: bigint) => boolean;
}

const CUSTODY = `('wallet:incoming', 'wallet:host', 'wallet:gas', 'wallet:gas_held', 'wallet:sending', 'swap:in_transit')`;
const KEPT_BY_CLIENT = `SELECT asset, 'client:available' AS account, -sum(available) AS balance FROM client_accounts GROUP BY asset
    UNION ALL SELECT asset, 'client:reserved', -sum(reserved) FROM client_accounts GROUP BY asset
    UNION ALL SELECT asset, 'client:unvalued', -sum(unvalued) FROM client_accounts GROUP BY asset
    UNION ALL SELECT asset, 'client:debt', sum(debt) FROM client_accounts GROUP BY asset`;
const ASSETS = `(VALUES ('ETH'), ('USDT')) AS assets(asset)`;

export const INVARIANTS: readonly Invariant[] = [
  {
    // From the balances as they are kept, not from the transfers, which balance by their shape.
    name: 'accounts_sum_to_zero',
    sql: `SELECT assets.asset, coalesce(sum(k.balance), 0) AS difference, '' AS detail FROM ${ASSETS}
      LEFT JOIN (SELECT asset, balance FROM wallet_accounts UNION ALL SELECT asset, balance FROM (${KEPT_BY_CLIENT}) c
        UNION ALL SELECT asset, balance FROM gl_balances WHERE account IN ('wallet:incoming', 'position:open')
          OR account LIKE 'platform:%') k ON k.asset = assets.asset GROUP BY assets.asset`,
  },
  {
    name: 'totals_equal_transfers',
    sql: `SELECT assets.asset, coalesce(sum(abs(d.difference)), 0) AS difference,
        coalesce(string_agg(d.pair, ', '), '') AS detail FROM ${ASSETS}
      LEFT JOIN (SELECT coalesce(t.asset, g.asset) AS asset, coalesce(t.pair, g.pair) AS pair,
          coalesce(t.amount, 0) - coalesce(g.amount, 0) AS difference
        FROM (SELECT asset, debit || '->' || credit AS pair, sum(amount) AS amount FROM gl_totals GROUP BY 1, 2) t
        FULL JOIN (SELECT asset, debit || '->' || credit AS pair, sum(amount) AS amount FROM gl_transfers GROUP BY 1, 2) g
          ON g.asset = t.asset AND g.pair = t.pair) d ON d.asset = assets.asset AND d.difference <> 0 GROUP BY assets.asset`,
  },
  {
    // Every pair that crosses the border of custody is one of these; another pair is an error by itself.
    name: 'custody',
    sql: `WITH crossing AS (SELECT asset, debit, credit, amount, debit IN ${CUSTODY} AS inward FROM gl_totals
        WHERE (debit IN ${CUSTODY}) <> (credit IN ${CUSTODY})),
      flows AS (SELECT asset, CASE WHEN inward THEN credit ELSE debit END AS other,
          sum(CASE WHEN inward THEN amount ELSE -amount END) AS net FROM crossing GROUP BY 1, 2),
      held AS (SELECT asset, balance FROM wallet_accounts
        UNION ALL SELECT asset, balance FROM gl_balances WHERE account = 'wallet:incoming')
      SELECT assets.asset,
        coalesce((SELECT sum(net) FROM flows f WHERE f.asset = assets.asset AND f.other IN ('client:available', 'client:debt',
            'client:unvalued', 'client:reserved', 'platform:fees', 'platform:capital', 'platform:rate_variance',
            'platform:provider_costs', 'platform:gas', 'position:open')), 0)
          - coalesce((SELECT sum(balance) FROM held h WHERE h.asset = assets.asset), 0) AS difference,
        coalesce((SELECT string_agg(other || ' ' || net, ', ' ORDER BY other) FROM flows f WHERE f.asset = assets.asset), '') AS detail
      FROM ${ASSETS}`,
  },
  {
    // Owed to clients is covered; a surplus is the platform's own.
    name: 'cover_at_book',
    sql: `SELECT assets.asset,
        coalesce((SELECT sum(available + reserved + unvalued - debt) FROM client_accounts c WHERE c.asset = assets.asset), 0)
        - coalesce((SELECT sum(balance) FROM wallet_accounts w WHERE w.asset = assets.asset
            AND account IN ('wallet:host', 'wallet:sending', 'swap:in_transit')), 0)
        - coalesce((SELECT sum(balance) FROM gl_balances g WHERE g.asset = assets.asset
            AND account IN ('wallet:incoming', 'position:open')), 0) AS difference,
        'liabilities less cover; above zero is missing' AS detail FROM ${ASSETS}`,
    wrong: (difference) => difference > 0n,
  },
  {
    name: 'control_accounts',
    sql: `SELECT assets.asset, coalesce(sum(abs(d.difference)), 0) AS difference,
        coalesce(string_agg(d.account || ' ' || d.difference, ', '), '') AS detail FROM ${ASSETS}
      LEFT JOIN (SELECT coalesce(k.asset, g.asset) AS asset, coalesce(k.account, g.account) AS account,
          coalesce(k.balance, 0) - coalesce(g.balance, 0) AS difference
        FROM (${KEPT_BY_CLIENT} UNION ALL SELECT asset, account, balance FROM wallet_accounts) k
        FULL JOIN (SELECT asset, account, sum(balance) AS balance FROM gl_balances
          WHERE account LIKE 'client:%' OR account IN (SELECT account FROM wallet_accounts) GROUP BY 1, 2) g
          ON g.asset = k.asset AND g.account = k.account) d ON d.asset = assets.asset AND d.difference <> 0 GROUP BY assets.asset`,
  },
  {
    // The sub-ledger: each batch's lines are the sums of its payments (money.md, entries).
    name: 'credits_equal_payments',
    sql: `SELECT assets.asset, coalesce(sum(abs(d.difference)), 0) AS difference,
        coalesce(string_agg(d.set_id::text || ' ' || d.account, ', '), '') AS detail FROM ${ASSETS}
      LEFT JOIN (SELECT coalesce(g.asset, p.asset) AS asset, coalesce(g.set_id, p.set_id) AS set_id,
          coalesce(g.account, p.account) AS account, coalesce(g.amount, 0) - coalesce(p.amount, 0) AS difference
        FROM (SELECT posting_set_id AS set_id, asset, credit AS account, sum(amount) AS amount FROM gl_transfers
            WHERE cause_kind IN ('credits', 'credit') AND credit IN ('client:available', 'platform:fees') GROUP BY 1, 2, 3) g
        FULL JOIN (SELECT posting_set_id AS set_id, asset, v.account, sum(v.amount) AS amount FROM payout_accumulation
            CROSS JOIN LATERAL (VALUES ('client:available', net), ('platform:fees', fee)) AS v(account, amount)
            WHERE v.amount > 0 GROUP BY 1, 2, 3) p
          ON p.set_id = g.set_id AND p.asset = g.asset AND p.account = g.account) d
        ON d.asset = assets.asset AND d.difference <> 0 GROUP BY assets.asset`,
  },
  {
    // Ids are unique per client only, so that the ledger can be spread; across clients it is looked at here.
    name: 'payment_ids_of_one_client',
    sql: `SELECT 'payments' AS asset, count(*) AS difference, coalesce(string_agg(d.payment_id, ', '), '') AS detail
      FROM (SELECT provider, payment_id FROM payment_status WHERE legs > 0 OR state = 'unvalued'
        GROUP BY provider, payment_id HAVING count(*) > 1) d`,
  },
  {
    name: 'available_equals_open_entries',
    sql: `SELECT assets.asset, coalesce(sum(abs(d.difference)), 0) AS difference,
        coalesce(string_agg(d.client_id::text, ', '), '') AS detail FROM ${ASSETS}
      LEFT JOIN (SELECT a.client_id, a.asset, a.available - coalesce(e.amount, 0) AS difference FROM client_accounts a
        LEFT JOIN (SELECT x.client_id, x.asset, sum(x.amount) AS amount FROM
            (SELECT client_id, asset, seq, net AS amount FROM payout_accumulation
             UNION ALL SELECT client_id, asset, seq, amount FROM client_entries) x
            JOIN client_accounts c ON c.client_id = x.client_id AND c.asset = x.asset AND x.seq > c.paid_seq
           GROUP BY 1, 2) e ON e.client_id = a.client_id AND e.asset = a.asset) d
        ON d.asset = assets.asset AND d.difference <> 0 GROUP BY assets.asset`,
  },
  {
    name: 'reserved_equals_open_payouts',
    sql: `SELECT assets.asset, coalesce(sum(abs(d.difference)), 0) AS difference,
        coalesce(string_agg(d.client_id::text, ', '), '') AS detail FROM ${ASSETS}
      LEFT JOIN (SELECT a.client_id, a.asset, a.reserved - coalesce(p.amount, 0) AS difference FROM client_accounts a
        LEFT JOIN (SELECT client_id, asset, sum(amount) AS amount FROM payout_batches
           WHERE state NOT IN ('completed', 'cancelled') GROUP BY 1, 2) p
          ON p.client_id = a.client_id AND p.asset = a.asset) d
        ON d.asset = assets.asset AND d.difference <> 0 GROUP BY assets.asset`,
  },
  {
    name: 'payouts_own_their_entries',
    sql: `SELECT assets.asset, coalesce(sum(abs(d.difference)), 0) AS difference,
        coalesce(string_agg(d.payout_id::text, ', '), '') AS detail FROM ${ASSETS}
      LEFT JOIN (SELECT b.payout_id, b.asset, b.amount - coalesce(sum(x.amount), 0) AS difference FROM payout_batches b
        LEFT JOIN LATERAL (SELECT net AS amount FROM payout_accumulation p WHERE p.client_id = b.client_id
            AND p.asset = b.asset AND p.seq > b.from_seq AND p.seq <= b.to_seq
          UNION ALL SELECT amount FROM client_entries e WHERE e.client_id = b.client_id
            AND e.asset = b.asset AND e.seq > b.from_seq AND e.seq <= b.to_seq) x ON true
        GROUP BY b.payout_id, b.asset, b.amount) d ON d.asset = assets.asset AND d.difference <> 0 GROUP BY assets.asset`,
  },
  {
    name: 'position_equals_open_batches',
    sql: `SELECT assets.asset, coalesce((SELECT sum(balance) FROM gl_balances g WHERE g.asset = assets.asset AND account = 'position:open'), 0)
        - CASE assets.asset WHEN 'ETH' THEN -(s.eth - r.eth - c.eth) ELSE s.usdt - r.usdt - c.usdt END AS difference, '' AS detail
      FROM ${ASSETS}, (SELECT coalesce(sum(eth), 0) AS eth, coalesce(sum(usdt), 0) AS usdt FROM credit_batches) s,
        -- What a cancelled conversion gave back stands in a later batch again.
        (SELECT coalesce(sum(eth_open), 0) AS eth, coalesce(sum(usdt_expected), 0) AS usdt FROM conversions
          WHERE state = 'cancelled') c,
        (SELECT coalesce(sum(CASE WHEN asset = 'ETH' AND debit = 'position:open' THEN amount WHEN asset = 'ETH' THEN -amount ELSE 0 END), 0) AS eth,
            coalesce(sum(CASE WHEN asset = 'USDT' AND credit = 'position:open' THEN amount WHEN asset = 'USDT' THEN -amount ELSE 0 END), 0) AS usdt
          FROM gl_totals WHERE cause_kind LIKE 'conversion%' AND 'position:open' IN (debit, credit)) r`,
  },
];

/**
 * Runs the checks of the ledger against itself. A query that fails makes its check "not checked", never "true".
 * @param db a transaction, so that all of them see one moment; of a database they get one of their own
 */
export async function checkInvariants(db: Db | Database): Promise<Check[]> {
  if ('transaction' in db) return db.transaction(allChecks, { isolation: 'repeatable read', readOnly: true });
  return allChecks(db);
}

async function allChecks(tx: Db): Promise<Check[]> {
  const results: Check[] = [];
  for (const { name, sql, wrong } of INVARIANTS) {
    results.push(await guarded(tx, name, () => checkOne(tx, name, sql, wrong)));
  }
  return results;
}

/** A check that fails leaves the transaction as it was, so that those behind it still run. */
export async function guarded(tx: Db, name: string, check: () => Promise<Check>): Promise<Check> {
  await tx.query('SAVEPOINT one_check');
  try {
    return await check();
  } catch (error) {
    await tx.query('ROLLBACK TO SAVEPOINT one_check');
    return { name, ok: null, difference: '', detail: `could not be checked: ${(error as Error).message}` };
  }
}

async function checkOne(
  db: Db,
  name: string,
  sql: string,
  wrong = (difference: bigint) => difference !== 0n,
): Promise<Check> {
  const rows = await db.query<{ asset: string; difference: string; detail: string }>(`${sql} ORDER BY 1`);
  const bad = rows.filter((row) => wrong(BigInt(row.difference)));
  return {
    name,
    ok: bad.length === 0,
    difference: rows.map((row) => `${row.difference} ${row.asset}`).join(', '),
    detail: bad
      .map((row) => `${row.asset}: ${row.detail}`)
      .join('; ')
      .slice(0, 2_000),
  };
}

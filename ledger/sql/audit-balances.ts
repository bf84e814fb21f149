/** Balances per account and asset in signed minor units, for an audit: as kept now, or summed up to a time. */
import type { Db } from '../db.ts';

const TOTALS = `SELECT account || '|' || asset AS key, sum(balance)::text AS balance FROM gl_balances
  GROUP BY 1 HAVING sum(balance) <> 0`;
const ROWS = `SELECT account || '|' || asset AS key, balance::text AS balance FROM wallet_accounts WHERE balance <> 0`;
const AT = `SELECT key, sum(signed)::text AS balance FROM (
    SELECT debit || '|' || asset AS key, sum(amount) AS signed FROM gl_transfers WHERE at <= $1::timestamptz GROUP BY 1
    UNION ALL SELECT credit || '|' || asset, -sum(amount) FROM gl_transfers WHERE at <= $1::timestamptz GROUP BY 1) b
  GROUP BY 1 HAVING sum(signed) <> 0`;

type Row = { readonly key: string; readonly balance: string };

/** Turnovers of the general ledger. */
export const totalBalances = (tx: Db): Promise<Map<string, bigint>> => read(tx, TOTALS);

/** Accounts that are kept in one row each. */
export const rowBalances = (tx: Db): Promise<Map<string, bigint>> => read(tx, ROWS);

/** Everything booked up to this time, it included. */
export const balancesAt = (tx: Db, at: Date): Promise<Map<string, bigint>> => read(tx, AT, [at]);

async function read(tx: Db, sql: string, values: readonly unknown[] = []): Promise<Map<string, bigint>> {
  const rows = await tx.query<Row>(sql, values);
  return new Map(rows.map((row) => [row.key, BigInt(row.balance)]));
}

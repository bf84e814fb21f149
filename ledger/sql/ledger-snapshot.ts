/** Every balance of the ledger at one moment, with what is needed to compare it with topics and chain. */
import type { Db } from '../db.ts';

const BALANCES = `SELECT key, sum(balance)::text AS balance FROM (
    SELECT account || '|' || asset AS key, balance FROM gl_balances
    UNION ALL SELECT 'client:' || client_id || ':available|' || asset, -available FROM client_accounts
    UNION ALL SELECT 'client:' || client_id || ':reserved|' || asset, -reserved FROM client_accounts
    UNION ALL SELECT 'client:' || client_id || ':unvalued|' || asset, -unvalued FROM client_accounts
    UNION ALL SELECT 'client:' || client_id || ':debt|' || asset, debt FROM client_accounts) b
  GROUP BY key HAVING sum(balance) <> 0`;
const POSITIONS = `SELECT part, next_offset FROM consumer_position WHERE right(grp, 10) = 'accumulate' ORDER BY part`;
const OUTBOX = `SELECT count(*)::int AS open, coalesce(max(id), 0)::bigint AS last FROM outbox`;
const RECENT = `SELECT DISTINCT posting_set_id::text AS id FROM gl_transfers WHERE at >= $1::timestamptz`;

export interface LedgerSnapshot {
  /** Signed minor units by `account|asset`; client accounts also by client. Zero balances are left out. */
  readonly balances: ReadonlyMap<string, bigint>;
  /** Offset after the last applied record of payments.valued, by partition. */
  readonly positions: ReadonlyMap<number, bigint>;
  readonly lastOutboxId: bigint;
  /** Posting sets booked since `since`: what the journal has beside these came later. */
  readonly recentSets: ReadonlySet<string>;
}

/** Call it in a repeatable read transaction. @param since some minutes before now */
export async function ledgerSnapshot(tx: Db, since: Date): Promise<LedgerSnapshot> {
  const balances = await tx.query<{ key: string; balance: string }>(BALANCES);
  const positions = await tx.query<{ part: number; next_offset: bigint }>(POSITIONS);
  const [outbox] = await tx.query<{ last: bigint }>(OUTBOX);
  const recent = await tx.query<{ id: string }>(RECENT, [since]);
  return {
    balances: new Map(balances.map((row) => [row.key, BigInt(row.balance)])),
    positions: new Map(positions.map((row) => [row.part, BigInt(row.next_offset)])),
    lastOutboxId: BigInt(outbox?.last ?? 0n),
    recentSets: new Set(recent.map((row) => row.id)),
  };
}

/** Whether the relay has published everything up to that row. */
export async function outboxPublishedTo(db: Db, id: bigint): Promise<boolean> {
  const rows = await db.query('SELECT 1 AS open FROM outbox WHERE id <= $1::bigint LIMIT 1', [id.toString()]);
  return rows.length === 0;
}

/** What records of the journal made in the ledger: posting sets, entries and payouts by their ids. */
import type { Db } from '../db.ts';
import type { LineRow } from './audit-streams.ts';

export interface SetRow {
  readonly id: string;
  readonly cause_kind: string;
  readonly cause_id: string;
  readonly client_id: bigint | null;
  readonly at: Date;
  readonly lines: readonly LineRow[];
}

export interface EntryRow {
  readonly client_id: bigint;
  readonly asset: string;
  readonly seq: bigint;
  readonly kind: string;
  readonly amount: string;
}

export interface PayoutHead {
  readonly payout_id: string;
  readonly client_id: bigint;
  readonly asset: string;
  readonly amount: string;
}

export interface EntryKey {
  readonly client_id: string;
  readonly asset: string;
  readonly seq: bigint;
}

const SETS = `SELECT posting_set_id::text AS id, cause_kind, cause_id, client_id, at, debit, credit, asset, partition,
    amount::text AS amount FROM gl_transfers WHERE posting_set_id = ANY($1::uuid[]) ORDER BY posting_set_id, line`;
/** Credited payments are entries, too; their rows are those of the sub-ledger. */
const ENTRIES = `SELECT e.* FROM json_to_recordset($1::json) AS x(client_id bigint, asset text, seq bigint)
  CROSS JOIN LATERAL (
    SELECT client_id, asset, seq, kind, amount::text AS amount FROM client_entries c
      WHERE c.client_id = x.client_id AND c.asset = x.asset AND c.seq = x.seq
    UNION ALL SELECT client_id, asset, seq, 'payment', net::text FROM payout_accumulation a
      WHERE a.client_id = x.client_id AND a.asset = x.asset AND a.seq = x.seq) e`;
const PAYOUTS = `SELECT payout_id::text AS payout_id, client_id, asset, amount::text AS amount FROM payout_batches
  WHERE payout_id = ANY($1::uuid[])`;
/** Rows that no posting set stands behind. */
const ORPHANS = `(SELECT 'payout ' || b.payout_id AS what, b.client_id, b.asset, b.amount::text AS amount, b.created_at AS at
    FROM payout_batches b WHERE NOT EXISTS (SELECT 1 FROM gl_transfers g
      WHERE g.cause_id = b.payout_id::text AND g.cause_kind = 'payout_created') LIMIT 100)
  UNION ALL (SELECT 'entry ' || e.seq || ' (' || e.kind || ')', e.client_id, e.asset, e.amount::text, e.at
    FROM client_entries e WHERE NOT EXISTS (SELECT 1 FROM gl_transfers g
      WHERE g.cause_id = e.cause_id AND g.cause_kind = e.cause_kind) LIMIT 100)`;

export interface Orphan {
  readonly what: string;
  readonly client_id: bigint;
  readonly asset: string;
  readonly amount: string;
  readonly at: Date;
}

export async function setsById(db: Db, ids: readonly string[]): Promise<Map<string, SetRow>> {
  if (ids.length === 0) return new Map();
  const rows = await db.query<LineRow & Omit<SetRow, 'lines'>>(SETS, [ids], 'audit_sets_by_id');
  const sets = new Map<string, SetRow & { lines: LineRow[] }>();
  for (const { id, cause_kind, cause_id, client_id, at, ...line } of rows) {
    const set = sets.get(id) ?? { id, cause_kind, cause_id, client_id, at, lines: [] };
    set.lines.push(line);
    sets.set(id, set);
  }
  return sets;
}

export async function entriesByKey(db: Db, keys: readonly EntryKey[]): Promise<EntryRow[]> {
  if (keys.length === 0) return [];
  const json = JSON.stringify(keys.map(({ seq, ...key }) => ({ ...key, seq: seq.toString() })));
  return db.query<EntryRow>(ENTRIES, [json], 'audit_entries_by_key');
}

export async function payoutsById(db: Db, ids: readonly string[]): Promise<PayoutHead[]> {
  return ids.length === 0 ? [] : db.query<PayoutHead>(PAYOUTS, [ids], 'audit_payouts_by_id');
}

/** Payouts and entries without a posting, the first 100 of each. */
export function orphans(db: Db): Promise<Orphan[]> {
  return db.query<Orphan>(ORPHANS);
}

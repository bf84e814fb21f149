/** How the looks for missed webhooks stand, and what was found lately. */
import type { Db } from '../db.ts';

export interface LookState {
  readonly look: number;
  readonly age_ms: bigint;
  readonly seen_to: Date;
  readonly looked_at: Date | null;
  readonly error: string | null;
  readonly refused: boolean;
}

const LOOKS = `SELECT look, age_ms, seen_to, looked_at, error, refused FROM missed_looks ORDER BY look`;

export function lookStates(db: Db): Promise<LookState[]> {
  return db.query(LOOKS, [], 'look_states');
}

export type MissedSummary = {
  readonly status: string;
  readonly found: number;
  /** The longest time between the provider's change and its finding, in seconds. */
  readonly oldest_seconds: number;
  readonly last_found: Date;
  /** One of them. */
  readonly example: string;
};

const SUMMARY = `SELECT status, count(*)::int AS found, ceil(extract(epoch FROM max(found_at - told_at)))::int AS oldest_seconds,
    max(found_at) AS last_found, max(payment_id) AS example
  FROM missed_webhooks WHERE found_at > $1::timestamptz GROUP BY status ORDER BY status`;

/** @param since of what was found after it */
export function missedSummary(db: Db, since: Date): Promise<MissedSummary[]> {
  return db.query(SUMMARY, [since], 'missed_summary');
}

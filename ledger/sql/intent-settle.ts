/**
 * Ends a lease and says what is next; only its holder can. An intent woken meanwhile (its `due_at` is no longer
 * infinity) runs again at the time of that wish, also when it was done; one parked meanwhile stays parked.
 */
import type { Db } from '../db.ts';

export interface IntentSettlement {
  readonly state: 'due' | 'done' | 'parked';
  readonly dueAt: Date;
  readonly attempt: number;
  readonly polls: number;
  readonly firstFailedAt: Date | null;
  readonly lastError: string | null;
  readonly lastErrorClass: string | null;
  readonly parkedAt: Date | null;
}

const TEXT = `
UPDATE intents SET lease_token = NULL, lease_until = NULL,
  state = CASE WHEN $3::text = 'done' AND due_at < 'infinity' THEN 'due'
    WHEN $3::text = 'due' AND parked_at IS NOT NULL THEN 'parked' ELSE $3::text END,
  due_at = CASE WHEN $3::text = 'parked' THEN $4::timestamptz
    WHEN $3::text = 'done' AND due_at < 'infinity' THEN due_at ELSE least(due_at, $4::timestamptz) END,
  attempt = $5, polls = $6, first_failed_at = $7, last_error = $8, last_error_class = $9,
  parked_at = CASE WHEN $3::text = 'done' THEN NULL ELSE coalesce($10::timestamptz, parked_at) END
WHERE key = $1 AND lease_token = $2 AND state = 'leased'
RETURNING 1 AS held`;

/** @returns false when somebody else leased it meanwhile: nothing was written */
export async function settleIntent(
  tx: Db,
  key: string,
  leaseToken: string,
  next: IntentSettlement,
): Promise<boolean> {
  const { state, dueAt, attempt, polls, firstFailedAt, lastError, lastErrorClass, parkedAt } = next;
  const values = [
    key,
    leaseToken,
    state,
    dueAt,
    attempt,
    polls,
    firstFailedAt,
    lastError,
    lastErrorClass,
    parkedAt,
  ];
  const rows = await tx.query<{ held: number }>(TEXT, values, 'intent_settle');
  return rows.length === 1;
}

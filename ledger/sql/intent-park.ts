/** A person stops the effects of an intent; polls and look-ups go on. A call under way keeps its lease and result. */
import type { Db } from '../db.ts';

const TEXT = `
UPDATE intents SET parked_at = $2, last_error = $3, last_error_class = 'operator', revision = revision + 1,
  state = CASE WHEN state = 'due' THEN 'parked' ELSE state END
WHERE key = $1 AND state IN ('due', 'leased') AND parked_at IS NULL RETURNING 1 AS parked`;

/** @returns false when there is nothing to park: unknown, done, or parked already */
export async function parkIntent(db: Db, key: string, now: Date, reason: string): Promise<boolean> {
  return (await db.query<{ parked: number }>(TEXT, [key, now, reason], 'intent_park')).length === 1;
}

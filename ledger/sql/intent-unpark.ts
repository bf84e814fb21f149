/** A person decides that a parked intent may have effects again; it is due at once and its 24 hours start over. */
import type { Db } from '../db.ts';

const TEXT = `
WITH unparked AS (UPDATE intents SET state = 'due', due_at = $2, attempt = 0, polls = 0, first_failed_at = NULL,
    parked_at = NULL, lease_token = NULL, lease_until = NULL, revision = revision + 1
  WHERE key = $1 AND parked_at IS NOT NULL RETURNING key)
SELECT key, pg_notify('intents', '') FROM unparked`;

/** Takes the lease of a look-up under way: its late result is refused. @returns false when it is not parked */
export async function unparkIntent(db: Db, key: string, now: Date): Promise<boolean> {
  return (await db.query<{ key: string }>(TEXT, [key, now], 'intent_unpark')).length === 1;
}

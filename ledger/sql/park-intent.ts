/** An operator stops an intent, or lets a parked one go on. */
import type { Db } from '../db.ts';

/** A step under way finishes; its end finds the mark and parks. Look-ups go on every hour. */
const PARK = `UPDATE intents SET state = CASE WHEN state = 'due' THEN 'parked' ELSE state END, parked_at = $2::timestamptz,
    due_at = CASE WHEN state = 'due' THEN $2::timestamptz + interval '1 hour' ELSE due_at END,
    last_error = 'parked by an operator', revision = revision + 1
  WHERE key = $1::text AND state IN ('due', 'leased') AND parked_at IS NULL RETURNING key`;
const UNPARK = `UPDATE intents SET state = CASE WHEN state = 'parked' THEN 'due' ELSE state END, parked_at = NULL, first_failed_at = NULL,
    attempt = 0, due_at = $2::timestamptz, revision = revision + 1
  WHERE key = $1::text AND parked_at IS NOT NULL RETURNING key`;

/** @returns false when there is no such intent that runs or waits */
export async function parkIntent(db: Db, key: string, at: Date): Promise<boolean> {
  return (await db.query(PARK, [key, at])).length === 1;
}

/** Effects start again. @returns false when no such intent is parked */
export async function unparkIntent(db: Db, key: string, at: Date): Promise<boolean> {
  const done = (await db.query(UNPARK, [key, at])).length === 1;
  if (done) await db.query("SELECT pg_notify('intents', '')");
  return done;
}

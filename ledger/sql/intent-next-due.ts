/** When the next intent of some kinds can be leased, or null when none is open. */
import type { Db } from '../db.ts';

const TEXT = `
SELECT min(CASE WHEN state = 'leased' THEN lease_until ELSE due_at END) AS due
FROM intents WHERE kind = ANY($1::text[]) AND state IN ('due', 'leased', 'parked')`;

export async function nextIntentDue(db: Db, kinds: readonly string[]): Promise<Date | null> {
  const rows = await db.query<{ due: Date | null }>(TEXT, [`{${kinds.join(',')}}`], 'intent_next_due');
  return rows[0]?.due ?? null;
}

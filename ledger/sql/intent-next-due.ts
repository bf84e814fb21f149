/** When the next intent of some kinds can be leased, or null when none is open. */
import type { Db } from '../db.ts';

/** One look at the head of the index per kind. */
const TEXT = `
SELECT least(
  (SELECT min(head.due_at) FROM unnest($1::text[]) AS k(kind) CROSS JOIN LATERAL (
    SELECT i.due_at FROM intents i WHERE i.kind = k.kind AND i.state IN ('due', 'parked')
    ORDER BY i.due_at LIMIT 1) AS head),
  (SELECT min(lease_until) FROM intents WHERE kind = ANY($1::text[]) AND state = 'leased')) AS due`;

export async function nextIntentDue(db: Db, kinds: readonly string[]): Promise<Date | null> {
  const rows = await db.query<{ due: Date | null }>(TEXT, [`{${kinds.join(',')}}`], 'intent_next_due');
  return rows[0]?.due ?? null;
}

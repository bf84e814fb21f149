/** Open intents per kind: how many wait, are at work, or are parked, and how late the oldest due one is. */
import type { Db } from '../db.ts';

export interface IntentCount {
  readonly kind: string;
  readonly due: bigint;
  readonly leased: bigint;
  readonly parked: bigint;
  /** Due time of the one that has waited longest, or null when none waits. */
  readonly oldest: Date | null;
}

const TEXT = `
SELECT kind, count(*) FILTER (WHERE state = 'due') AS due, count(*) FILTER (WHERE state = 'leased') AS leased,
  count(*) FILTER (WHERE parked_at IS NOT NULL) AS parked, min(due_at) FILTER (WHERE state = 'due') AS oldest
FROM intents WHERE kind = ANY($1::text[]) AND state IN ('due', 'leased', 'parked') GROUP BY kind ORDER BY kind`;

export function countIntents(db: Db, kinds: readonly string[]): Promise<IntentCount[]> {
  return db.query<IntentCount>(TEXT, [`{${kinds.join(',')}}`], 'intent_counts');
}

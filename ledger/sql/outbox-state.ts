/** How much waits to be published, and since when. The count stops at 100,000: more costs a scan and says no more. */
import type { Db } from '../db.ts';

export interface OutboxState {
  readonly waiting: bigint;
  readonly oldest: Date | null;
}

const TEXT = `
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000) AS first_rows) AS waiting,
  (SELECT created_at FROM outbox ORDER BY id LIMIT 1) AS oldest`;

export async function outboxState(db: Db): Promise<OutboxState> {
  const rows = await db.query<OutboxState>(TEXT, [], 'outbox_state');
  return rows[0] ?? { waiting: 0n, oldest: null };
}

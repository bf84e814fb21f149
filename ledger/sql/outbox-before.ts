/** What the relay has still to publish of everything up to a row, by topic. */
import type { Db } from '../db.ts';

export interface Unpublished {
  readonly topic: string;
  readonly count: bigint;
  readonly oldest: Date;
}

const SQL = `SELECT topic, count(*) AS count, min(created_at) AS oldest FROM outbox
  WHERE id <= $1::bigint AND ($2::timestamptz IS NULL OR created_at <= $2::timestamptz) GROUP BY topic ORDER BY topic`;

/** @param at only what was written up to this time */
export function outboxBefore(db: Db, id: bigint, at: Date | undefined): Promise<Unpublished[]> {
  return db.query<Unpublished>(SQL, [id.toString(), at ?? null]);
}

/** Takes a partition over: whoever held the epoch before can not commit any more. */
import type { Db } from '../db.ts';

export interface PositionKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

export interface PositionRow {
  readonly epoch: bigint;
  /** Offset of the first record not yet applied. */
  readonly nextOffset: bigint;
  /** Event id of the record before it, or null when none was applied or it had none. */
  readonly lastEventId: string | null;
}

const TEXT = `
UPDATE consumer_position SET epoch = epoch + 1, owner = $4, updated_at = $5
WHERE grp = $1 AND topic = $2 AND part = $3
RETURNING epoch, next_offset AS "nextOffset", last_event_id AS "lastEventId"`;

/** @returns the row with its new epoch, or null when the partition was never read by this group */
export async function takePosition(
  db: Db,
  key: PositionKey,
  owner: string,
  at: Date,
): Promise<PositionRow | null> {
  const values = [key.group, key.topic, key.partition, owner, at];
  const rows = await db.query<PositionRow>(TEXT, values, 'position_take');
  return rows[0] ?? null;
}

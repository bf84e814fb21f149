/** The first row of a partition, at the very start of its log. */
import type { Db } from '../db.ts';
import type { PositionKey, PositionRow } from './position-take.ts';

const TEXT = `
INSERT INTO consumer_position (grp, topic, part, epoch, owner, next_offset, last_event_id, updated_at)
VALUES ($1, $2, $3, 1, $4, 0, NULL, $5)
ON CONFLICT DO NOTHING
RETURNING epoch, next_offset AS "nextOffset", last_event_id AS "lastEventId"`;

/** @returns null when somebody else made the row at the same moment: take it over instead */
export async function createPosition(
  db: Db,
  key: PositionKey,
  owner: string,
  at: Date,
): Promise<PositionRow | null> {
  const values = [key.group, key.topic, key.partition, owner, at];
  const rows = await db.query<PositionRow>(TEXT, values, 'position_create');
  return rows[0] ?? null;
}

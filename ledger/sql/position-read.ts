/** Where a partition stands, without taking it. */
import type { Db } from '../db.ts';
import type { PositionKey, PositionRow } from './position-take.ts';

const TEXT = `
SELECT epoch, next_offset AS "nextOffset", last_event_id AS "lastEventId"
FROM consumer_position WHERE grp = $1 AND topic = $2 AND part = $3`;

export async function readPosition(db: Db, key: PositionKey): Promise<PositionRow | null> {
  const values = [key.group, key.topic, key.partition];
  const rows = await db.query<PositionRow>(TEXT, values, 'position_read');
  return rows[0] ?? null;
}

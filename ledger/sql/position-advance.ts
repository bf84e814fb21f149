/**
 * The fence of a batch: moves the position from where this owner left it to the batch's end, in the batch's own
 * transaction. No row = somebody else owns the partition, or this very batch was committed before.
 */
import type { Db } from '../db.ts';
import type { PositionKey } from './position-take.ts';

/** Where a batch begins and ends, and in which epoch its partition is held. */
export interface Position extends PositionKey {
  readonly epoch: bigint;
  /** Offset of the batch's first record. */
  readonly nextOffset: bigint;
  /** Offset after the batch's last record. */
  readonly endOffset: bigint;
  /** Event id of the batch's last record. */
  readonly lastEventId: string | null;
}

/** Can also lead a larger statement as a CTE, with parameters $1 to $8 as `advanceValues` gives them. */
export const ADVANCE_POSITION = `
UPDATE consumer_position SET next_offset = $6::bigint, last_event_id = $7::text, updated_at = $8::timestamptz
WHERE grp = $1::text AND topic = $2::text AND part = $3::int AND epoch = $4::bigint AND next_offset = $5::bigint
RETURNING 1 AS held`;

export function advanceValues(position: Position, at: Date): unknown[] {
  const { group, topic, partition, epoch, nextOffset, endOffset, lastEventId } = position;
  return [group, topic, partition, epoch, nextOffset, endOffset, lastEventId, at];
}

/** @returns whether this owner still holds the partition at nextOffset; false: throw FenceMissed, write nothing */
export async function advancePosition(tx: Db, position: Position, at: Date): Promise<boolean> {
  const values = advanceValues(position, at);
  const rows = await tx.query<{ held: number }>(ADVANCE_POSITION, values, 'position_advance');
  return rows.length === 1;
}

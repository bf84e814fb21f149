/**
 * Makes a relay the owner of outbox shards that nobody has or whose owner was silent for too long. A shard's row is a
 * position row of group `relay`; its epoch tells owners apart and `updated_at` is the owner's sign of life.
 */
import type { Db } from '../db.ts';

export interface ShardClaim {
  readonly shard: number;
  readonly epoch: bigint;
}

const TEXT = `
INSERT INTO consumer_position AS p (grp, topic, part, epoch, owner, next_offset, last_event_id, updated_at)
SELECT 'relay', 'outbox', s.shard, 1, $2, 0, NULL, $3 FROM unnest($1::int[]) AS s(shard) ORDER BY s.shard
ON CONFLICT (grp, topic, part) DO UPDATE SET epoch = p.epoch + 1, owner = excluded.owner, updated_at = excluded.updated_at
WHERE p.updated_at < $4
RETURNING part AS shard, epoch`;

/** @param silentSince owners without a sign of life since then are replaced */
export function claimShards(
  db: Db,
  shards: readonly number[],
  owner: string,
  at: Date,
  silentSince: Date,
): Promise<ShardClaim[]> {
  return db.query<ShardClaim>(TEXT, [`{${shards.join(',')}}`, owner, at, silentSince], 'relay_claim');
}

/** Gives shards back at a clean stop, so that the next owner need not wait for the silence to be noticed. */
import type { Db } from '../db.ts';
import type { ShardClaim } from './relay-claim.ts';

const TEXT = `
UPDATE consumer_position AS p SET updated_at = $3
FROM unnest($1::int[], $2::bigint[]) AS mine(shard, epoch)
WHERE p.grp = 'relay' AND p.topic = 'outbox' AND p.part = mine.shard AND p.epoch = mine.epoch`;

/** @param longAgo a time before any sign of life */
export async function releaseShards(db: Db, held: readonly ShardClaim[], longAgo: Date): Promise<void> {
  const shards = `{${held.map((claim) => claim.shard).join(',')}}`;
  const epochs = `{${held.map((claim) => claim.epoch).join(',')}}`;
  await db.query(TEXT, [shards, epochs, longAgo], 'relay_release');
}

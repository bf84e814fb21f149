/** An owner's sign of life for its shards; those that somebody else has taken are missing in the answer. */
import type { Db } from '../db.ts';
import type { ShardClaim } from './relay-claim.ts';

const TEXT = `
UPDATE consumer_position AS p SET updated_at = $3
FROM unnest($1::int[], $2::bigint[]) AS mine(shard, epoch)
WHERE p.grp = 'relay' AND p.topic = 'outbox' AND p.part = mine.shard AND p.epoch = mine.epoch
RETURNING p.part AS shard, p.epoch`;

export function renewShards(db: Db, held: readonly ShardClaim[], at: Date): Promise<ShardClaim[]> {
  const shards = `{${held.map((claim) => claim.shard).join(',')}}`;
  const epochs = `{${held.map((claim) => claim.epoch).join(',')}}`;
  return db.query<ShardClaim>(TEXT, [shards, epochs, at], 'relay_renew');
}

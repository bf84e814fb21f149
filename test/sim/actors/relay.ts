/** The relay's steps with its real statements: claim shards, read, publish, delete exactly what was sent. */
import { isTrouble } from '../../../ledger/db-errors.ts';
import { deleteOutbox } from '../../../ledger/sql/outbox-delete.ts';
import { readOutbox } from '../../../ledger/sql/outbox-read.ts';
import { claimShards, type ShardClaim } from '../../../ledger/sql/relay-claim.ts';
import { renewShards } from '../../../ledger/sql/relay-renew.ts';
import { RELAY_SHARDS } from '../../../schemas/partition.ts';
import { PublishUnknown, simPublisher } from '../log.ts';
import type { World } from '../world.ts';

const SILENCE_MS = 60_000;
const IDLE_MS = [6_000, 25_000] as const;
const SHARDS = Array.from({ length: RELAY_SHARDS }, (_, shard) => shard);

export async function runRelay(world: World, owner: string): Promise<never> {
  const { engine } = world;
  let held: readonly ShardClaim[] = [];
  let checkedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    let published = 0;
    try {
      if (engine.clock.elapsed - checkedAt > SILENCE_MS / 4) {
        held = await keep(world, held, owner);
        checkedAt = engine.clock.elapsed;
      }
      if (held.length > 0) published = await round(world, held);
    } catch (error) {
      if (!(error instanceof PublishUnknown) && !isTrouble(error)) throw error;
      engine.note(`round failed: ${(error as Error).message}`);
    }
    if (published === 0) await engine.sleep(engine.random.int(...IDLE_MS), (bell) => bell === 'outbox');
  }
}

async function keep(
  world: World,
  held: readonly ShardClaim[],
  owner: string,
): Promise<readonly ShardClaim[]> {
  const { db, clocks } = world;
  const now = clocks.now();
  const kept = held.length === 0 ? [] : await renewShards(db, held, now);
  const missing = SHARDS.filter((shard) => !kept.some((claim) => claim.shard === shard));
  if (missing.length === 0) return kept;
  const won = await claimShards(db, missing, owner, now, new Date(now.getTime() - SILENCE_MS));
  return [...kept, ...won];
}

async function round(world: World, held: readonly ShardClaim[]): Promise<number> {
  const { db, engine, log } = world;
  const shards = held.map((claim) => claim.shard);
  const rows = await readOutbox(db, shards, engine.random.int(1, 50));
  if (rows.length === 0) return 0;
  const records = rows.map((row) => ({
    topic: row.topic,
    key: row.key,
    value: Buffer.from(row.value),
    headers: {
      ...(JSON.parse(row.headers) as Record<string, string>),
      'event-id': row.event_id,
      'event-type': row.event_type,
    },
  }));
  await simPublisher(engine, log).publish(records);
  await deleteOutbox(
    db,
    rows.map((row) => row.id),
  );
  return rows.length;
}

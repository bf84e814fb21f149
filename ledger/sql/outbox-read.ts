/** The oldest committed rows of some shards, each shard in id order (= commit order per key). */
import type { Db } from '../db.ts';

export interface OutboxRow {
  readonly id: bigint;
  readonly topic: string;
  readonly key: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly value: Uint8Array;
  /** JSON object of further headers. */
  readonly headers: string;
}

/** One probe of the (shard, id) index per shard; a plain `shard = ANY` sorts the whole backlog on each read. */
const TEXT = `
SELECT o.id, o.topic, o.key, o.event_id, o.event_type, o.value, o.headers
FROM unnest($1::int[]) AS s(shard)
CROSS JOIN LATERAL (SELECT * FROM outbox r WHERE r.shard = s.shard ORDER BY r.id LIMIT $2) AS o`;

export function readOutbox(db: Db, shards: readonly number[], limitPerShard: number): Promise<OutboxRow[]> {
  return db.query<OutboxRow>(TEXT, [`{${shards.join(',')}}`, limitPerShard], 'outbox_read');
}

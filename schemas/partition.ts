/**
 * Kafka's default partitioner (murmur2 of the key, seed 0x9747b28c, as the Java client), so that SQL rows and topic
 * records of a client share a partition number, and the shard of an outbox row.
 */
import { CLIENT_PARTITIONS } from './topology.ts';

/** Relay shards; a key always has the same one, so that its rows are published in order. */
export const RELAY_SHARDS = 4;

const M = 0x5bd1e995;

function murmur2(data: Uint8Array): number {
  const length = data.length;
  let h = 0x9747b28c ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    k = Math.imul(k, M);
    h = Math.imul(h, M) ^ k;
  }
  const rest = length - i;
  if (rest >= 3) h ^= data[i + 2]! << 16;
  if (rest >= 2) h ^= data[i + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ data[i]!, M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

/** Partition of a record with this key in a topic of `partitions` partitions. */
export function partitionOf(key: string, partitions: number = CLIENT_PARTITIONS): number {
  return (murmur2(new TextEncoder().encode(key)) & 0x7fffffff) % partitions;
}

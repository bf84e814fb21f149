/** Reads a topic once from its first offset to the end it has now; for audits, not for processing. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Kafka } from './kafka.ts';
import { type LogRecord, toLogRecord } from './log-record.ts';

export interface ReadOptions {
  readonly kafka: Kafka;
  /** With TOPIC_PREFIX. */
  readonly topic: string;
  /** A group name of its own; it is deleted afterwards. */
  readonly groupId: string;
  readonly onBatch: (partition: number, records: readonly LogRecord[]) => void | Promise<void>;
  /** Without a new record for this long the read fails; 30,000 ms. */
  readonly stalledMs?: number;
}

/** @returns the offsets after the last record read, by partition. @throws when reading stalls or the first offset is gone */
export async function readTopic(options: ReadOptions): Promise<Map<number, bigint>> {
  const { kafka, topic, groupId, stalledMs = 30_000 } = options;
  const admin = kafka.admin();
  await admin.connect();
  const ends = new Map<number, bigint>();
  const open = new Set<number>();
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    ends.set(partition, BigInt(high));
    if (BigInt(low) < BigInt(high)) open.add(partition);
  }
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    readUncommitted: true,
    maxWaitTimeInMs: 100,
  });
  let failure: Error | undefined;
  let movedAt = performance.now();
  try {
    if (open.size === 0) return ends;
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, heartbeat }) => {
        if (!open.has(batch.partition) || failure) return;
        try {
          const end = ends.get(batch.partition)!;
          const records = batch.messages.map(toLogRecord).filter((record) => record.offset < end);
          await options.onBatch(batch.partition, records);
          movedAt = performance.now();
          if (BigInt(batch.lastOffset()) + 1n >= end) open.delete(batch.partition);
          await heartbeat();
        } catch (error) {
          failure = error as Error;
        }
      },
    });
    while (open.size > 0 && !failure) {
      if (performance.now() - movedAt > stalledMs)
        throw new Error(`reading ${topic} stalled at partitions ${[...open].join(', ')}`);
      await pause(20);
    }
    if (failure) throw failure;
    return ends;
  } finally {
    await consumer.disconnect();
    // The group has no offsets; leaving it would only clutter the broker's list.
    await admin.deleteGroups([groupId]).catch(() => undefined);
    await admin.disconnect();
  }
}

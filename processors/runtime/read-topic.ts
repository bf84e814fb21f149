/** Reads topics once from their first offsets to the ends they have now; for audits, not for processing. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Kafka } from './kafka.ts';
import { type LogRecord, toLogRecord } from './log-record.ts';

export interface ReaderOptions {
  readonly kafka: Kafka;
  /** With TOPIC_PREFIX. */
  readonly topics: readonly string[];
  /** A group name of its own; it is deleted afterwards. */
  readonly groupId: string;
  /** Without a new record for this long the read fails; 30,000 ms. */
  readonly stalledMs?: number;
}

export interface Part {
  readonly topic: string;
  readonly partition: number;
}

export interface TopicReader {
  /** First offset and the one after the last, as they were when it was opened. */
  range(part: Part): { readonly low: bigint; readonly high: bigint };
  partitions(topic: string): number[];
  /**
   * Reads these partitions at once, each to its end or `until` (an offset that is not read any more).
   * @throws when reading stalls, or what `onBatch` threw
   */
  read(parts: readonly (Part & { readonly until?: bigint })[], onBatch: OnBatch): Promise<void>;
  close(): Promise<void>;
}

type OnBatch = (partition: number, records: readonly LogRecord[], topic: string) => void | Promise<void>;

interface Reading {
  readonly open: Map<string, bigint>;
  readonly onBatch: OnBatch;
  movedAt: number;
  failure?: Error;
}

const nameOf = ({ topic, partition }: Part) => `${topic}|${partition}`;

/** One consumer for everything that is read from these topics; what is not asked for is paused. */
export async function openTopicReader(options: ReaderOptions): Promise<TopicReader> {
  const { kafka, topics, groupId, stalledMs = 30_000 } = options;
  const admin = kafka.admin();
  await admin.connect();
  const ranges = new Map<string, Part & { readonly low: bigint; readonly high: bigint }>();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const part = { topic, partition };
      ranges.set(nameOf(part), { ...part, low: BigInt(low), high: BigInt(high) });
    }
  }
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    readUncommitted: true,
    maxWaitTimeInMs: 50,
  });
  let reading: Reading | undefined;
  let started = false;
  const range = (part: Part) => ranges.get(nameOf(part)) ?? { low: 0n, high: 0n };

  async function start(): Promise<void> {
    if (started) return;
    started = true;
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, heartbeat }) => {
        const now = reading;
        const name = nameOf(batch);
        const end = now?.open.get(name);
        if (!now || end === undefined || now.failure) return;
        try {
          const records = batch.messages.map(toLogRecord).filter((record) => record.offset < end);
          await now.onBatch(batch.partition, records, batch.topic);
          now.movedAt = performance.now();
          if (BigInt(batch.lastOffset()) + 1n >= end) {
            now.open.delete(name);
            consumer.pause([{ topic: batch.topic, partitions: [batch.partition] }]);
          }
          await heartbeat();
        } catch (error) {
          now.failure = error as Error;
        }
      },
    });
    for (const { topic, partition } of ranges.values()) consumer.pause([{ topic, partitions: [partition] }]);
  }

  return {
    range,
    partitions: (topic) =>
      [...ranges.values()]
        .filter((part) => part.topic === topic)
        .map(({ partition }) => partition)
        .sort((a, b) => a - b),
    async read(parts, onBatch) {
      const open = new Map<string, bigint>();
      const wanted = parts.filter((part) => {
        const { low, high } = range(part);
        const end = part.until !== undefined && part.until < high ? part.until : high;
        if (low < end) open.set(nameOf(part), end);
        return low < end;
      });
      if (wanted.length === 0) return;
      await start();
      const now: Reading = { open, onBatch, movedAt: performance.now() };
      reading = now;
      for (const { topic, partition } of wanted) {
        consumer.seek({ topic, partition, offset: String(range({ topic, partition }).low) });
        consumer.resume([{ topic, partitions: [partition] }]);
      }
      while (open.size > 0 && !now.failure) {
        if (performance.now() - now.movedAt > stalledMs)
          throw new Error(`reading stalled at ${[...open.keys()].join(', ')}`);
        await pause(5);
      }
      reading = undefined;
      if (now.failure) throw now.failure;
    },
    async close() {
      if (started) await consumer.disconnect();
      // The group has no offsets; leaving it would only clutter the broker's list.
      if (started) await admin.deleteGroups([groupId]).catch(() => undefined);
      await admin.disconnect();
    },
  };
}

export interface ReadOptions extends Omit<ReaderOptions, 'topics'> {
  /** With TOPIC_PREFIX. */
  readonly topic: string;
  readonly onBatch: (partition: number, records: readonly LogRecord[]) => void | Promise<void>;
}

/** All partitions of one topic at once. @returns the offsets after the last record read, by partition */
export async function readTopic({ topic, onBatch, ...options }: ReadOptions): Promise<Map<number, bigint>> {
  const reader = await openTopicReader({ ...options, topics: [topic] });
  try {
    const partitions = reader.partitions(topic);
    await reader.read(
      partitions.map((partition) => ({ topic, partition })),
      onBatch,
    );
    return new Map(partitions.map((partition) => [partition, reader.range({ topic, partition }).high]));
  } finally {
    await reader.close();
  }
}

/** Reads topics once from their first offsets to the ends they have now; for audits, not for processing. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, Kafka } from './kafka.ts';
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

interface Range extends Part {
  readonly low: bigint;
  readonly high: bigint;
}

const nameOf = ({ topic, partition }: Part) => `${topic}|${partition}`;

/** One consumer for everything that is read from these topics; what is not asked for is paused. */
export async function openTopicReader(options: ReaderOptions): Promise<TopicReader> {
  const { kafka, topics, groupId, stalledMs = 30_000 } = options;
  const admin = kafka.admin();
  await admin.connect();
  const ranges = new Map<string, Range>();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const part = { topic, partition };
      ranges.set(nameOf(part), { ...part, low: BigInt(low), high: BigInt(high) });
    }
  }
  const settings = { groupId, allowAutoTopicCreation: false, readUncommitted: true, maxWaitTimeInMs: 50 };
  const consumer = new PausedConsumer(kafka.consumer(settings), [...ranges.values()], stalledMs);
  const range = (part: Part) => ranges.get(nameOf(part)) ?? { low: 0n, high: 0n };
  return {
    range,
    partitions: (topic) =>
      [...ranges.values()]
        .filter((part) => part.topic === topic)
        .map(({ partition }) => partition)
        .sort((a, b) => a - b),
    async read(parts, onBatch) {
      const wanted = parts
        .map(({ topic, partition, until }) => {
          const { low, high } = range({ topic, partition });
          return { topic, partition, low, high: until !== undefined && until < high ? until : high };
        })
        .filter(({ low, high }) => low < high);
      if (wanted.length > 0) await consumer.read(wanted, onBatch);
    },
    async close() {
      await consumer.stop();
      // The group has no offsets; leaving it would only clutter the broker's list.
      await admin.deleteGroups([groupId]).catch(() => undefined);
      await admin.disconnect();
    },
  };
}

interface Reading {
  /** The end of each partition that is not read to it yet. */
  readonly open: Map<string, bigint>;
  readonly onBatch: OnBatch;
  movedAt: number;
  failure?: Error;
}

class PausedConsumer {
  readonly #consumer: Consumer;
  readonly #parts: readonly Part[];
  readonly #stalledMs: number;
  #isStarted = false;
  #reading: Reading | undefined;

  constructor(consumer: Consumer, parts: readonly Part[], stalledMs: number) {
    this.#consumer = consumer;
    this.#parts = parts;
    this.#stalledMs = stalledMs;
  }

  async read(ranges: readonly Range[], onBatch: OnBatch): Promise<void> {
    await this.#start();
    const open = new Map(ranges.map((range) => [nameOf(range), range.high]));
    const reading: Reading = { open, onBatch, movedAt: performance.now() };
    this.#reading = reading;
    for (const { topic, partition, low } of ranges) {
      this.#consumer.seek({ topic, partition, offset: String(low) });
      this.#consumer.resume([{ topic, partitions: [partition] }]);
    }
    while (open.size > 0 && !reading.failure) {
      if (performance.now() - reading.movedAt > this.#stalledMs)
        throw new Error(`reading stalled at ${[...open.keys()].join(', ')}`);
      await pause(5);
    }
    this.#reading = undefined;
    if (reading.failure) throw reading.failure;
  }

  async stop(): Promise<void> {
    if (this.#isStarted) await this.#consumer.disconnect();
  }

  async #start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    await this.#consumer.connect();
    const topics = [...new Set(this.#parts.map(({ topic }) => topic))];
    await this.#consumer.subscribe({ topics, fromBeginning: true });
    await this.#consumer.run({ autoCommit: false, eachBatch: (payload) => this.#eachBatch(payload) });
    for (const { topic, partition } of this.#parts)
      this.#consumer.pause([{ topic, partitions: [partition] }]);
  }

  async #eachBatch({ batch, heartbeat }: EachBatchPayload): Promise<void> {
    const reading = this.#reading;
    const name = nameOf(batch);
    const end = reading?.open.get(name);
    if (!reading || end === undefined || reading.failure) return;
    try {
      const records = batch.messages.map(toLogRecord).filter((record) => record.offset < end);
      await reading.onBatch(batch.partition, records, batch.topic);
      reading.movedAt = performance.now();
      if (BigInt(batch.lastOffset()) + 1n >= end) {
        reading.open.delete(name);
        this.#consumer.pause([{ topic: batch.topic, partitions: [batch.partition] }]);
      }
      await heartbeat();
    } catch (error) {
      reading.failure = error as Error;
    }
  }
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

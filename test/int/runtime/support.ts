/** What the runtime's tests share: waiting for a condition, topics and records of their own, a quiet log. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Admin, type Kafka, Partitioners } from 'kafkajs';
import { inject } from 'vitest';
import { createKafka } from '../../../processors/runtime/kafka.ts';
import { createLogger } from '../../../processors/runtime/logger.ts';

export const log = createLogger({
  role: 'test',
  level: process.env.TEST_LOG_LEVEL ?? 'silent',
  pretty: false,
});

export function testKafka(): Kafka {
  return createKafka({ brokers: [inject('servers').kafka], clientId: 'test', log });
}

/** Returns what the condition returned once it is neither false nor null. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | false | null> | T | false | null,
  ms = 60_000,
): Promise<T> {
  const limit = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null) return value;
    if (performance.now() > limit) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(20);
  }
}

export function freshName(kind: string): string {
  return `${kind}.${randomBytes(5).toString('hex')}`;
}

export async function createTopic(kafka: Kafka, numPartitions: number): Promise<string> {
  const topic = freshName('topic');
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions, replicationFactor: 1 }],
    });
    // kafkajs' own wait fails when the broker, busy, has not heard of the topic yet.
    await until(`leaders of ${topic}`, () => hasLeaders(admin, topic, numPartitions));
    // The metadata names a leader before the broker has opened its log: of a first batch one partition would be refused
    // and the other written, and kafkajs sends both again.
    await until(`offsets of ${topic}`, () => hasOffsets(admin, topic));
  } finally {
    await admin.disconnect();
  }
  return topic;
}

async function hasLeaders(admin: Admin, topic: string, partitions: number): Promise<boolean> {
  try {
    const [found] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
    return found?.partitions.length === partitions && found.partitions.every(({ leader }) => leader >= 0);
  } catch (error) {
    if ((error as { type?: string }).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    return false;
  }
}

async function hasOffsets(admin: Admin, topic: string): Promise<boolean> {
  try {
    await admin.fetchTopicOffsets(topic);
    return true;
  } catch (error) {
    if ((error as { retriable?: boolean }).retriable !== true) throw error;
    return false;
  }
}

export interface PlainRecord {
  readonly key: string;
  readonly value: string;
  readonly partition?: number;
  readonly eventId?: string;
}

export async function produce(kafka: Kafka, topic: string, records: readonly PlainRecord[]): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    const messages = records.map(({ key, value, partition, eventId }) => ({
      key,
      value,
      ...(partition === undefined ? {} : { partition }),
      headers: eventId === undefined ? {} : { 'event-id': eventId },
    }));
    for (let from = 0; from < messages.length; from += 1_000) {
      await producer.send({ topic, messages: messages.slice(from, from + 1_000), acks: -1 });
    }
  } finally {
    await producer.disconnect();
  }
}

export interface ReadRecord {
  readonly partition: number;
  readonly key: string;
  readonly value: string;
  readonly headers: Record<string, string>;
}

/** Everything in the topic now, in the order of each partition. */
export async function readAll(kafka: Kafka, topic: string): Promise<ReadRecord[]> {
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const wanted = offsets.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
  const records: ReadRecord[] = [];
  if (wanted === 0) return records;
  const consumer = kafka.consumer({
    groupId: freshName('reader'),
    maxWaitTimeInMs: 100,
    readUncommitted: true,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
      records.push({
        partition,
        key: String(message.key),
        value: String(message.value),
        headers: Object.fromEntries(headers),
      });
    },
  });
  try {
    await until(`${wanted} records in ${topic}`, () => records.length >= wanted);
  } finally {
    await consumer.disconnect();
  }
  return records;
}

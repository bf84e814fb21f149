/** Stateless consumers: the committed Kafka offset follows what was acknowledged, and is never reset silently. */
import { connect } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { systemClock } from '../../../processors/runtime/clock.ts';
import { type RunningConsumer, runStateless } from '../../../processors/runtime/consumer.ts';
import type { Batch } from '../../../processors/runtime/log-record.ts';
import { createTopic, freshName, log, produce, testKafka, until } from './support.ts';
import { startProxy } from './tcp-proxy.ts';

/** Its number in Kafka's protocol. */
const OFFSET_COMMIT = 8;

const kafka = testKafka();
let topic: string;
let group: string;
let running: RunningConsumer[];
let fatal: Error[];

beforeEach(async () => {
  topic = await createTopic(kafka, 1);
  group = freshName('group');
  running = [];
  fatal = [];
});
afterEach(async () => {
  await Promise.all(running.map((consumer) => consumer.stop()));
});

async function start(
  handler: (batch: Batch) => Promise<void>,
  kafkaOfConsumer = testKafka(),
): Promise<RunningConsumer> {
  const consumer = await runStateless({
    kafka: kafkaOfConsumer,
    registry: new Registry(),
    log,
    clock: systemClock,
    groupId: group,
    topic,
    partitions: 1,
    onFatal: (error) => fatal.push(error),
    handler,
    retryForMs: 300,
  });
  running.push(consumer);
  return consumer;
}

async function committed(): Promise<string | undefined> {
  const admin = kafka.admin();
  await admin.connect();
  const [answer] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  await admin.disconnect();
  return answer?.partitions[0]?.offset;
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ key: 'k', value: `v${from + index}` }));

test('commits after the output is acknowledged; a restart goes on there', async () => {
  const out: string[] = [];
  const handler = async (batch: Batch) => {
    for (const record of batch.records) out.push(String(record.value));
  };
  await produce(kafka, topic, numbered(0, 100));
  const first = await start(handler);
  await until('the commit', async () => (await committed()) === '100');
  await first.stop();
  running = [];
  await produce(kafka, topic, numbered(100, 150));
  await start(handler);
  await until('the commit', async () => (await committed()) === '150');
  expect(out).toEqual(Array.from({ length: 150 }, (_, index) => `v${index}`));
});

test('a commit that fails is made up for, also when no more records come', async () => {
  const [host, port] = inject('servers').kafka.split(':');
  const proxy = await startProxy(host!, Number(port));
  try {
    const through = new Kafka({
      brokers: [`127.0.0.1:${proxy.port}`],
      logLevel: logLevel.NOTHING,
      socketFactory: ({ onConnect }) => connect({ host: '127.0.0.1', port: proxy.port }, onConnect),
    });
    let refuses = true;
    let refused = 0;
    proxy.cutWhen = (direction, chunk) => {
      const isCommit =
        direction === 'request' && chunk.length >= 12 && chunk.readInt16BE(4) === OFFSET_COMMIT;
      if (isCommit && refuses) refused += 1;
      return isCommit && refuses;
    };
    let seen = 0;
    await produce(kafka, topic, numbered(0, 3));
    await start(async (batch) => {
      seen += batch.records.length;
    }, through);
    await until('records seen and their commit refused', () => seen >= 3 && refused > 0);
    refuses = false;
    await until('the commit', async () => (await committed()) === '3');
    expect(fatal).toEqual([]);
  } finally {
    await Promise.all(running.splice(0).map((consumer) => consumer.stop()));
    await proxy.close();
  }
});

test('an output that is not acknowledged is tried again, then the process ends with nothing committed', async () => {
  await produce(kafka, topic, numbered(0, 3));
  let tries = 0;
  await start(async () => {
    tries += 1;
    throw new Error('not acknowledged');
  });
  expect((await until('a fatal error', () => fatal[0] ?? false)).message).toBe('not acknowledged');
  expect(tries).toBeGreaterThan(2);
  expect(await committed()).toBe('-1');
});

test('a committed offset outside the log halts instead of starting over', async () => {
  await produce(kafka, topic, numbered(0, 5));
  const admin = kafka.admin();
  await admin.connect();
  await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '9' }] });
  await admin.disconnect();
  const out: bigint[] = [];
  await start(async (batch) => {
    out.push(...batch.records.map((record) => record.offset));
  });
  expect(await until('a fatal error', () => fatal[0] ?? false)).toMatchObject({
    reason: 'position_outside_log',
  });
  expect(out).toEqual([]);
});

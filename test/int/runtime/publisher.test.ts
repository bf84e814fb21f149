/** The guarded publisher on a real broker behind a proxy that loses answers: nothing acknowledged may be missing. */
import { connect } from 'node:net';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { PublisherClosed, PublishTimeout } from '../../../processors/runtime/publish-errors.ts';
import { createPublisher, type OutRecord, type Publisher } from '../../../processors/runtime/publisher.ts';
import { partitionOf } from '../../../schemas/partition.ts';
import { createTopic, log, type ReadRecord, readAll, testKafka, until } from './support.ts';
import { loseProduceResponses, startProxy, type TcpProxy } from './tcp-proxy.ts';

const PARTITIONS = 3;
const LOSSES = 120;
let proxy: TcpProxy;
let publisher: Publisher;
let registry: Registry;
let topic: string;

beforeAll(async () => {
  const [host, port] = inject('servers').kafka.split(':');
  proxy = await startProxy(host!, Number(port));
});
afterAll(() => proxy.close());

beforeEach(async () => {
  topic = await createTopic(testKafka(), PARTITIONS);
  registry = new Registry();
  publisher = createPublisher({ kafka: kafkaThroughProxy(), registry, log, sendTimeoutMs: 4_000 });
});
afterEach(async () => {
  proxy.cutWhen = () => false;
  await publisher.close(1_000).catch(() => undefined);
});

/** Whatever address the broker tells, every connection goes through the proxy. */
function kafkaThroughProxy(): Kafka {
  return new Kafka({
    brokers: [`127.0.0.1:${proxy.port}`],
    logLevel: logLevel.NOTHING,
    requestTimeout: 3_000,
    retry: { retries: 2, initialRetryTime: 50 },
    socketFactory: ({ onConnect }) => connect({ host: '127.0.0.1', port: proxy.port }, onConnect),
  });
}

const record = (key: string, value: string): OutRecord => ({
  topic,
  key,
  value: Buffer.from(value),
  headers: { 'event-id': value },
});

/** A batch of which a part was refused, by a leader that is only just elected, say, goes again whole. */
const distinct = (records: readonly ReadRecord[]) => [...new Set(records.map(({ value }) => value))];

test('3,000 records of 50 callers, 120 answers lost: none acknowledged is absent, order per key holds', async () => {
  let answers = 0;
  let lost = 0;
  proxy.cutWhen = loseProduceResponses(() => {
    answers += 1;
    // Two of three: at most 50 records go at once, so that there are enough answers to lose.
    if (lost >= LOSSES || answers % 3 === 0) return false;
    lost += 1;
    return true;
  });
  const caller = async (key: string) => {
    for (let n = 0; n < 60; n += 1) await publisher.publish([record(key, `${key}-${n}`)]);
  };
  await Promise.all(Array.from({ length: 50 }, (_, index) => caller(`client${index}`)));
  expect(lost).toBe(LOSSES);

  const found = await readAll(testKafka(), topic);
  const firsts = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const { key, value } of found) {
    if (seen.has(value)) continue;
    seen.add(value);
    firsts.set(key, [...(firsts.get(key) ?? []), value]);
  }
  expect(seen.size).toBe(3_000);
  for (const [key, values] of firsts) {
    expect(values).toEqual(Array.from({ length: 60 }, (_, n) => `${key}-${n}`));
  }
  const discards = await registry.getSingleMetricAsString('spillway_publisher_discards_total');
  expect(discards).toContain(`spillway_publisher_discards_total ${lost}`);
}, 180_000);

test("kafkajs' idempotent producer acknowledges records that are in no log, which is why it is not used", async () => {
  const single = await createTopic(testKafka(), 1);
  const producer = kafkaThroughProxy().producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { retries: 5, initialRetryTime: 50 },
  });
  await producer.connect();
  const acknowledged: string[] = [];
  const send = async (value: string) => {
    await producer.send({ topic: single, acks: -1, messages: [{ key: 'k', value }] });
    acknowledged.push(value);
  };
  try {
    await send('warm');
    let lost = 0;
    proxy.cutWhen = loseProduceResponses(() => {
      lost += 1;
      return lost === 1;
    });
    await Promise.all(['A', 'B', 'C'].map(send));
  } finally {
    proxy.cutWhen = () => false;
    await producer.disconnect();
  }
  const there = (await readAll(testKafka(), single)).map((one) => one.value);
  expect(acknowledged.toSorted()).toEqual(['A', 'B', 'C', 'warm']);
  expect(acknowledged.filter((value) => !there.includes(value))).not.toEqual([]);
});

test('records of one call go to the partition of their key, with their headers', async () => {
  await publisher.publish(['-1001', '-1002', '-1003', '77'].map((key) => record(key, `v${key}`)));
  const found = await readAll(testKafka(), topic);
  expect(distinct(found)).toHaveLength(4);
  for (const { key, partition, headers } of found) {
    expect(partition).toBe(partitionOf(key, PARTITIONS));
    expect(headers).toEqual({ 'event-id': `v${key}` });
  }
});

test('what arrives while a send is under way goes out as one batch', async () => {
  await Promise.all(Array.from({ length: 400 }, (_, n) => publisher.publish([record(`k${n}`, `${n}`)])));
  const sizes = await registry.getSingleMetricAsString('spillway_publish_batch_records');
  const sends = Number(/_count (\d+)/.exec(sizes)?.[1]);
  expect(sends).toBeLessThanOrEqual(5);
});

describe('with the broker away', () => {
  test('a call ends at its deadline; what was sent is delivered once the broker is back, in order', async () => {
    await publisher.publish([record('a', '0')]);
    proxy.cutWhen = (direction) => direction === 'request';
    const started = performance.now();
    const first = publisher.publish([record('a', '1')], { deadlineMs: 300 });
    const second = publisher.publish([record('a', '2')], { deadlineMs: 300 });
    await expect(first).rejects.toThrow(PublishTimeout);
    await expect(second).rejects.toThrow(PublishTimeout);
    expect(performance.now() - started).toBeLessThan(2_000);
    proxy.cutWhen = () => false;
    await publisher.publish([record('a', '3')]);
    const values = (await readAll(testKafka(), topic)).map((one) => one.value);
    // 1 was in flight, so it stays ours and goes first; 2 was never sent and is dropped with its caller.
    expect(values).toEqual(['0', '1', '3']);
  });

  test('a broker that takes everything and says nothing is noticed by the time of a send', async () => {
    await publisher.publish([record('a', '0')]);
    let isSilent = true;
    proxy.cutWhen = () => (isSilent ? 'swallow' : false);
    const waiting = publisher.publish([record('a', '1')]);
    await until('a discarded producer', async () =>
      /discards_total [1-9]/.test(
        await registry.getSingleMetricAsString('spillway_publisher_discards_total'),
      ),
    );
    isSilent = false;
    await waiting;
    expect((await readAll(testKafka(), topic)).map((one) => one.value)).toEqual(['0', '1']);
  });

  test('close says how many records are left', async () => {
    await publisher.publish([record('a', '0')]);
    proxy.cutWhen = () => true;
    const lost = publisher.publish([record('a', '1'), record('a', '2')]);
    const ends = Promise.all([
      expect(lost).rejects.toThrow(PublisherClosed),
      expect(publisher.close(200)).rejects.toThrow('2 records were not acknowledged'),
    ]);
    await ends;
    await expect(publisher.publish([record('a', '3')])).rejects.toThrow(PublisherClosed);
  });
});

test('close sends what is queued', async () => {
  const all = Array.from({ length: 1_200 }, (_, n) => publisher.publish([record(`k${n % 7}`, `${n}`)]));
  await publisher.close();
  await Promise.all(all);
  expect(distinct(await readAll(testKafka(), topic))).toHaveLength(1_200);
});

test('a topic that does not exist yet is waited for', async () => {
  const later = `${topic}.later`;
  const waiting = publisher.publish([{ ...record('a', '1'), topic: later }]);
  const admin = testKafka().admin();
  await admin.connect();
  await until('a discarded producer', async () =>
    /discards_total [1-9]/.test(await registry.getSingleMetricAsString('spillway_publisher_discards_total')),
  );
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: later, numPartitions: 1 }] });
  await admin.disconnect();
  await waiting;
  expect(distinct(await readAll(testKafka(), later))).toEqual(['1']);
});

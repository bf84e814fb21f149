/** The relay on real servers: order per key, nothing lost when it is killed at the worst moment, two relays. */
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Database, type Db, openDatabase } from '../../../ledger/db.ts';
import { systemClock } from '../../../processors/runtime/clock.ts';
import { createPublisher, type Publisher } from '../../../processors/runtime/publisher.ts';
import { type RunningRelay, startRelay } from '../../../processors/runtime/relay.ts';
import { partitionOf } from '../../../schemas/partition.ts';
import { type FreshDatabase, freshDatabase } from '../setup/database.ts';
import { createTopic, log, readAll, testKafka, until } from './support.ts';

const SHARDS = 4;
let fresh: FreshDatabase;
let db: Database;
let topic: string;
let publisher: Publisher;
let relays: RunningRelay[];
let serial = 0;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase({ url: fresh.url, max: 8, applicationName: 'relay-test' });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

beforeEach(async () => {
  topic = await createTopic(testKafka(), 3);
  publisher = createPublisher({ kafka: testKafka(), registry: new Registry(), log });
  relays = [];
});
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await publisher.close();
  await db.query('TRUNCATE outbox, consumer_position');
});

async function start(
  owner: string,
  more: { publisher?: Publisher; db?: Database } = {},
): Promise<RunningRelay> {
  const relay = await startRelay({
    db,
    publisher,
    clock: systemClock,
    registry: new Registry(),
    log,
    owner,
    shards: SHARDS,
    topicOf: (name) => `${topic}${name}`,
    silenceMs: 400,
    ...more,
  });
  relays.push(relay);
  return relay;
}

/** One row of the outbox, and its notification, as the ledger's store writes them. */
async function put(tx: Db, key: string, value: string): Promise<void> {
  serial += 1;
  const eventId = `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`;
  const values = [
    partitionOf(key, SHARDS),
    key,
    eventId,
    Buffer.from(value),
    '{"traceparent":"00-a-b-01"}',
    new Date(),
  ];
  await tx.query(
    `INSERT INTO outbox (shard, topic, key, event_id, event_type, value, headers, created_at)
     VALUES ($1, '', $2, $3, 'test', $4, $5, $6)`,
    values,
  );
  await tx.query("SELECT pg_notify('outbox', '')");
}

async function putMany(keys: number, each: number): Promise<void> {
  for (let n = 0; n < each; n += 1) {
    await db.transaction(async (tx) => {
      for (let key = 0; key < keys; key += 1) await put(tx, `k${key}`, `${n}`);
    });
  }
}

const untilEmpty = () =>
  until('an empty outbox', async () => (await db.query('SELECT 1 FROM outbox LIMIT 1')).length === 0);

/** Values per key in the order of the log, repetitions left out. */
async function firstsByKey(): Promise<Map<string, string[]>> {
  const result = new Map<string, string[]>();
  for (const { key, value } of await readAll(testKafka(), topic)) {
    const values = result.get(key) ?? [];
    if (!values.includes(value)) values.push(value);
    result.set(key, values);
  }
  return result;
}

const ascending = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

test('publishes in id order per key, with headers, and deletes what it sent', async () => {
  await start('one');
  await putMany(20, 50);
  await untilEmpty();
  const found = await firstsByKey();
  expect(found.size).toBe(20);
  for (const values of found.values()) expect(values).toEqual(ascending(50));
  const [first] = await readAll(testKafka(), topic);
  expect(first!.headers).toEqual({
    traceparent: '00-a-b-01',
    'event-id': expect.stringMatching(/^00000000-/) as string,
    'event-type': 'test',
  });
});

test('a row that is committed later under a lower id is not skipped', async () => {
  await start('one');
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isIn = false;
  const slow = db.transaction(async (tx) => {
    await put(tx, 'slow', 'low id');
    isIn = true;
    await held;
  });
  await until('the slow one in', () => isIn);
  await put(db, 'fast', 'high id');
  await until('the fast one out', async () => (await readAll(testKafka(), topic)).length === 1);
  release();
  await slow;
  await untilEmpty();
  expect((await readAll(testKafka(), topic)).map((one) => one.key).sort()).toEqual(['fast', 'slow']);
});

test('killed between publishing and deleting, the next one repeats and loses nothing [failure H2]', async () => {
  await putMany(5, 20);
  let isDead = false;
  const dies: Database = {
    ...db,
    query: (text, values, name) => {
      if (text.startsWith('DELETE FROM outbox')) isDead = true;
      // A killed process deletes nothing and gives no sign of life any more.
      return isDead ? Promise.reject(new Error('killed')) : db.query(text, values, name);
    },
  };
  await start('dies', { db: dies });
  await until('published, not deleted', () => isDead);
  await start('next');
  await untilEmpty();
  const found = await readAll(testKafka(), topic);
  expect(found.length).toBeGreaterThan(100);
  for (const values of (await firstsByKey()).values()) expect(values).toEqual(ascending(20));
});

test('two relays share the work without doing it twice; one that stops gives its shards back at once', async () => {
  const first = await start('one');
  await until('all shards', () => first.progress().detail.startsWith(`owns ${SHARDS}`));
  const second = await start('two');
  await putMany(10, 10);
  await untilEmpty();
  expect(await readAll(testKafka(), topic)).toHaveLength(100);
  expect(second.progress().detail).toContain('owns 0');
  relays = [second];
  await first.stop();
  await putMany(10, 1);
  await untilEmpty();
  expect(second.progress().detail).toContain(`owns ${SHARDS}`);
});

test('while the broker refuses, rows stay; liveness tells why', async () => {
  let isDown = true;
  const down: Publisher = {
    ...publisher,
    depth: 0,
    publish: (records, options) =>
      isDown ? Promise.reject(new Error('broker away')) : publisher.publish(records, options),
  };
  const relay = await start('one', { publisher: down });
  await put(db, 'k', '0');
  await until('the failure shown', () => relay.progress().detail.includes('broker away'));
  expect(await db.query('SELECT 1 FROM outbox')).toHaveLength(1);
  isDown = false;
  await untilEmpty();
  expect(await readAll(testKafka(), topic)).toHaveLength(1);
});

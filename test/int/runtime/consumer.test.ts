/** Stateful consumers on a real broker and database: takeover, fences, lost answers, logs that do not fit. */
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../../ledger/db.ts';
import { CommitUnknownError } from '../../../ledger/db-errors.ts';
import { advancePosition, type Position } from '../../../ledger/sql/position-advance.ts';
import { readPosition } from '../../../ledger/sql/position-read.ts';
import { takePosition } from '../../../ledger/sql/position-take.ts';
import { systemClock } from '../../../processors/runtime/clock.ts';
import {
  type RunningConsumer,
  runStateful,
  type StatefulConsumerOptions,
} from '../../../processors/runtime/consumer.ts';
import type { Batch } from '../../../processors/runtime/log-record.ts';
import { FenceMissed, Halted } from '../../../processors/runtime/takeover.ts';
import { type FreshDatabase, freshDatabase } from '../setup/database.ts';
import { createTopic, freshName, log, produce, testKafka, until } from './support.ts';

const PARTITIONS = 2;
const kafka = testKafka();
let fresh: FreshDatabase;
let db: Database;
let topic: string;
let group: string;
let running: RunningConsumer[];
let fatal: Error[];

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase({ url: fresh.url, max: 8, applicationName: 'consumer-test' });
  // Rows of a processor that writes down what it is given; the check refuses the value `poison` (SQLSTATE 23514).
  await db.query(`CREATE TABLE seen (topic text NOT NULL, part int NOT NULL, log_offset bigint NOT NULL,
    value text NOT NULL CHECK (value <> 'poison'), by text NOT NULL, quarantined boolean NOT NULL)`);
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

beforeEach(async () => {
  topic = await createTopic(kafka, PARTITIONS);
  group = freshName('group');
  running = [];
  fatal = [];
});
afterEach(async () => {
  await Promise.all(running.map((consumer) => consumer.stop()));
});

type Write = (batch: Batch, position: Position, quarantined: boolean) => Promise<void>;

function writer(by: string): Write {
  return (batch, position, quarantined) =>
    db.transaction(async (tx) => {
      if (!(await advancePosition(tx, position, new Date()))) throw new FenceMissed();
      for (const { offset, value } of batch.records) {
        const text = quarantined ? `quarantined ${value}` : String(value);
        const values = [batch.topic, batch.partition, offset, text, by, quarantined];
        await tx.query('INSERT INTO seen VALUES ($1, $2, $3, $4, $5, $6)', values);
      }
    });
}

async function start(
  by: string,
  write: Write = writer(by),
  more: Partial<StatefulConsumerOptions> = {},
): Promise<RunningConsumer> {
  const consumer = await runStateful({
    kafka: testKafka(),
    registry: new Registry(),
    log,
    clock: systemClock,
    groupId: group,
    topic,
    partitions: PARTITIONS,
    onFatal: (error) => fatal.push(error),
    db,
    owner: by,
    handler: {
      apply: (batch, position) => write(batch, position, false),
      quarantine: (record, _error, position, batch) => write({ ...batch, records: [record] }, position, true),
    },
    ...more,
  });
  running.push(consumer);
  return consumer;
}

interface Seen {
  readonly part: number;
  readonly log_offset: bigint;
  readonly value: string;
  readonly by: string;
  readonly quarantined: boolean;
}

function seen(): Promise<Seen[]> {
  return db.query<Seen>('SELECT * FROM seen WHERE topic = $1 ORDER BY part, log_offset', [topic]);
}

const untilSeen = (count: number) =>
  until(`${count} records seen`, async () => ((await seen()).length >= count ? seen() : false));

const numbered = (from: number, to: number, partition?: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    key: `k${(from + index) % 13}`,
    value: `v${from + index}`,
    eventId: `e${from + index}`,
    ...(partition === undefined ? {} : { partition }),
  }));

const keyOf = (partition: number) => ({ group, topic, partition });

/** Each offset of each partition once, without a gap. */
function expectExactlyOnce(rows: readonly Seen[], total: number): void {
  expect(rows).toHaveLength(total);
  for (const part of [0, 1]) {
    const offsets = rows.filter((row) => row.part === part).map((row) => Number(row.log_offset));
    expect(offsets).toEqual(offsets.map((_, index) => index));
  }
}

test('every record is applied once, in batches of at most 2,000, and the position follows', async () => {
  const sizes: number[] = [];
  const write: Write = async (batch, position, quarantined) => {
    sizes.push(batch.records.length);
    await writer('one')(batch, position, quarantined);
  };
  await produce(kafka, topic, numbered(0, 5_000));
  const consumer = await start('one', write);
  expectExactlyOnce(await untilSeen(5_000), 5_000);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2_000);
  expect(consumer.progress().ok).toBe(true);
  expect(consumer.ready()).toBe(true);
  const positions = await Promise.all([0, 1].map((part) => readPosition(db, keyOf(part))));
  expect(positions.reduce((sum, row) => sum + row!.nextOffset, 0n)).toBe(5_000n);
});

test('a restart continues where the ledger stands, whatever offset Kafka has', async () => {
  await produce(kafka, topic, numbered(0, 300));
  const first = await start('one');
  await untilSeen(300);
  await first.stop();
  running = [];
  const admin = kafka.admin();
  await admin.connect();
  await admin.setOffsets({
    groupId: group,
    topic,
    partitions: [0, 1].map((partition) => ({ partition, offset: '0' })),
  });
  await admin.disconnect();
  await produce(kafka, topic, numbered(300, 400));
  await start('two');
  expectExactlyOnce(await untilSeen(400), 400);
  expect(fatal).toEqual([]);
});

test('Kafka offsets ahead of the ledger lose nothing, even when no new record comes', async () => {
  await produce(kafka, topic, numbered(0, 50, 0));
  const admin = kafka.admin();
  await admin.connect();
  await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '50' }] });
  await admin.disconnect();
  await start('one');
  expectExactlyOnce(await untilSeen(50), 50);
});

describe('fences', () => {
  test('somebody else takes the partition over: the batch in hand writes nothing, the rest is applied once [failure 43]', async () => {
    await produce(kafka, topic, numbered(0, 40, 0));
    let isHeld = true;
    let entered = 0;
    const slow: Write = async (batch, position, quarantined) => {
      entered += 1;
      await until('the other owner has written', () => !isHeld);
      await writer('slow')(batch, position, quarantined);
    };
    await start('slow', slow);
    await until('a batch in hand', () => entered > 0);
    // As a second process would that Kafka gave the partition to, while this one has not heard of it yet.
    const row = await takePosition(db, keyOf(0), 'other', new Date());
    const position = { ...keyOf(0), epoch: row!.epoch, nextOffset: 0n, endOffset: 3n, lastEventId: 'e2' };
    const records = [0, 1, 2].map((n) => ({
      offset: BigInt(n),
      key: 'k',
      value: Buffer.from(`v${n}`),
      headers: {},
      timestamp: new Date(),
    }));
    await writer('other')({ topic, partition: 0, records }, position, false);
    isHeld = false;
    const rows = await untilSeen(40);
    expectExactlyOnce(rows, 40);
    expect(rows.map((one) => one.by)).toEqual([...Array(3).fill('other'), ...Array(37).fill('slow')]);
    // Fenced, then a heartbeat that was answered, then taken over again: the third epoch.
    expect((await readPosition(db, keyOf(0)))!.epoch).toBe(3n);
    expect(fatal).toEqual([]);
  });

  test('two members share the partitions; one that stops leaves them to the other; nothing twice', async () => {
    await produce(kafka, topic, numbered(0, 200));
    await start('one');
    await untilSeen(200);
    const second = await start('two');
    await until('both have one', () => second.ready());
    await produce(kafka, topic, numbered(200, 400));
    await untilSeen(400);
    await second.stop();
    running = running.filter((consumer) => consumer !== second);
    await produce(kafka, topic, numbered(400, 600));
    const rows = await untilSeen(600);
    expectExactlyOnce(rows, 600);
    expect(new Set(rows.map((row) => row.by))).toEqual(new Set(['one', 'two']));
    expect(fatal).toEqual([]);
  });

  test.each([
    ['was committed', true],
    ['was rolled back', false],
  ])('a lost answer to COMMIT: it %s', async (_name, isCommitted) => {
    let isFirst = true;
    const unsure: Write = async (batch, position, quarantined) => {
      const lose = isFirst;
      isFirst = false;
      if (!lose || isCommitted) await writer('one')(batch, position, quarantined);
      if (lose) throw new CommitUnknownError(new Error('connection cut by the test'));
    };
    await produce(kafka, topic, numbered(0, 30));
    await start('one', unsure);
    expectExactlyOnce(await untilSeen(30), 30);
    await produce(kafka, topic, numbered(30, 60));
    expectExactlyOnce(await untilSeen(60), 60);
    expect(fatal).toEqual([]);
  });

  test('a position changed by something unknown ends the process', async () => {
    await produce(kafka, topic, numbered(0, 10, 0));
    await start('one');
    await untilSeen(10);
    await db.query('UPDATE consumer_position SET next_offset = 5 WHERE grp = $1 AND part = 0', [group]);
    await produce(kafka, topic, numbered(10, 12, 0));
    const error = await until('a fatal error', () => fatal[0] ?? false);
    expect(error).toMatchObject({ name: 'Halted', reason: 'position_lost' });
    expect(await seen()).toHaveLength(10);
  });
});

describe('a log that does not fit halts, and nothing is applied', () => {
  async function expectHalt(reason: string): Promise<void> {
    await start('one');
    const error = await until('a fatal error', () => fatal[0] ?? false);
    expect(error).toBeInstanceOf(Halted);
    expect(error).toMatchObject({ reason });
    expect(await seen()).toEqual([]);
  }

  async function setPosition(nextOffset: number, lastEventId: string | null): Promise<void> {
    const values = [group, topic, nextOffset, lastEventId, new Date()];
    await db.query("INSERT INTO consumer_position VALUES ($1, $2, 0, 1, 'test', $3, $4, 0, $5)", values);
  }

  async function deleteBefore(offset: string): Promise<void> {
    const admin = kafka.admin();
    await admin.connect();
    // kafkajs deletes only in topics whose metadata this admin has loaded.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] });
    await admin.disconnect();
  }

  test('the position is above the log (another cluster, a truncated topic)', async () => {
    await produce(kafka, topic, numbered(0, 5, 0));
    await setPosition(6, 'e5');
    await expectHalt('position_outside_log');
  });

  test('the position is below what the log still keeps', async () => {
    await produce(kafka, topic, numbered(0, 20, 0));
    await deleteBefore('10');
    await setPosition(5, 'e4');
    await expectHalt('position_outside_log');
  });

  test('no position yet, and the log no longer starts at 0', async () => {
    await produce(kafka, topic, numbered(0, 20, 0));
    await deleteBefore('10');
    await expectHalt('position_outside_log');
  });

  test('the record before the position is another one: the topic was made anew', async () => {
    await produce(kafka, topic, numbered(0, 20, 0));
    await setPosition(10, 'another');
    await expectHalt('log_replaced');
  });

  test('the topic has another number of partitions than the topology says [failure 72]', async () => {
    await start('one', writer('one'), { partitions: 3 });
    expect(await until('a fatal error', () => fatal[0] ?? false)).toMatchObject({
      reason: 'partitions_changed',
    });
  });

  test('the right record before the position is accepted and not applied again', async () => {
    await produce(kafka, topic, numbered(0, 20, 0));
    await setPosition(10, 'e9');
    await start('one');
    const rows = await untilSeen(10);
    expect(rows.map((row) => row.value)).toEqual(Array.from({ length: 10 }, (_, index) => `v${index + 10}`));
  });
});

test('values that the database refuses are found by halving and set aside; their neighbours are applied [failure 44]', async () => {
  const records = numbered(0, 100, 0).map((record, index) =>
    index === 3 || index === 77 ? { ...record, value: 'poison' } : record,
  );
  await produce(kafka, topic, records);
  await start('one');
  const rows = await untilSeen(100);
  expectExactlyOnce(rows, 100);
  expect(rows.filter((row) => row.quarantined).map((row) => Number(row.log_offset))).toEqual([3, 77]);
  expect((await readPosition(db, keyOf(0)))!.lastEventId).toBe('e99');
});

test('trouble of the infrastructure sets nothing aside: tried again, then the process ends [failure 42]', async () => {
  await produce(kafka, topic, numbered(0, 5, 0));
  let tries = 0;
  const broken: Write = async () => {
    tries += 1;
    throw Object.assign(new Error('disk full'), { code: '53100' });
  };
  await start('one', broken, { retryForMs: 300 });
  const error = await until('a fatal error', () => fatal[0] ?? false);
  expect(error.message).toBe('disk full');
  expect(tries).toBeGreaterThan(2);
  expect(await seen()).toEqual([]);
});

test('a stop does not wait for the end of a trouble', async () => {
  await produce(kafka, topic, numbered(0, 5, 0));
  let tries = 0;
  const broken: Write = async () => {
    tries += 1;
    throw Object.assign(new Error('disk full'), { code: '53100' });
  };
  const consumer = await start('one', broken, { retryForMs: 60_000 });
  await until('some tries', () => tries > 2);
  const started = performance.now();
  await consumer.stop();
  running = [];
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(fatal).toEqual([]);
});

/**
 * The promise of the webhook on real Kafka, registry and PostgreSQL: what was answered 200 is in the topic, also when
 * the gateway is killed; without Kafka 503 in time; without the database webhooks go on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type GatewayRole, startGateway } from '../../../gateway/role.ts';
import { openDatabase } from '../../../ledger/db.ts';
import { applyTopics } from '../../../processors/runtime/admin.ts';
import { systemClock } from '../../../processors/runtime/clock.ts';
import { createLogger } from '../../../processors/runtime/logger.ts';
import { createPortChooser } from '../../../sandbox/ports.ts';
import { answersOk } from '../../../sandbox/probe.ts';
import { until } from '../../../sandbox/wait.ts';
import type { Codec } from '../../../schemas/codec.ts';
import { makeOrderId } from '../../../schemas/order-id.ts';
import { orderMac } from '../../../schemas/order-mac.ts';
import { createRegistry, openCodec } from '../../../schemas/registry.ts';
import { ROLE_NEEDS, readSettings } from '../../../schemas/settings.ts';
import { TOPIC, TOPICS, type TopicName } from '../../../schemas/topology.ts';
import { bodyText, CLIENT, IPN_SECRET, ORDER_SECRET, sign } from '../../unit/gateway/support.ts';
import { type FreshDatabase, freshDatabase } from '../setup/database.ts';
import { freshPrefix, serverSettings } from '../setup/kafka.ts';

const PATH = '/webhooks/nowpayments';
const prefix = freshPrefix();
const log = createLogger({ role: 'test', level: 'silent' });
const stops: (() => Promise<unknown>)[] = [];
let database: FreshDatabase;
let codec: Codec;

beforeAll(async () => {
  database = await freshDatabase();
  const { kafka, registry: url } = inject('servers');
  await applyTopics({
    kafka: { brokers: [kafka], clientId: 'test', log },
    prefix,
    retentionMs: (topic) => TOPICS[topic].retentionMs,
  });
  const registry = createRegistry({ url, prefix });
  await registry.apply();
  codec = await openCodec(registry);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
afterAll(() => database.drop());

function environment(changes: Record<string, string> = {}): Record<string, string> {
  return {
    ...serverSettings(prefix, database.url),
    NOWPAYMENTS_IPN_SECRET: IPN_SECRET,
    ORDER_SECRET: SECRET,
    LEGACY_ORDERS: 'on',
    LISTEN_HOST: '127.0.0.1',
    GATEWAY_PORT: '0',
    ...changes,
  };
}

async function start(changes: Record<string, string> = {}): Promise<GatewayRole> {
  const settings = readSettings(environment(changes), ROLE_NEEDS.gateway, () => '');
  const role = await startGateway(settings, { log, registry: new Registry(), clock: systemClock });
  let stopped: Promise<void> | undefined;
  const once = { ...role, stop: () => (stopped ??= role.stop()) };
  stops.push(once.stop);
  return once;
}

interface Answer {
  readonly status: number;
  readonly ms: number;
}

/** One webhook; status 0 when the connection broke without an answer. */
function send(port: number, raw: string, agent?: Agent): Promise<Answer> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const end = (status: number) => resolve({ status, ms: performance.now() - startedAt });
    const headers = { 'x-nowpayments-sig': sign(raw), 'content-length': Buffer.byteLength(raw) };
    const call = request(
      { host: '127.0.0.1', port, path: PATH, method: 'POST', headers, agent },
      (answer) => {
        answer.resume();
        answer.on('end', () => end(answer.statusCode ?? 0));
        answer.on('error', () => end(0));
      },
    );
    call.on('error', () => end(0));
    call.end(raw);
  });
}

const SECRET = ORDER_SECRET.padEnd(16, '-');
const newOrder = () => makeOrderId({ client: CLIENT, random: randomBytes(10), mac: orderMac(SECRET) });

async function statusOf(port: number, order: string): Promise<[number, string | undefined]> {
  const answer = await fetch(`http://127.0.0.1:${port}/orders/${order}/status`);
  return [answer.status, ((await answer.json()) as { status?: string }).status];
}

const payment = (id: number, order = 'PGP-6271402111|-1002409379260') =>
  bodyText({ payment_id: String(id), order_id: JSON.stringify(order) });

interface Stored {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
}

/** Everything that is in a topic now, read from its start. */
async function contents(topic: TopicName): Promise<Stored[]> {
  const kafka = new Kafka({ brokers: [inject('servers').kafka], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(prefix + topic);
  await admin.disconnect();
  const wanted = offsets.reduce((sum, { high }) => sum + Number(high), 0);
  const stored: Stored[] = [];
  const consumer = kafka.consumer({ groupId: `${prefix}reader-${randomBytes(4).toString('hex')}` });
  await consumer.connect();
  await consumer.subscribe({ topic: prefix + topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
      stored.push({
        key: String(message.key),
        value: message.value ?? Buffer.alloc(0),
        headers: Object.fromEntries(headers),
      });
    },
  });
  expect(await until(() => stored.length >= wanted, 30_000)).toBe(true);
  await consumer.disconnect();
  return stored;
}

async function storedPayments(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { value } of await contents(TOPIC.received)) {
    const { payment_id } = codec.decode(TOPIC.received, value).payment;
    counts.set(payment_id, (counts.get(payment_id) ?? 0) + 1);
  }
  return counts;
}

describe('with everything there', () => {
  it('every 200 of a burst is in the topic, keyed by client; quarantined bodies are in theirs [failures 56, H2]', async () => {
    const { port } = await start();
    const ids = Array.from({ length: 500 }, (_, i) => 1_000_000 + i);
    const bodies = [...ids, ...ids.slice(0, 100)].map((id) => payment(id));
    const answers = await Promise.all([...bodies, '[1]', '{"payment_id":7}'].map((body) => send(port, body)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    const stored = await contents(TOPIC.received);
    const mine = stored.map(({ key, headers, value }) => ({
      key,
      headers,
      value: codec.decode(TOPIC.received, value),
    }));
    expect(mine.length).toBe(600);
    for (const { key, headers, value } of mine) {
      expect(key).toBe(CLIENT);
      expect(headers['event-id']).toBe(value.event_id);
      expect(headers.traceparent).toMatch(/^00-/);
    }
    expect(new Set(mine.map(({ value }) => value.event_id)).size).toBe(500);
    const parked = (await contents(TOPIC.quarantine)).map(({ value }) =>
      codec.decode(TOPIC.quarantine, value),
    );
    expect(parked.map(({ reason }) => reason).sort()).toEqual(['field_missing', 'json_invalid']);
  });

  it('order status from the rows of the ledger', async () => {
    const { port } = await start();
    const order = newOrder();
    expect(await statusOf(port, order)).toEqual([404, undefined]);
    const db = openDatabase({ url: database.url, max: 1, applicationName: 'test' });
    stops.push(() => db.close());
    await db.query(
      'INSERT INTO orders (client_id, order_id, price_usd, created_at) VALUES ($1, $2, 50, $3)',
      [CLIENT, order, new Date()],
    );
    expect(await statusOf(port, order)).toEqual([200, 'pending']);
    await db.query(
      `INSERT INTO payment_status (client_id, provider, payment_id, order_id, status, state, legs, get_confirmed,
         quarantined, partition, incoming, confirmed, receipt_failures, received_id, first_seen_at, updated_at)
       VALUES ($1, 'nowpayments', '1', $2, 'confirming', 'open', 0, false, false, 0, 0, 0, 0, gen_random_uuid(), $3, $3)`,
      [CLIENT, order, new Date()],
    );
    expect(await statusOf(port, order)).toEqual([200, 'confirming']);
    await db.query(`UPDATE payment_status SET status = 'finished', state = 'credited' WHERE order_id = $1`, [
      order,
    ]);
    expect(await statusOf(port, order)).toEqual([200, 'access_granted']);
  });
});

describe('with something away', () => {
  it('96 Kafka: 503 within 2 s, each time [failures 42, 56]', async () => {
    const { port, stop } = await start({ KAFKA_BROKERS: '127.0.0.1:1' });
    const answers = await Promise.all([1, 2, 3].map((id) => send(port, payment(2_000_000 + id))));
    for (const { status, ms } of answers) {
      expect(status).toBe(503);
      expect(ms).toBeLessThan(2_500);
    }
    expect((await send(port, '[2]')).status).toBe(503);
    // Nor does it hold the drain up: a process has 20 s for all of it.
    const startedAt = performance.now();
    await stop();
    expect(performance.now() - startedAt).toBeLessThan(6_000);
  });

  it('97 the database: webhooks are answered 200, the order status 503', async () => {
    const { port } = await start({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    expect((await send(port, payment(3_000_000))).status).toBe(200);
    expect((await statusOf(port, newOrder()))[0]).toBe(503);
  });

  it('the schemas: the start stops and says so [failure 72]', async () => {
    await expect(start({ TOPIC_PREFIX: freshPrefix() })).rejects.toThrow(/schema|register/i);
  });
});

describe('as a process of its own', () => {
  interface Running {
    readonly child: ChildProcess;
    readonly port: number;
  }

  async function startProcess(): Promise<Running> {
    const chooser = createPortChooser();
    const [port, metricsPort] = [await chooser.choose([]), await chooser.choose([])];
    const entry = fileURLToPath(new URL('../../../sandbox/bench/gateway-process.ts', import.meta.url));
    const ports = { GATEWAY_PORT: String(port), METRICS_PORT: String(metricsPort), LOG_LEVEL: 'silent' };
    const child = spawn(process.execPath, [entry, 'durable'], {
      env: { PATH: process.env.PATH ?? '', ...environment(ports) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    stops.push(async () => child.kill('SIGKILL'));
    const answers = () => answersOk(`http://127.0.0.1:${metricsPort}/readyz`).catch(() => false);
    expect(await until(answers, 30_000)).toBe(true);
    return { child, port };
  }

  /** Sends one payment after the other on some connections, until told to stop; returns the ids answered 200. */
  function stream(port: number, firstId: number, connections: number) {
    const answered = new Set<string>();
    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    let next = firstId;
    let isOver = false;
    const lane = async () => {
      while (!isOver) {
        const id = next++;
        const { status } = await send(port, payment(id), agent);
        if (status === 200) answered.add(String(id));
        if (status === 0) return;
      }
    };
    const lanes = Array.from({ length: connections }, lane);
    return {
      answered,
      end: async () => {
        isOver = true;
        await Promise.all(lanes);
        agent.destroy();
      },
    };
  }

  it.each([
    ['SIGKILL', 4_000_000],
    ['SIGTERM', 5_000_000],
  ] as const)('%s under load: every 200 is in the topic', async (signal, firstId) => {
    const { child, port } = await startProcess();
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const load = stream(port, firstId, 20);
    expect(await until(() => load.answered.size >= 300, 30_000, 5)).toBe(true);
    child.kill(signal);
    const code = await exited;
    await load.end();
    if (signal === 'SIGTERM') expect(code).toBe(0);
    const stored = await storedPayments();
    const missing = [...load.answered].filter((id) => !stored.has(id));
    expect(missing).toEqual([]);
  });
});

/** From the 200 of the gateway to the credited event on its topic, at a steady rate, with every role running. */
import type { Kafka } from '../../processors/runtime/kafka.ts';
import type { Codec } from '../../schemas/codec.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { createPortChooser } from '../ports.ts';
import { pause, until } from '../wait.ts';
import { BodyMaker } from './gateway-load.ts';
import { startRoleProcess } from './role-process.ts';

export interface LatencyFigures {
  /** Webhooks a second. */
  readonly rate: number;
  readonly credited: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface LatencyRun {
  readonly env: Readonly<Record<string, string>>;
  readonly kafka: Kafka;
  readonly prefix: string;
  readonly codec: Codec;
}

const SECRETS = { ipn: 'bench-ipn-secret', order: 'bench-order-secret-only' };
const RATE = 200;
const SECONDS = 10;
const TICK_MS = 20;
const SETTLE_MS = 60_000;

export async function measureLatency(run: LatencyRun): Promise<LatencyFigures> {
  const port = await createPortChooser().choose([]);
  const env = {
    ...run.env,
    GATEWAY_PORT: String(port),
    NOWPAYMENTS_IPN_SECRET: SECRETS.ipn,
    ORDER_SECRET: SECRETS.order,
  };
  const roles = [];
  for (const role of ['gateway', 'convert', 'accumulate', 'relay'])
    roles.push(await startRoleProcess(role, env));
  const answeredAt = new Map<string, number>();
  const creditedAt = new Map<string, number>();
  const consumer = await watchCredits(run, (paymentId, at) =>
    creditedAt.set(paymentId, creditedAt.get(paymentId) ?? at),
  );
  try {
    const sent = await sendSteadily(`http://127.0.0.1:${port}/webhooks/nowpayments`, answeredAt);
    await until(
      () => [...answeredAt.keys()].every((id) => creditedAt.has(id)) && answeredAt.size === sent,
      SETTLE_MS,
    );
    const sorted = [...answeredAt]
      .flatMap(([id, at]) => (creditedAt.has(id) ? [Math.max(0, creditedAt.get(id)! - at)] : []))
      .sort((a, b) => a - b);
    const at = (share: number) =>
      Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 10) / 10;
    return { rate: RATE, credited: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) };
  } finally {
    await consumer.disconnect();
    for (const role of roles) await role.stop();
  }
}

/** Calls back per credited event; ready when it stands at the end of the topic. */
async function watchCredits(run: LatencyRun, seen: (paymentId: string, at: number) => void) {
  const consumer = run.kafka.consumer({
    groupId: `${run.prefix}bench-latency`,
    maxWaitTimeInMs: 5,
    readUncommitted: true,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [run.prefix + TOPIC.credited], fromBeginning: false });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      const at = performance.now();
      for (const { value } of batch.messages) seen(run.codec.decode(TOPIC.credited, value!).payment_id, at);
    },
  });
  await joined;
  return consumer;
}

async function sendSteadily(url: string, answeredAt: Map<string, number>): Promise<number> {
  const bodies = new BodyMaker(SECRETS).make(RATE * SECONDS);
  const start = performance.now();
  const pending: Promise<void>[] = [];
  for (const [index, body] of bodies.entries()) {
    const due = start + (index * 1_000) / RATE;
    if (due - performance.now() > TICK_MS) await pause(TICK_MS);
    pending.push(sendOne(url, body, answeredAt));
  }
  await Promise.all(pending);
  return bodies.length;
}

async function sendOne(
  url: string,
  { body, paymentId, signature }: { body: string; paymentId: string; signature: string },
  answeredAt: Map<string, number>,
): Promise<void> {
  const response = await fetch(url, { method: 'POST', body, headers: { 'x-nowpayments-sig': signature } });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`the gateway answered ${response.status}`);
  answeredAt.set(paymentId, performance.now());
}

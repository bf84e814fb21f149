/**
 * The gateway process under load that wants to stop it: genuine webhooks are answered in time, memory stays bounded,
 * and what was acknowledged is in the topic. Bounds are wide: the machine has other work.
 */

import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { applyTopics } from '../../../processors/runtime/admin.ts';
import type { Codec } from '../../../schemas/codec.ts';
import { createRegistry, openCodec } from '../../../schemas/registry.ts';
import { TOPICS } from '../../../schemas/topology.ts';
import { bodyText, IPN_SECRET, ORDER_SECRET, sign } from '../../unit/gateway/support.ts';
import { log } from '../runtime/support.ts';
import { freshPrefix, serverSettings } from '../setup/kafka.ts';
import {
  type Answer,
  type GatewayProcess,
  hostileLoad,
  type LoadReport,
  send,
  startGatewayProcess,
  storedPayments,
} from './edge-support.ts';

const prefix = freshPrefix();
const MIB = 1 << 20;
/** What Node takes for itself under load, and 2,000 bodies; it does not grow with the length of a flood. */
const MORE_MEMORY = 600 * MIB;
let gateway: GatewayProcess;
let codec: Codec;
/** Resident memory before any load, bytes. */
let atRest: number;
/** Everything answered 200 in this file. */
const acknowledged = new Set<string>();

beforeAll(async () => {
  const { kafka, registry: url } = inject('servers');
  const retentionMs = (topic: keyof typeof TOPICS) => TOPICS[topic].retentionMs;
  await applyTopics({ kafka: { brokers: [kafka], clientId: 'test', log }, prefix, retentionMs });
  const registry = createRegistry({ url, prefix });
  await registry.apply();
  codec = await openCodec(registry);
  gateway = await startGatewayProcess({
    // The webhook path needs no database; here it has none.
    ...serverSettings(prefix, 'postgres://nobody@127.0.0.1:1/none'),
    NOWPAYMENTS_IPN_SECRET: IPN_SECRET,
    ORDER_SECRET,
  });
  for (let warmUp = 0; warmUp < 50; warmUp++) await genuine();
  atRest = await gateway.memory();
});
afterAll(async () => {
  expect(await gateway?.stop()).toBe(0);
});

let lastId = 6_000_000_000;

interface Delivered {
  readonly id: string;
  readonly first: Answer;
  readonly tries: number;
  readonly isDone: boolean;
}

/** One payment of the provider, which tries again when it is not answered 200. */
async function genuine(agent?: Agent): Promise<Delivered> {
  const id = String(++lastId);
  const raw = bodyText({ payment_id: id });
  let first: Answer | undefined;
  for (let tries = 1; ; tries++) {
    const answer = await send(gateway.port, raw, sign(raw), agent);
    first ??= answer;
    if (answer.status === 200) acknowledged.add(id);
    if (answer.status === 200 || tries === 5) return { id, first, tries, isDone: answer.status === 200 };
    await pause(200);
  }
}

interface Observed {
  readonly delivered: readonly Delivered[];
  readonly report: LoadReport;
  readonly before: number;
  readonly most: number;
}

/** Genuine webhooks and the memory of the gateway while something else is going on. */
async function during(load: Promise<LoadReport>): Promise<Observed> {
  const before = await gateway.memory();
  let [most, isOver] = [before, false];
  const delivered: Delivered[] = [];
  const stream = async () => {
    while (!isOver) {
      delivered.push(await genuine());
      await pause(50);
    }
  };
  const watch = async () => {
    while (!isOver) {
      most = Math.max(most, await gateway.memory());
      await pause(250);
    }
  };
  const others = [stream(), watch()];
  const report = await load.finally(() => {
    isOver = true;
  });
  await Promise.all(others);
  return { delivered, report, before, most };
}

/** Answered 200, nine of ten at once and within 2 s; the rest when the provider tries again. */
function expectAnswered({ delivered }: Pick<Observed, 'delivered'>): void {
  expect(delivered.length).toBeGreaterThan(5);
  expect(delivered.filter(({ isDone }) => !isDone)).toEqual([]);
  const inTime = delivered.filter(({ first }) => first.status === 200 && first.ms < 2_000);
  expect(inTime.length / delivered.length).toBeGreaterThan(0.9);
}

function note(name: string, { delivered, report, before, most }: Observed): void {
  const times = delivered.map(({ first }) => first.ms).sort((a, b) => a - b);
  const p99 = times[Math.floor(times.length * 0.99)] ?? 0;
  const memory = `${Math.round(before / MIB)} -> ${Math.round(most / MIB)} MiB`;
  console.log(
    `${name}: ${JSON.stringify(report)}; genuine ${times.length}, p99 ${Math.round(p99)} ms; ${memory}`,
  );
}

describe('the gateway process', () => {
  it('93 3,000 sockets that never finish a request', async () => {
    const seen = await during(hostileLoad('slow', gateway.port, 8, 3_000));
    note('slow', seen);
    expect(seen.report.opened).toBeGreaterThanOrEqual(3_000);
    // More bodies than there are places: the oldest had to go.
    expect(seen.report.statuses['503']).toBeGreaterThan(0);
    expectAnswered(seen);
    expect(seen.most - atRest).toBeLessThan(MORE_MEMORY);
  });

  it('92 unsigned webhooks as fast as the machine makes them', async () => {
    const seen = await during(hostileLoad('unsigned', gateway.port, 6, 50));
    note('unsigned', seen);
    expect(Object.keys(seen.report.statuses)).toEqual(['401']);
    expect(seen.report.statuses['401']).toBeGreaterThan(500);
    expectAnswered(seen);
    expect(seen.most - atRest).toBeLessThan(MORE_MEMORY);
  });

  it('92 forged webhooks, the dearest bodies among them', async () => {
    const seen = await during(hostileLoad('forged', gateway.port, 6, 50));
    note('forged', seen);
    expect(Object.keys(seen.report.statuses)).toEqual(['401']);
    expectAnswered(seen);
    expect(seen.most - atRest).toBeLessThan(MORE_MEMORY);
  });

  it('95 a burst of 50 times the rate: every answer is 200 or 503, and nothing acknowledged is missing', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 400 });
    const burst = await Promise.all(Array.from({ length: 3_000 }, () => genuine(agent)));
    agent.destroy();
    const firsts = new Set(burst.map(({ first }) => first.status));
    for (const status of firsts) expect([200, 503]).toContain(status);
    expect(burst.filter(({ isDone }) => !isDone)).toEqual([]);
    expect((await gateway.memory()) - atRest).toBeLessThan(MORE_MEMORY);
  });

  it('all that was answered 200 is in the topic', async () => {
    const stored = await storedPayments(prefix, codec);
    expect(acknowledged.size).toBeGreaterThan(3_000);
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
  });

  it('and the flood filled no log', () => {
    const forged = gateway.output().match(/without a valid signature/g) ?? [];
    expect(forged.length).toBeLessThan(20);
  });
});

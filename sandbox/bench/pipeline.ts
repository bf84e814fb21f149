/**
 * `bench pipeline`: payments a second through convert, accumulate and relay, each alone on a filled topic, with CPU per
 * record, against a bare insert of the same run; then webhook answered -> credited at a steady rate.
 */
import Table from 'cli-table3';
import { Registry } from 'prom-client';
import { type Database, openDatabase } from '../../ledger/db.ts';
import { createKafka, type Kafka } from '../../processors/runtime/kafka.ts';
import { kafkaOptions } from '../../processors/runtime/kafka-settings.ts';
import { createLogger } from '../../processors/runtime/logger.ts';
import { openSchemas } from '../../processors/runtime/parts.ts';
import { createPublisher } from '../../processors/runtime/publisher.ts';
import { readSettings } from '../../schemas/settings.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { runOwnCommand } from '../programs.ts';
import { until } from '../wait.ts';
import type { Benchmark } from './benchmark.ts';
import { bareInsertRate, benchClients, prepareLedger, receivedRecord } from './pipeline-data.ts';
import { type LatencyFigures, measureLatency } from './pipeline-latency.ts';
import { startRoleProcess } from './role-process.ts';
import { startBenchServers } from './servers.ts';

interface StageFigures {
  readonly recordsPerSecond: number;
  /** CPU time of the role's process per record, microseconds. */
  readonly cpuMicros: number;
}

export interface PipelineResult {
  readonly name: 'pipeline';
  readonly payments: number;
  readonly clients: number;
  readonly convert: StageFigures;
  readonly accumulate: StageFigures;
  readonly relay: StageFigures;
  /** Rows a second of the bare insert, and accumulate as a share of it. */
  readonly bareInsertPerSecond: number;
  readonly ratio: number;
  readonly latency: LatencyFigures;
}

const PAYMENTS = 60_000;
/** As many as the load of the gateway benchmark names. */
const CLIENTS = 1_000;
const STAGE_LIMIT_MS = 180_000;

interface Bench {
  readonly env: Readonly<Record<string, string>>;
  readonly db: Database;
  readonly kafka: Kafka;
  readonly prefix: string;
}

/** @throws when a stage does not finish in three minutes */
async function run(note: (text: string) => void): Promise<PipelineResult> {
  const servers = await startBenchServers(note);
  try {
    await runOwnCommand(['migrate', 'up'], servers.env);
    const needs = ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'DATABASE_URL'] as const;
    const settings = readSettings(servers.env, needs, () => '');
    const log = createLogger({ role: 'bench', level: 'silent' });
    const { codec } = await openSchemas(settings);
    const db = openDatabase({
      url: settings.DATABASE_URL,
      max: 3,
      applicationName: 'spillway-bench',
      statementTimeoutMs: 60_000,
    });
    const kafka = createKafka(kafkaOptions(settings, 'spillway-bench', log));
    const bench = { env: servers.env, db, kafka, prefix: settings.TOPIC_PREFIX };
    try {
      const clients = benchClients(CLIENTS);
      note(`registering ${CLIENTS} clients, filling ${PAYMENTS} payments`);
      await prepareLedger(db, codec, clients);
      const publisher = createPublisher({ kafka, registry: new Registry(), log, maxQueued: PAYMENTS + 1 });
      const topic = settings.TOPIC_PREFIX + TOPIC.received;
      const records = Array.from({ length: PAYMENTS }, (_, n) =>
        receivedRecord(codec, topic, clients[n % CLIENTS]!, n),
      );
      await publisher.publish(records);
      await publisher.close();
      const bareInsertPerSecond = await bareInsertRate(db, 20_000);
      const convert = await stage(bench, 'convert', note, () => endOf(bench, TOPIC.valued));
      const accumulate = await stage(bench, 'accumulate', note, () => applied(bench));
      const relay = await stage(bench, 'relay', note, () => endOf(bench, TOPIC.credited));
      note('measuring latency at a steady rate');
      const latency = await measureLatency({ ...bench, codec });
      return {
        name: 'pipeline',
        payments: PAYMENTS,
        clients: CLIENTS,
        convert,
        accumulate,
        relay,
        bareInsertPerSecond: Math.round(bareInsertPerSecond),
        ratio: Math.round((accumulate.recordsPerSecond / bareInsertPerSecond) * 100) / 100,
        latency,
      };
    } finally {
      await db.close();
    }
  } finally {
    await servers.stop();
  }
}

/** Runs one role over what waits for it; timed from its first progress, so that its start does not count. */
async function stage(
  bench: Bench,
  role: string,
  note: (text: string) => void,
  done: () => Promise<number>,
): Promise<StageFigures> {
  note(`measuring ${role}`);
  const process = await startRoleProcess(role, bench.env);
  try {
    const cpuBefore = await process.cpuSeconds();
    const first = { at: performance.now(), count: await done() };
    const finished = await until(async () => (await done()) >= PAYMENTS, STAGE_LIMIT_MS, 20);
    if (!finished) throw new Error(`${role} processed ${await done()} of ${PAYMENTS} in time`);
    const seconds = (performance.now() - first.at) / 1_000;
    const records = PAYMENTS - first.count;
    if (records < PAYMENTS / 4)
      throw new Error(`${role} was done before it could be measured; raise the number of payments`);
    const cpu = (await process.cpuSeconds()) - cpuBefore;
    return { recordsPerSecond: Math.round(records / seconds), cpuMicros: Math.round((cpu / records) * 1e6) };
  } finally {
    await process.stop();
  }
}

/** Records of a topic. */
async function endOf(bench: Bench, topic: typeof TOPIC.valued | typeof TOPIC.credited): Promise<number> {
  const admin = bench.kafka.admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(bench.prefix + topic);
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.disconnect();
  }
}

async function applied(bench: Bench): Promise<number> {
  const [row] = await bench.db.query<{ n: string }>(
    'SELECT coalesce(sum(next_offset), 0)::text AS n FROM consumer_position WHERE grp = $1',
    [`${bench.prefix}accumulate`],
  );
  return Number(row!.n);
}

function show(result: PipelineResult): string {
  const table = new Table({
    head: ['stage', 'payments/s', 'CPU us/payment'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const name of ['convert', 'accumulate', 'relay'] as const) {
    table.push([name, String(result[name].recordsPerSecond), String(result[name].cpuMicros)]);
  }
  table.push(
    ['bare insert (yardstick)', String(result.bareInsertPerSecond), ''],
    ['accumulate / bare insert', result.ratio.toFixed(2), ''],
  );
  const { rate, p50Ms, p99Ms, credited } = result.latency;
  return `${table.toString()}\nwebhook answered -> credited event at ${rate}/s: p50 ${p50Ms} ms, p99 ${p99Ms} ms (${credited} payments)`;
}

export const benchmark: Benchmark<PipelineResult> = { run, show };

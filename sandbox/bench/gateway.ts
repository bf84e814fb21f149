/**
 * `bench gateway`: webhooks per second, latency and CPU of the real gateway process, against the same server without
 * Kafka, in alternating rounds of one run. The ratio is the finding; absolute numbers belong to the machine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createPortChooser } from '../ports.ts';
import { answersOk } from '../probe.ts';
import { until } from '../wait.ts';
import type { Benchmark } from './benchmark.ts';
import { BodyMaker, type LoadResult, sendLoad } from './gateway-load.ts';
import type { GatewayBenchResult, GatewayFigures } from './gateway-result.ts';
import { gatewayTable } from './gateway-table.ts';
import { BENCH_CWD, startBenchServers } from './servers.ts';

export interface GatewayBenchOptions {
  readonly connections?: number;
  readonly rounds?: number;
  /** Of one measured round. */
  readonly seconds?: number;
  readonly note?: (text: string) => void;
}

const SECRETS = { ipn: 'bench-ipn-secret', order: 'bench-order-secret-only' };
const WARM_UP_SECONDS = 2;
/** More than one round answers on any machine of today, so that payment ids do not repeat within it. */
const BODIES = 80_000;

/** @throws when a gateway does not get ready, or the servers can't be started */
export async function runGatewayBench(options: GatewayBenchOptions = {}): Promise<GatewayBenchResult> {
  const { connections = 64, rounds = 3, seconds = 4, note = () => undefined } = options;
  const servers = await startBenchServers(note);
  const started: BenchGateway[] = [];
  try {
    const chooser = createPortChooser();
    for (const mode of ['verify', 'durable'] as const) {
      started.push(await startProcess(mode, servers.env, chooser));
    }
    const [verify, durable] = started as [BenchGateway, BenchGateway];
    const bodies = new BodyMaker(SECRETS);
    const load = { connections, seconds: WARM_UP_SECONDS };
    note('warming up');
    for (const gateway of started) await measure(gateway, bodies, load);
    const taken: Record<'verify' | 'durable', Round[]> = { verify: [], durable: [] };
    for (let round = 1; round <= rounds; round++) {
      note(`round ${round} of ${rounds}`);
      taken.verify.push(await measure(verify, bodies, { connections, seconds }));
      taken.durable.push(await measure(durable, bodies, { connections, seconds }));
    }
    return summary({ connections, rounds, seconds }, figures(taken.durable), figures(taken.verify));
  } finally {
    for (const gateway of started) await gateway.stop();
    await servers.stop();
  }
}

interface BenchGateway {
  readonly url: string;
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

async function startProcess(
  mode: 'verify' | 'durable',
  env: Readonly<Record<string, string>>,
  chooser: ReturnType<typeof createPortChooser>,
): Promise<BenchGateway> {
  const port = await chooser.choose([]);
  const metricsPort = await chooser.choose([]);
  const entry = fileURLToPath(new URL('./gateway-process.ts', import.meta.url));
  const child = spawn(process.execPath, [entry, mode], {
    cwd: BENCH_CWD,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...env,
      NOWPAYMENTS_IPN_SECRET: SECRETS.ipn,
      ORDER_SECRET: SECRETS.order,
      LISTEN_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      METRICS_PORT: String(metricsPort),
      LOG_LEVEL: 'error',
    },
  });
  const metrics = `http://127.0.0.1:${metricsPort}`;
  const stop = () => stopChild(child);
  // Nobody listens at first, which the probe reports by throwing.
  const answers = () => answersOk(`${metrics}/readyz`).catch(() => false);
  const isReady = await until(() => child.exitCode !== null || answers(), 30_000);
  if (!isReady || child.exitCode !== null) {
    await stop();
    throw new Error(`the ${mode} gateway did not get ready; run it by hand: node ${entry} ${mode}`);
  }
  return { url: `http://127.0.0.1:${port}`, cpuSeconds: () => cpuSecondsOf(metrics), stop };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await ended;
  clearTimeout(limit);
}

async function cpuSecondsOf(metrics: string): Promise<number> {
  const text = await (await fetch(`${metrics}/metrics`)).text();
  const match = /^process_cpu_seconds_total(?:\{[^}]*\})? (\S+)/m.exec(text);
  if (!match) throw new Error(`no process_cpu_seconds_total at ${metrics}/metrics`);
  return Number(match[1]);
}

interface Round extends LoadResult {
  readonly cpuSeconds: number;
}

async function measure(
  gateway: BenchGateway,
  maker: BodyMaker,
  load: { readonly connections: number; readonly seconds: number },
): Promise<Round> {
  const bodies = maker.make(BODIES);
  const before = await gateway.cpuSeconds();
  const result = await sendLoad({ url: gateway.url, bodies, ...load });
  return { ...result, cpuSeconds: (await gateway.cpuSeconds()) - before };
}

function figures(rounds: readonly Round[]): GatewayFigures {
  return {
    requestsPerSecond: Math.round(median(rounds.map((round) => round.answered / round.seconds))),
    p50Ms: median(rounds.map((round) => round.p50Ms)),
    p99Ms: median(rounds.map((round) => round.p99Ms)),
    cpuMicros: Math.round(median(rounds.map((round) => (round.cpuSeconds * 1e6) / round.answered))),
    failed: rounds.reduce((sum, round) => sum + round.failed, 0),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function summary(
  run: { connections: number; rounds: number; seconds: number },
  durable: GatewayFigures,
  verifyOnly: GatewayFigures,
): GatewayBenchResult {
  const ratio = (part: number, whole: number) => Math.round((part / whole) * 100) / 100;
  return {
    name: 'gateway',
    ...run,
    durable,
    verifyOnly,
    ratio: {
      requestsPerSecond: ratio(durable.requestsPerSecond, verifyOnly.requestsPerSecond),
      p99: ratio(durable.p99Ms, verifyOnly.p99Ms),
      cpu: ratio(durable.cpuMicros, verifyOnly.cpuMicros),
    },
  };
}

export const benchmark: Benchmark<GatewayBenchResult> = {
  run: (note) => runGatewayBench({ note }),
  show: gatewayTable,
};

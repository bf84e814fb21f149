/** The gateway as `spillway run gateway`, the webhooks of a provider that tries again, and what the topic holds. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { WEBHOOK_PATH } from '../../../gateway/webhook.ts';
import { readTopic } from '../../../processors/runtime/read-topic.ts';
import { createPortChooser } from '../../../sandbox/ports.ts';
import { answersOk } from '../../../sandbox/probe.ts';
import type { Codec } from '../../../schemas/codec.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { freshName, testKafka, until } from '../runtime/support.ts';

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));

export interface GatewayProcess {
  readonly port: number;
  readonly metricsPort: number;
  /** Everything it wrote to standard output and standard error. */
  output(): string;
  metrics(): Promise<string>;
  /** Resident memory, bytes. */
  memory(): Promise<number>;
  /** SIGTERM, and its exit code; SIGKILL when it does not drain. */
  stop(): Promise<number | null>;
}

function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, args, {
    cwd: CHECKOUT,
    env: { PATH: process.env.PATH ?? '', NODE_OPTIONS: process.env.NODE_OPTIONS ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const keep = (data: Buffer) => {
    text += data.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return { child, output: () => text };
}

/** Ready when it returns. @throws with its output when it does not get there */
export async function startGatewayProcess(env: Readonly<Record<string, string>>): Promise<GatewayProcess> {
  const chooser = createPortChooser();
  const [port, metricsPort] = [await chooser.choose([]), await chooser.choose([])];
  const { child, output } = start(['bin/spillway.ts', 'run', 'gateway'], {
    LISTEN_HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    GATEWAY_PORT: String(port),
    METRICS_PORT: String(metricsPort),
    ...env,
  });
  const isReady = () => answersOk(`http://127.0.0.1:${metricsPort}/readyz`).catch(() => false);
  await until('the gateway is ready or gone', async () => child.exitCode !== null || (await isReady()));
  if (child.exitCode !== null) throw new Error(`the gateway did not start:\n${output()}`);
  const metrics = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return {
    port,
    metricsPort,
    output,
    metrics,
    memory: async () => Number(/^process_resident_memory_bytes\S* (\S+)/m.exec(await metrics())?.[1]),
    stop: () => stopped(child),
  };
}

async function stopped(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), 25_000);
  const [code] = (await ended) as [number | null];
  clearTimeout(limit);
  return code;
}

/** Runs `spillway run gateway` where it must not start. @returns exit code and output */
export async function failedStart(env: Readonly<Record<string, string>>) {
  const { child, output } = start(['bin/spillway.ts', 'run', 'gateway'], env);
  const [code] = (await once(child, 'close')) as [number];
  return { code, output: output() };
}

export interface LoadReport {
  readonly opened: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** Hostile load from a process of its own; resolves when its time is over. */
export async function hostileLoad(
  mode: string,
  port: number,
  seconds: number,
  sockets: number,
): Promise<LoadReport> {
  const args = [mode, port, seconds, sockets].map(String);
  const { child, output } = start(['test/fixtures/edge/load-main.ts', ...args], {});
  await once(child, 'close');
  return JSON.parse(output()) as LoadReport;
}

export interface Answer {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly body: string;
  readonly ms: number;
}

export function send(
  port: number,
  raw: string | Buffer,
  signature: string | undefined,
  agent?: Agent,
): Promise<Answer> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const end = (status: number, body: string) =>
      resolve({ status, body, ms: performance.now() - startedAt });
    const headers = {
      ...(signature === undefined ? {} : { 'x-nowpayments-sig': signature }),
      'content-length': Buffer.byteLength(raw),
    };
    const options = { host: '127.0.0.1', port, path: WEBHOOK_PATH, method: 'POST', headers, agent };
    const call = request(options, (answer) => {
      let body = '';
      answer.on('data', (data) => {
        body += String(data);
      });
      answer.on('end', () => end(answer.statusCode ?? 0, body));
      answer.on('error', () => end(0, body));
    });
    call.on('error', () => end(0, ''));
    call.end(raw);
  });
}

/** Payment ids in payments.received, with how often each stands there. */
export async function storedPayments(prefix: string, codec: Codec): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  await readTopic({
    kafka: testKafka(),
    topic: prefix + TOPIC.received,
    groupId: freshName('edge'),
    onBatch: (_partition, records) => {
      for (const { value } of records) {
        const { payment_id } = codec.decode(TOPIC.received, value!).payment;
        counts.set(payment_id, (counts.get(payment_id) ?? 0) + 1);
      }
    },
  });
  return counts;
}

/** Secrets of the gateway process: none is ever written anywhere, and they can be changed without losing a webhook. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { applyTopics } from '../../../processors/runtime/admin.ts';
import { remove } from '../../../sandbox/files.ts';
import { createRegistry } from '../../../schemas/registry.ts';
import { TOPICS } from '../../../schemas/topology.ts';
import { BODY_CASES } from '../../fixtures/bad-inputs/catalogue.ts';
import { SEQUENCE_CASES } from '../../fixtures/bad-inputs/sequences.ts';
import { WIRE_CASES } from '../../fixtures/bad-inputs/wire.ts';
import {
  bodyText,
  IPN_SECRET,
  ORDER,
  ORDER_SECRET,
  PREVIOUS_SECRET,
  sign,
} from '../../unit/gateway/support.ts';
import { log } from '../runtime/support.ts';
import { freshPrefix, serverSettings } from '../setup/kafka.ts';
import { failedStart, type GatewayProcess, send, startGatewayProcess } from './edge-support.ts';

const prefix = freshPrefix();
const folder = mkdtempSync(join(tmpdir(), 'spillway-secrets-'));
const running: GatewayProcess[] = [];

const API_KEY = 'api-key-canary-8f31';
const DATABASE_PASSWORD = 'database-canary-0b77';

beforeAll(async () => {
  const { kafka, registry: url } = inject('servers');
  const retentionMs = (topic: keyof typeof TOPICS) => TOPICS[topic].retentionMs;
  await applyTopics({ kafka: { brokers: [kafka], clientId: 'test', log }, prefix, retentionMs });
  await createRegistry({ url, prefix }).apply();
});
afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.stop();
});
afterAll(() => remove(folder));

function environment(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    ...serverSettings(prefix, `postgres://spillway:${DATABASE_PASSWORD}@127.0.0.1:1/none`),
    NOWPAYMENTS_API_KEY: API_KEY,
    ORDER_SECRET,
    ...changes,
  };
}

async function start(changes: Readonly<Record<string, string>>): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(environment(changes));
  running.push(gateway);
  return gateway;
}

/** The answer to bytes on a connection of their own; what is late is not waited for. */
function answerTo(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (data) => {
      text += data.toString('latin1');
      socket.end();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

describe('99 no secret is ever written [failure 114]', () => {
  it('in a log, a metric or an answer, whatever comes in', async () => {
    const gateway = await start({
      LOG_LEVEL: 'trace',
      LEGACY_ORDERS: 'on',
      NOWPAYMENTS_IPN_SECRET: IPN_SECRET,
      NOWPAYMENTS_IPN_SECRET_PREVIOUS: PREVIOUS_SECRET,
    });
    const { port } = gateway;
    const signatures = new Set<string>();
    let answers = '';
    const tell = async (raw: string | Buffer, signature: string | undefined) => {
      // What is no header value never leaves a client; the rows of the wire send such bytes.
      const isHeader = signature === undefined || /^[\x20-\x7e]+$/.test(signature);
      if (!isHeader || raw.length > 65_536) return;
      if (signature !== undefined && /^[0-9a-f]{128}$/i.test(signature)) signatures.add(signature);
      answers += (await send(port, raw, signature)).body;
    };
    for (const row of BODY_CASES) {
      await tell(row.raw, 'signature' in row ? (row.signature as string | undefined) : sign(row.raw));
      await tell(row.raw, sign(row.raw, 'wrong'));
    }
    for (const { bodies } of SEQUENCE_CASES)
      for (const raw of bodies(ORDER).slice(0, 3)) await tell(raw, sign(raw));
    for (const { bytes } of WIRE_CASES) answers += await answerTo(port, bytes);
    for (const path of [
      `/orders/${ORDER}/status`,
      '/orders/x/status',
      '/livez',
      '/readyz',
      '/version',
      '/nothing',
    ]) {
      answers += await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    }
    const metrics =
      (await gateway.metrics()) + (await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    expect(await gateway.stop()).toBe(0);
    expect(metrics).toContain('spillway_gateway_requests_total');
    expect(gateway.output()).toContain('drained');
    expect(answers).toContain('quarantined');
    const everything = answers + metrics + gateway.output();
    const canaries = [IPN_SECRET, PREVIOUS_SECRET, ORDER_SECRET, API_KEY, DATABASE_PASSWORD, ...signatures];
    expect(signatures.size).toBeGreaterThan(100);
    expect(canaries.filter((canary) => everything.includes(canary))).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    [
      'given twice',
      { NOWPAYMENTS_IPN_SECRET: IPN_SECRET, NOWPAYMENTS_IPN_SECRET_FILE: join(folder, 'none') },
    ],
    ['beside a setting that is wrong', { NOWPAYMENTS_IPN_SECRET: IPN_SECRET, GATEWAY_PORT: 'many' }],
    ['under a misspelt name', { NOWPAYMENTS_IPN_SECRT: IPN_SECRET }],
  ])('when the start fails: %s', async (_name, changes) => {
    const { code, output } = await failedStart(environment(changes));
    expect(code).not.toBe(0);
    expect(output).toMatch(/NOWPAYMENTS_IPN_SECRE?T|GATEWAY_PORT/);
    const canaries = [IPN_SECRET, ORDER_SECRET, API_KEY, DATABASE_PASSWORD];
    expect(canaries.filter((canary) => output.includes(canary))).toEqual([]);
  });
});

describe('27 the IPN secret is changed', () => {
  const raw = bodyText();
  const [old, young] = ['the-old-ipn-secret', 'the-young-ipn-secret'];
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, `${text}\n`);
    return path;
  };
  const answered = async ({ port }: GatewayProcess) => [
    (await send(port, raw, sign(raw, old))).status,
    (await send(port, raw, sign(raw, young))).status,
  ];

  it('with an overlap: both are good, then only the new one; files are read at the start', async () => {
    const current = file('current', old);
    const before = await start({ NOWPAYMENTS_IPN_SECRET_FILE: current });
    expect(await answered(before)).toEqual([200, 401]);
    file('current', young);
    const previous = file('previous', old);
    // A running process keeps what it read: a half-written rotation can refuse nothing.
    expect(await answered(before)).toEqual([200, 401]);

    const during = await start({
      NOWPAYMENTS_IPN_SECRET_FILE: current,
      NOWPAYMENTS_IPN_SECRET_PREVIOUS_FILE: previous,
    });
    expect(await answered(during)).toEqual([200, 200]);
    expect(await before.stop()).toBe(0);
    expect(await answered(during)).toEqual([200, 200]);
    expect(await during.metrics()).toMatch(
      /spillway_gateway_signatures_total\{[^}]*secret="previous"[^}]*\} 2/,
    );

    const after = await start({ NOWPAYMENTS_IPN_SECRET_FILE: current });
    expect(await answered(after)).toEqual([401, 200]);
  });
});

/** One supervised child: start failures tell why, a stubborn child is killed, crashes are answered with back-off. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readIfThere, remove } from '../../../sandbox/files.ts';
import { isAlive } from '../../../sandbox/identity.ts';
import { createService, type ServiceSpec } from '../../../sandbox/process.ts';
import type { ServiceState } from '../../../sandbox/state.ts';
import { until } from '../../../sandbox/wait.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-process-'));
});
afterEach(() => remove(folder));

function spec(script: string, more: Partial<ServiceSpec> = {}): ServiceSpec {
  const log = join(folder, 'child.log');
  return {
    name: 'child',
    kind: 'server',
    command: process.execPath,
    args: ['-e', script],
    cwd: folder,
    env: {},
    log,
    url: null,
    isReady: async () => readIfThere(log)?.includes('up') ?? false,
    startLimit_ms: 10_000,
    stopSignal: 'SIGTERM',
    grace_ms: 500,
    startRetries: 0,
    ...more,
  };
}

const STAY = 'console.log("up"); setInterval(() => {}, 1000)';

test('a child that ends before it is ready fails the start with its last log line', async () => {
  const service = createService(spec('console.error("no such thing"); process.exit(3)'), () => undefined);
  await expect(service.start()).rejects.toThrow(/ended before it was ready \(exit code 3\).*no such thing/);
  expect(service.state().status).toBe('stopped');
});

test('a command that does not exist fails the start', async () => {
  const service = createService(spec('', { command: join(folder, 'absent') }), () => undefined);
  await expect(service.start()).rejects.toThrow(/ENOENT/);
});

test('a child that is not ready in time fails the start', async () => {
  const service = createService(spec('setInterval(() => {}, 1000)', { startLimit_ms: 300 }), () => undefined);
  await expect(service.start()).rejects.toThrow(/was not ready after 0.3 s/);
  await service.stop();
});

test('a child that ignores its stop signal is killed after the grace time', async () => {
  const service = createService(spec(`process.on("SIGTERM", () => {}); ${STAY}`), () => undefined);
  await service.start();
  const { process: identity } = service.state();
  await service.stop();
  expect(isAlive(identity!)).toBe(false);
  expect(service.state().status).toBe('stopped');
});

test('a crashed child is started again, a stopped one is not', async () => {
  const seen: ServiceState[] = [];
  const service = createService(spec(STAY), (state) => seen.push(state));
  await service.start();
  const first = service.state().process!;
  service.kill('SIGKILL');
  expect(await until(() => service.state().restarts === 1 && service.state().process !== null, 5_000)).toBe(
    true,
  );
  expect(service.state().process!.pid).not.toBe(first.pid);
  await service.stop();
  expect(service.state()).toMatchObject({ status: 'stopped', process: null });
  expect(seen.map((state) => state.status)).toContain('restarting');
});

test('each start may have settings of its own, and a restart need not wait', async () => {
  const starts: string[] = [];
  const script = `console.log("start " + process.env.NUMBER); ${STAY}`;
  const envOfStart = () => {
    starts.push(String(starts.length + 1));
    return { NUMBER: starts.at(-1)! };
  };
  const service = createService(spec(script, { envOfStart, restartAfter_ms: 0 }), () => undefined);
  await service.start();
  for (const restarts of [1, 2, 3]) {
    service.kill('SIGKILL');
    const isBack = () => service.state().restarts === restarts && service.state().process !== null;
    // With back-off the third would begin after 3.5 s.
    expect(await until(isBack, 3_000)).toBe(true);
  }
  expect(await until(() => (readIfThere(join(folder, 'child.log')) ?? '').includes('start 4'), 5_000)).toBe(
    true,
  );
  expect(starts).toEqual(['1', '2', '3', '4']);
  await service.stop();
});

test('a role may crash at its start as often as it may be retried', async () => {
  const counter = join(folder, 'count');
  writeFileSync(counter, '');
  const script = `
    const fs = require('node:fs');
    fs.appendFileSync(${JSON.stringify(counter)}, 'x');
    if (fs.readFileSync(${JSON.stringify(counter)}, 'utf8').length < 3) process.exit(1);
    ${STAY}`;
  const service = createService(spec(script, { startRetries: 3 }), () => undefined);
  await service.start();
  expect(service.state()).toMatchObject({ status: 'ready', restarts: 2 });
  await service.stop();
});

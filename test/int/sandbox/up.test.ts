/** The commands as a person runs them: up, up again, a crash, a killed supervisor, down, reset. */
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../../../sandbox/command.ts';
import { remove } from '../../../sandbox/files.ts';
import { homeLayout } from '../../../sandbox/home.ts';
import { isAlive } from '../../../sandbox/identity.ts';
import { CHECKOUT, ownPaths, readAddresses } from '../../../sandbox/instance.ts';
import { answersOk } from '../../../sandbox/probe.ts';
import { readState, type ServiceState } from '../../../sandbox/state.ts';
import { until } from '../../../sandbox/wait.ts';

const ENTRY = join(CHECKOUT, 'bin', 'spillway.ts');
const { home: own, cache } = ownPaths();
const home = `${own}-test-up-${randomBytes(4).toString('hex')}`;
const layout = homeLayout(home);

async function spillway(...args: string[]) {
  const env = { ...process.env, SPILLWAY_HOME: home, SPILLWAY_CACHE: cache };
  return runCommand(process.execPath, [ENTRY, ...args], { env, limit_ms: 120_000 });
}

const services = (): readonly ServiceState[] => readState(layout.state)?.services ?? [];
const role = (name: string) => services().find((service) => service.name === name);

beforeAll(async () => {
  const result = await spillway('up', '--detach');
  expect(result, result.output).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await spillway('down');
  remove(home);
});

test('everything is ready at the first try and stack.json says where', async () => {
  expect(services().map(({ name, status, restarts }) => ({ name, status, restarts }))).toEqual(
    services().map(({ name }) => ({ name, status: 'ready', restarts: 0 })),
  );
  const addresses = readAddresses(home)!;
  for (const { metrics } of Object.values(addresses.roles)) {
    expect(await answersOk(metrics.replace(/metrics$/, 'readyz'))).toBe(true);
  }
  expect(await answersOk(`${addresses.gateway}/readyz`)).toBe(true);
  expect(Object.keys(addresses.simulators).sort()).toEqual(['changenow', 'nowpayments', 'prices']);
});

test('secrets are private and not in stack.json', () => {
  expect(statSync(layout.secrets).mode & 0o777).toBe(0o600);
  expect(statSync(layout.settings).mode & 0o777).toBe(0o600);
  expect(JSON.stringify(readAddresses(home))).not.toMatch(/secret|key/i);
});

test('a second up changes nothing and prints the addresses', async () => {
  const before = services();
  const { code, output } = await spillway('up');
  expect(code).toBe(0);
  expect(output).toContain('already running');
  expect(output).toContain(readAddresses(home)!.gateway);
  expect(services()).toEqual(before);
});

test('a killed role comes back with another pid, which stack.json shows', async () => {
  const before = role('convert')!;
  process.kill(before.process!.pid, 'SIGKILL');
  const isBack = () => role('convert')!.restarts > before.restarts && role('convert')!.status === 'ready';
  expect(await until(isBack, 60_000)).toBe(true);
  const after = role('convert')!.process!;
  expect(after.pid).not.toBe(before.process!.pid);
  expect(readAddresses(home)!.roles.convert!.pid).toBe(after.pid);
});

test('after a kill -9 of up itself the next up cleans up and keeps data and addresses', async () => {
  const left = services().map((service) => service.process!);
  const { kafka, database } = readAddresses(home)!;
  const { supervisor } = readState(layout.state)!;
  process.kill(supervisor.pid, 'SIGKILL');
  expect(await until(() => !isAlive(supervisor), 10_000)).toBe(true);
  expect(left.every(isAlive)).toBe(true);
  const result = await spillway('up', '--detach');
  expect(result, result.output).toMatchObject({ code: 0 });
  expect(left.some(isAlive)).toBe(false);
  expect(readAddresses(home)).toMatchObject({ kafka, database });
  expect(existsSync(join(layout.data, 'gas-booked'))).toBe(true);
});

test('reset stops everything and clears the data', async () => {
  const running = services().map((service) => service.process!);
  const { code, output } = await spillway('reset');
  expect(code, output).toBe(0);
  expect(running.some(isAlive)).toBe(false);
  expect(existsSync(layout.data)).toBe(false);
  expect(existsSync(layout.stack)).toBe(false);
});

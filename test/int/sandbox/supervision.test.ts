/** What the supervisor promises when processes die: children are restarted, a killed supervisor leaves nothing behind. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { down } from '../../../sandbox/down.ts';
import { remove } from '../../../sandbox/files.ts';
import { isAlive } from '../../../sandbox/identity.ts';
import { ownPaths } from '../../../sandbox/instance.ts';
import { jsonRpc } from '../../../sandbox/probe.ts';
import { AlreadyRunning, type Stack, startStack } from '../../../sandbox/stack.ts';
import type { ServiceState } from '../../../sandbox/state.ts';
import { until } from '../../../sandbox/wait.ts';

let home: string;

beforeEach(() => {
  home = `${ownPaths().home}-test-${randomBytes(4).toString('hex')}`;
});

afterEach(async () => {
  await down(home);
  remove(home);
});

const start = () => startStack({ home, only: ['postgres', 'chain'] });

async function sql(stack: Stack, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: stack.addresses.database });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function hold(): Promise<{ killed: () => Promise<void>; services: ServiceState[] }> {
  const script = fileURLToPath(new URL('./hold-stack.ts', import.meta.url));
  const child = spawn(process.execPath, [script, home], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  // A signal only asks for the end; the kernel takes its time on a busy machine.
  const killed = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  return { killed, services: JSON.parse(line.toString('utf8')) as ServiceState[] };
}

test('after a kill -9 of the supervisor the next start stops what was left and keeps the data', async () => {
  const first = await start();
  await sql(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const receiver = '0x00000000000000000000000000000000000000aa';
  const [sender] = (await jsonRpc(first.addresses.chain, 'eth_accounts', [])) as string[];
  await jsonRpc(first.addresses.chain, 'eth_sendTransaction', [
    { from: sender, to: receiver, value: '0x2a' },
  ]);
  const balance = (stack: Stack) => jsonRpc(stack.addresses.chain, 'eth_getBalance', [receiver, 'latest']);
  expect(await until(async () => (await balance(first)) === '0x2a', 5_000)).toBe(true);
  await first.stop();

  const held = await hold();
  const left = held.services.map((service) => service.process!);
  await held.killed();
  expect(left.every(isAlive)).toBe(true);

  const second = await start();
  expect(left.some(isAlive)).toBe(false);
  expect(await sql(second, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  expect(await balance(second)).toBe('0x2a');
  await second.stop();
});

test('a second supervisor of the same home is refused while the first lives', async () => {
  const stack = await start();
  await expect(start()).rejects.toThrow(AlreadyRunning);
  expect(stack.services().map((service) => service.status)).toEqual(['ready', 'ready']);
  await stack.stop();
});

test('a crashed server is started again with its data, and the restart is counted', async () => {
  const stack = await start();
  await sql(stack, 'CREATE TABLE kept AS SELECT 42 AS answer');
  stack.kill('postgres', 'SIGKILL');
  const back = () => stack.service('postgres').restarts === 1 && stack.service('postgres').status === 'ready';
  expect(await until(back, 30_000)).toBe(true);
  expect(stack.service('postgres').lastExit).toBe('signal SIGKILL');
  expect(await sql(stack, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  await stack.stop();
});

test('addresses stay the same from one run to the next', async () => {
  const first = await start();
  const { database, chain } = first.addresses;
  await first.stop();
  const second = await start();
  expect(second.addresses).toMatchObject({ database, chain });
  await second.stop();
});

test('down from another process stops the supervisor and everything under it', async () => {
  const held = await hold();
  const stopped = await down(home);
  expect(stopped.sort()).toEqual(['chain', 'postgres']);
  expect(held.services.some((service) => isAlive(service.process!))).toBe(false);
});

/** What outlives a supervisor: process identities, the lock, secrets, the state file. */
import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseEnv, readIfThere, remove } from '../../../sandbox/files.ts';
import { identify, isAlive, stopProcess } from '../../../sandbox/identity.ts';
import { lockOwner, takeLock } from '../../../sandbox/lock.ts';
import { developmentSecrets } from '../../../sandbox/secrets.ts';
import { readState } from '../../../sandbox/state.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-records-'));
});
afterEach(() => remove(folder));

test('a process is known by pid and start time', async () => {
  const me = identify(process.pid)!;
  expect(isAlive(me)).toBe(true);
  const namesake = { pid: me.pid, started: `${me.started}0` };
  expect(isAlive(namesake)).toBe(false);
  // The pid is ours: had it been signalled, this test would have ended here.
  expect(await stopProcess(namesake, 'SIGKILL', 0)).toBe('absent');
  expect(identify(2 ** 22 + 1)).toBeNull();
});

test('a lock is held once, released, and taken over from the dead', () => {
  const path = join(folder, 'lock');
  const first = takeLock(path);
  expect(first.held).toBe(true);
  expect(takeLock(path)).toMatchObject({ held: false, owner: { pid: process.pid } });
  expect(lockOwner(path)?.pid).toBe(process.pid);
  if (first.held) first.release();
  expect(lockOwner(path)).toBeNull();
  writeFileSync(path, JSON.stringify({ pid: process.pid, started: 'another life' }));
  expect(lockOwner(path)).toBeNull();
  expect(takeLock(path).held).toBe(true);
});

test('secrets are made once, private, each of its own form', () => {
  const path = join(folder, 'dev.env');
  const made = developmentSecrets(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(made.HOST_WALLET_KEY).toMatch(/^0x[0-9a-f]{64}$/);
  expect(made.ORDER_SECRET!.length).toBeGreaterThanOrEqual(32);
  expect(developmentSecrets(path)).toEqual(made);
});

test('a secret that a person wrote into dev.env is kept, what is missing is added', () => {
  const path = join(folder, 'dev.env');
  writeFileSync(path, '# mine\nORDER_SECRET=chosen=by=hand\n');
  expect(developmentSecrets(path).ORDER_SECRET).toBe('chosen=by=hand');
  expect(parseEnv(readIfThere(path)!)).toHaveProperty('HOST_WALLET_KEY');
});

test('a broken state file stops with its name instead of being taken for "nothing runs"', () => {
  const path = join(folder, 'state.json');
  expect(readState(path)).toBeNull();
  writeFileSync(path, '{"supervisor":');
  expect(() => readState(path)).toThrow(/state\.json is not JSON/);
});

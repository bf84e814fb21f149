/** Where an instance lives. */
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { remove } from '../../../sandbox/files.ts';
import { chooseHome, makeHome } from '../../../sandbox/home.ts';

const input = { env: {}, checkout: '/srv/code', isRoot: false, userHome: '/home/ann' };

test('a normal user has it under the own data folder, outside the checkout', () => {
  const { home, cache } = chooseHome(input);
  expect(home).toMatch(/^\/home\/ann\/\.local\/share\/spillway\/[0-9a-f]{12}$/);
  expect(cache).toBe('/home/ann/.local/share/spillway/cache');
});

test('XDG_DATA_HOME moves it', () => {
  expect(chooseHome({ ...input, env: { XDG_DATA_HOME: '/data' } }).cache).toBe('/data/spillway/cache');
});

test('root has it where the PostgreSQL user can pass', () => {
  expect(chooseHome({ ...input, isRoot: true, userHome: '/root' }).home).toMatch(/^\/var\/lib\/spillway\//);
});

test('two checkouts are two instances that share the downloads', () => {
  const one = chooseHome(input);
  const other = chooseHome({ ...input, checkout: '/srv/other' });
  expect(other.home).not.toBe(one.home);
  expect(other.cache).toBe(one.cache);
});

test('SPILLWAY_HOME and SPILLWAY_CACHE win; blanks count as not set', () => {
  const env = { SPILLWAY_HOME: ' /big/disk ', SPILLWAY_CACHE: '/big/cache' };
  expect(chooseHome({ ...input, env })).toEqual({ home: '/big/disk', cache: '/big/cache' });
  expect(chooseHome({ ...input, env: { SPILLWAY_HOME: ' ' } })).toEqual(chooseHome(input));
});

test('as root, a folder that others cannot pass is refused with the folder and the setting', () => {
  const base = mkdtempSync(join(tmpdir(), 'spillway-home-'));
  const closed = join(base, 'closed');
  mkdirSync(closed);
  chmodSync(base, 0o755);
  chmodSync(closed, 0o700);
  expect(() => makeHome(join(closed, 'home'), true)).toThrow(/cannot pass .*closed; set SPILLWAY_HOME/);
  expect(() => makeHome(join(closed, 'home'), false)).not.toThrow();
  remove(base);
});

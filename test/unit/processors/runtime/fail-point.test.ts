/** Fail points: declared and called one to one, off unless armed on the development chain, deadly when armed. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import {
  armFailPoint,
  FAIL_POINT_NAMES,
  FAIL_POINTS,
  failPoint,
  markOf,
  pointsOf,
  readFailPoint,
} from '../../../../processors/runtime/fail-point.ts';
import { ROLE_NAMES } from '../../../../schemas/topology.ts';
import { allFiles, readText } from '../../source-tree.ts';

const DEVELOPMENT = 31_337;
const OWN = 'processors/runtime/fail-point.ts';

describe('the table of fail points', () => {
  const product = allFiles().filter(
    (path) => /^(gateway|processors|ledger|providers|bin|sandbox)\/.*\.ts$/.test(path) && path !== OWN,
  );
  const calls = product.flatMap((path) =>
    [...readText(path).matchAll(/\bfailPoint\(([^)]*)\)/g)].map((found) => found[1]!),
  );

  it('has every call, each point is called in exactly one place', () => {
    expect(calls.toSorted()).toEqual(FAIL_POINT_NAMES.map((name) => `'${name}'`).toSorted());
  });

  it('says of each point whose it is and what has happened', () => {
    for (const { roles, after } of Object.values(FAIL_POINTS)) {
      expect(roles.length).toBeGreaterThan(0);
      expect(new Set(roles).size).toBe(roles.length);
      expect(after.length).toBeGreaterThan(10);
    }
  });

  it.each(ROLE_NAMES)('has points of %s, one of them in its drain', (role) => {
    expect(pointsOf(role).length).toBeGreaterThan(3);
    expect(pointsOf(role)).toContain('drain.begun');
  });
});

describe('arming', () => {
  afterEach(() => armFailPoint(undefined, 'relay', undefined));

  it('reads point, pass and action', () => {
    expect(readFailPoint('relay.read:3')).toEqual({ point: 'relay.read', pass: 3, action: 'kill' });
    expect(readFailPoint('relay.read:1:stop')).toMatchObject({ action: 'stop' });
  });

  it.each([
    'relay.read',
    'relay.read:0',
    'relay.read:x',
    'relay.nowhere:1',
    'relay.read:1:maim',
    'a:1:stop:1',
  ])('refuses %s', (text) => {
    expect(() => readFailPoint(text)).toThrow(/^FAIL_POINT is `point:pass`/);
  });

  it.each([1, 11_155_111, undefined])('refuses to be armed on chain %s', (chain) => {
    expect(() => armFailPoint('relay.read:1', 'relay', chain)).toThrow('FAIL_POINT is for tests');
    failPoint('relay.read');
  });

  it('refuses a point of another role', () => {
    expect(() => armFailPoint('payout.sign:1', 'relay', DEVELOPMENT)).toThrow('FAIL_POINT is');
    expect(() => armFailPoint('transfer.signed:1', 'relay', DEVELOPMENT)).toThrow(
      'is no fail point of relay',
    );
  });

  it('does nothing when off, or when another point is armed', () => {
    failPoint('relay.read');
    armFailPoint('relay.read:1', 'relay', DEVELOPMENT);
    failPoint('relay.deleted');
  });
});

describe('an armed process', () => {
  const module = fileURLToPath(new URL('../../../../processors/runtime/fail-point.ts', import.meta.url));

  it('says where it is and dies by SIGKILL at that pass, with no handler run', () => {
    const code = `
      const { armFailPoint, failPoint } = await import(${JSON.stringify(module)});
      armFailPoint('relay.published:2', 'relay', ${DEVELOPMENT});
      process.on('exit', () => console.log('a handler ran'));
      failPoint('relay.published'); console.log('first');
      failPoint('relay.read'); console.log('other');
      failPoint('relay.published'); console.log('never');`;
    const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      encoding: 'utf8',
    });
    expect(signal).toBe('SIGKILL');
    expect(stdout).toBe('first\nother\n');
    expect(stderr).toContain(`${markOf({ point: 'relay.published', pass: 2, action: 'kill' })}\n`);
  });
});

describe('docs/chaos.md', () => {
  const file = new URL('../../../../docs/chaos.md', import.meta.url);
  const block = /(<!-- fail points -->\n)([\s\S]*?)(\n<!-- end -->)/;

  it('has the table of fail points', () => {
    const rows = FAIL_POINT_NAMES.map(
      (name) => `| \`${name}\` | ${FAIL_POINTS[name].roles.join(', ')} | ${FAIL_POINTS[name].after} |`,
    );
    const table = ['| point | roles | what has happened just before |', '|---|---|---|', ...rows].join('\n');
    const page = readFileSync(file, 'utf8');
    expect(page).toMatch(block);
    const updated = page.replace(block, (_all, before, _old, after) => before + table + after);
    if (process.env.UPDATE_DOCS === '1') writeFileSync(file, updated);
    else expect(page).toBe(updated);
  });
});

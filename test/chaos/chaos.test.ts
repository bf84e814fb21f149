/**
 * The short form of the chaos run, judged: it runs as a program of its own, which stops its servers itself on Ctrl-C,
 * when it fails, and when this process is gone.
 */
import { fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIfThere, remove } from '../../sandbox/files.ts';
import { CHECKOUT } from '../../sandbox/instance.ts';
import type { ResultFile } from './result-file.ts';
import { PAIRS } from './tally.ts';

let folder: string;
let code: number | null;
let result: ResultFile;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-chaos-'));
  const file = join(folder, 'result.json');
  const seed = process.env.CHAOS_SEED;
  const args = ['--result', file, ...(seed === undefined ? [] : ['--seed', seed])];
  const child = fork(join(CHECKOUT, 'test', 'chaos', 'main.ts'), args, { cwd: CHECKOUT, stdio: 'inherit' });
  code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const text = readIfThere(file);
  if (text === null) throw new Error(`the chaos run ended with ${code} before it had a result`);
  result = JSON.parse(text) as ResultFile;
});
afterAll(() => remove(folder));

describe('under payments that never end', () => {
  it.each(PAIRS)('$role is killed at $point', ({ role, point }) => {
    const found = result.kills.find((one) => one.role === role && one.point === point);
    expect(found?.kills ?? 0, `kills of ${role} at ${point}, seed ${result.seed}`).toBeGreaterThan(0);
  });

  it('an owner of partitions frozen past its session comes back and is refused', () => {
    expect(result.faults).toHaveProperty('accumulate frozen past its time and woken');
  });

  it('a worker frozen past its leases comes back and is refused', () => {
    expect(result.faults).toHaveProperty('payout frozen past its time and woken');
  });

  it.each(['kafka', 'postgres'])('%s is killed -9 and payments are credited again', (server) => {
    expect(result.faults).toHaveProperty(`${server} killed -9`);
  });
});

describe('at rest afterwards', () => {
  it('everything was looked at: invariants, books, answers, chain, provider, every client', () => {
    expect(result.rests).toBeGreaterThan(0);
    expect(result.checks).toBeGreaterThan(result.payments);
    expect(result.payoutsPaid).toBeGreaterThan(10);
  });

  it('nothing acknowledged is missing, nothing was paid twice, every account balances', () => {
    expect(result.violations).toEqual([]);
    expect(code).toBe(0);
  });
});

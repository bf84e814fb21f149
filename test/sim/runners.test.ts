/** Worker processes: the same seed gives the same trace in each, and one that dies takes nothing with it but its run. */
import { afterAll, describe, expect, it } from 'vitest';
import type { FaultName } from './faults.ts';
import { Runner } from './runners.ts';

const [processes, local] = [Runner.processes(2), Runner.local()];

afterAll(() => Promise.all([processes.close(), local.close()]));

describe('runners', () => {
  it('give the same trace for the same seed in every process, whatever ran there before', {
    timeout: 300_000,
  }, async () => {
    const [one, other] = await Promise.all([processes.run({ seed: '5' }), processes.run({ seed: '6' })]);
    // Both processes at once, the other way round or not, and this one.
    const again = await Promise.all([
      processes.run({ seed: '5' }),
      processes.run({ seed: '5' }),
      local.run({ seed: '5' }),
    ]);
    expect(one.problems).toEqual([]);
    for (const result of again) expect(result).toEqual(one);
    expect(other.hash).not.toBe(one.hash);
  });

  it('give the same trace when the faults of a seed are named', { timeout: 120_000 }, async () => {
    const chosen = await local.run({ seed: '6' });
    const named = await local.run({ seed: '6', faults: chosen.faults });
    expect(named.hash).toBe(chosen.hash);
  });

  it('report the run of a process that died, and go on', { timeout: 120_000 }, async () => {
    const dead = await processes.run({ seed: '7', faults: ['no such fault' as FaultName] });
    expect(dead.seed).toBe('7');
    expect(dead.problems[0]).toBe('the process that ran it is gone: exit code 1');
    expect(dead.problems.join('\n')).toContain('TypeError');
    expect((await processes.run({ seed: '7', faults: [] })).problems).toEqual([]);
  });
});

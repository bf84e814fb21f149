/** Leaving faults out until every one that is left is needed. */
import { describe, expect, it } from 'vitest';
import { FAULT_NAMES, type FaultName } from './faults.ts';
import { shrink } from './shrink.ts';

function needing(...needed: readonly FaultName[]) {
  return async (faults: readonly FaultName[]): Promise<boolean> =>
    needed.every((name) => faults.includes(name));
}

describe('shrinking a list of faults', () => {
  it.each([['crash'], ['crash payments'], ['stall reorg zombie rates']])(
    'finds %s among all',
    async (names) => {
      const needed = names.split(' ') as FaultName[];
      const found = await shrink(FAULT_NAMES, needing(...needed), 200);
      expect([...found.faults].sort()).toEqual([...needed].sort());
    },
  );

  it('finds that no fault is needed with one rerun', async () => {
    expect(await shrink(FAULT_NAMES, needing(), 200)).toEqual({ faults: [], reruns: 1 });
  });

  it('ends when its reruns are used up, with a list that still fails', async () => {
    const fails = needing('crash', 'payments');
    const { faults, reruns } = await shrink(FAULT_NAMES, fails, 5);
    expect(reruns).toBe(5);
    expect(await fails(faults)).toBe(true);
  });

  it('leaves a list alone of which everything is needed', async () => {
    expect((await shrink(['crash', 'stall'], needing('crash', 'stall'), 200)).faults).toEqual([
      'crash',
      'stall',
    ]);
  });
});

/** Repeating what the infrastructure interrupted. */
import { describe, expect, test, vi } from 'vitest';
import { retry } from '../../../../processors/runtime/retry.ts';

describe('retry', () => {
  test('goes on until it works', async () => {
    let calls = 0;
    const work = async () => {
      calls += 1;
      if (calls < 3) throw new Error('down');
      return calls;
    };
    expect(await retry(work, { isFinal: () => false })).toBe(3);
  });

  test('throws a final error at once', async () => {
    const work = vi.fn(async () => {
      throw new RangeError('final');
    });
    await expect(retry(work, { isFinal: (error) => error instanceof RangeError })).rejects.toThrow('final');
    expect(work).toHaveBeenCalledTimes(1);
  });

  test('gives up after its time, with the last error', async () => {
    let calls = 0;
    const work = async () => {
      calls += 1;
      throw new Error(`try ${calls}`);
    };
    await expect(retry(work, { isFinal: () => false, forMs: 120 })).rejects.toThrow(/try [23]/);
  });

  test('stops when aborted, with the reason', async () => {
    const control = new AbortController();
    const work = async () => {
      control.abort(new Error('rebalance'));
      throw new Error('down');
    };
    await expect(retry(work, { isFinal: () => false, signal: control.signal })).rejects.toThrow('rebalance');
  });
});

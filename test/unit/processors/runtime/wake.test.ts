/** Sleeping loops: a wake is never lost. */
import { expect, test, vi } from 'vitest';
import { Wake } from '../../../../processors/runtime/wake.ts';

test('a wake during work is remembered for the next wait, once', async () => {
  vi.useFakeTimers();
  try {
    const wake = new Wake();
    wake.wake();
    wake.wake();
    await wake.wait(60_000);
    let isBack = false;
    const second = wake.wait(1_000).then(() => {
      isBack = true;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(isBack).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await second;
    expect(isBack).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test('a wake ends a wait early', async () => {
  const wake = new Wake();
  const waiting = wake.wait(60_000);
  wake.wake();
  await waiting;
});

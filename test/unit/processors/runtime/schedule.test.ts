/** When intents run again: the pace of engine.md, and that nothing is ever dropped. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  GIVE_UP_MS,
  type IntentProgress,
  type Next,
  nextAfter,
  PARKED_LOOK_MS,
  type ProviderFailure,
  pollDelayMs,
  RETRY_MS,
  settle,
} from '../../../../processors/runtime/schedule.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const fresh: IntentProgress = { attempt: 0, polls: 0, firstFailedAt: null, parkedAt: null };
const plus = (ms: number) => new Date(NOW.getTime() + ms);

describe('polls', () => {
  test('begin at 5 s and grow to 60 s [failure 50]', () => {
    expect(pollDelayMs(0)).toBe(5_000);
    expect([1, 2, 3, 4, 5, 6].map(pollDelayMs)).toEqual([7_500, 11_250, 16_875, 25_313, 37_969, 56_953]);
    expect(pollDelayMs(7)).toBe(60_000);
    expect(pollDelayMs(10_000)).toBe(60_000);
  });

  test('are no failure: they end a streak and never park', () => {
    const failing = { ...fresh, attempt: 9, firstFailedAt: plus(-GIVE_UP_MS * 2) };
    const next = settle(failing, { pollAt: 'soon' }, NOW);
    expect(next).toMatchObject({
      state: 'due',
      attempt: 0,
      firstFailedAt: null,
      polls: 1,
      dueAt: plus(5_000),
    });
  });

  test('start over on request, and keep an exact time', () => {
    const old = { ...fresh, polls: 50 };
    expect(settle(old, { pollAt: 'soon', startOver: true }, NOW)).toMatchObject({
      polls: 1,
      dueAt: plus(5_000),
    });
    expect(settle(old, { pollAt: plus(77) }, NOW)).toMatchObject({ polls: 50, dueAt: plus(77) });
    expect(settle(old, { pollAt: plus(-77) }, NOW).dueAt).toEqual(NOW);
  });
});

describe('failures', () => {
  test('are tried every 60 s for 24 h, then parked [failure 57]', () => {
    let intent = fresh;
    let now = NOW;
    let tries = 0;
    for (;;) {
      const next = settle(intent, { retry: 'down' }, now);
      tries += 1;
      intent = next;
      if (next.state === 'parked') break;
      expect(next.dueAt.getTime() - now.getTime()).toBe(RETRY_MS);
      now = next.dueAt;
    }
    expect(tries).toBe(24 * 60 + 1);
    expect(intent).toMatchObject({ parkedAt: now, lastError: 'down', firstFailedAt: NOW });
  });

  test('a permanent error parks at once, others do not [failure 57]', () => {
    const failure: ProviderFailure = { kind: 'permanent', code: 'not_valid_address', message: 'no' };
    const next = nextAfter(failure);
    expect(settle(fresh, next, NOW, failure)).toMatchObject({
      state: 'parked',
      parkedAt: NOW,
      lastErrorClass: 'permanent',
      lastError: 'not_valid_address: no',
    });
    expect(nextAfter({ ...failure, kind: 'transient' })).toHaveProperty('retry');
    expect(nextAfter({ ...failure, kind: 'unknown_outcome' })).toHaveProperty('retry');
  });

  test('a provider may ask for more time, up to an hour', () => {
    const wait = (retryAfterMs: number) =>
      settle(fresh, { retry: 'x' }, NOW, { kind: 'transient', code: 'c', message: 'm', retryAfterMs }).dueAt;
    expect(wait(1_000)).toEqual(plus(RETRY_MS));
    expect(wait(300_000)).toEqual(plus(300_000));
    expect(wait(1e12)).toEqual(plus(PARKED_LOOK_MS));
  });
});

const date = fc.integer({ min: -2 * GIVE_UP_MS, max: 0 }).map(plus);
const progress: fc.Arbitrary<IntentProgress> = fc.record({
  attempt: fc.nat(2_000),
  polls: fc.nat(2_000),
  firstFailedAt: fc.option(date),
  parkedAt: fc.option(date),
});
const anyNext: fc.Arbitrary<Next> = fc.oneof(
  fc.constant<Next>({ done: true }),
  fc.record({ pollAt: fc.oneof(fc.constant<'soon'>('soon'), date), startOver: fc.boolean() }),
  fc.record({ retry: fc.string() }),
  fc.record({ park: fc.string() }),
);

test('property: an intent is done, or due again within an hour and not before now [failures 30, 51]', () => {
  fc.assert(
    fc.property(progress, anyNext, (intent, next) => {
      const settled = settle(intent, next, NOW);
      if ('done' in next) {
        expect(settled.state).toBe('done');
        return;
      }
      const delay = settled.dueAt.getTime() - NOW.getTime();
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(PARKED_LOOK_MS);
    }),
  );
});

test('property: what is parked stays parked until it is done, at the time it was first parked', () => {
  const parked = progress.filter((intent) => intent.parkedAt !== null);
  fc.assert(
    fc.property(parked, anyNext, (intent, next) => {
      const settled = settle(intent, next, NOW);
      if ('done' in next) expect(settled.parkedAt).toBeNull();
      else
        expect(settled).toMatchObject({
          state: 'parked',
          parkedAt: intent.parkedAt,
          dueAt: plus(PARKED_LOOK_MS),
        });
    }),
  );
});

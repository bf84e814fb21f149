/** The outside call of an intent: every way it can end is an outcome, and none is guessed to be harmless. */
import { describe, expect, test } from 'vitest';
import { type EffectKind, performCall, toFailure } from '../../../../processors/runtime/intent-steps.ts';
import { ProviderError } from '../../../../providers/error.ts';

function kindThat(perform: EffectKind<string, string>['perform']): EffectKind<string, string> {
  return {
    kind: 'test',
    plan: async () => ({ next: { done: true } }),
    perform,
    apply: async () => ({ done: true }),
  };
}

describe('performCall', () => {
  test('passes the result on', async () => {
    const kind = kindThat(async (call) => `${call}!`);
    expect(await performCall(kind, 'hello')).toEqual({ ok: 'hello!' });
  });

  test('a call past its deadline is aborted, and its outcome unknown', async () => {
    let reason: unknown;
    const kind = kindThat(
      (_call, signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
          });
        }),
    );
    const outcome = await performCall(kind, 'x', 10);
    expect(outcome).toEqual({
      error: { kind: 'unknown_outcome', code: 'deadline', message: 'no answer within 10 ms' },
    });
    expect(reason).toBeInstanceOf(Error);
  });

  test('an error of our own says nothing about the effect', async () => {
    const kind = kindThat(async () => {
      throw new TypeError('undefined is not a function');
    });
    expect(await performCall(kind, 'x')).toMatchObject({
      error: { kind: 'unknown_outcome', code: 'unexpected' },
    });
  });
});

test('failures of providers keep their kind, code and wish', () => {
  const error = new ProviderError('slow down', {
    provider: 'p',
    kind: 'transient',
    code: 'rate',
    retryAfterMs: 90,
  });
  expect(toFailure(error)).toEqual({
    kind: 'transient',
    code: 'rate',
    message: 'p: slow down',
    retryAfterMs: 90,
  });
  expect(toFailure('nonsense')).toMatchObject({ kind: 'unknown_outcome', message: 'nonsense' });
  expect(toFailure(undefined)).toMatchObject({ kind: 'unknown_outcome' });
});

/** The decisions about a place in the log: examples of engine.md, and that nothing is ever skipped. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  admit,
  compareLast,
  decideTakeover,
  explainFence,
  mayStartAtZero,
} from '../../../../processors/runtime/takeover.ts';

const offset = fc.bigInt({ min: 0n, max: 1_000n });

describe('takeover', () => {
  test.each([
    ['below the log', { nextOffset: 4n, lastEventId: 'a' }, { start: 5n, end: 9n }],
    ['above the log', { nextOffset: 10n, lastEventId: 'a' }, { start: 5n, end: 9n }],
    ['an emptied log', { nextOffset: 3n, lastEventId: 'a' }, { start: 0n, end: 0n }],
  ])('halts when the position is %s', (_name, row, log) => {
    expect(decideTakeover(row, log)).toMatchObject({ kind: 'halt', reason: 'position_outside_log' });
  });

  test('reads the record before the position, to prove the log, while it is kept', () => {
    const row = { nextOffset: 7n, lastEventId: 'e6' };
    expect(decideTakeover(row, { start: 0n, end: 9n })).toEqual({
      kind: 'resume',
      seek: 6n,
      verify: { offset: 6n, eventId: 'e6' },
    });
    expect(decideTakeover(row, { start: 7n, end: 9n })).toEqual({ kind: 'resume', seek: 7n, verify: null });
  });

  test('at the very start, and after a record without an id, there is nothing to prove', () => {
    const start = { nextOffset: 0n, lastEventId: null };
    expect(decideTakeover(start, { start: 0n, end: 0n })).toEqual({ kind: 'resume', seek: 0n, verify: null });
    const anonymous = { nextOffset: 5n, lastEventId: null };
    expect(decideTakeover(anonymous, { start: 0n, end: 9n })).toEqual({
      kind: 'resume',
      seek: 5n,
      verify: null,
    });
  });

  test('property: resumes exactly when the position is inside the log, never after it', () => {
    fc.assert(
      fc.property(offset, offset, offset, fc.boolean(), (nextOffset, a, b, named) => {
        const log = a < b ? { start: a, end: b } : { start: b, end: a };
        const decision = decideTakeover({ nextOffset, lastEventId: named ? 'e' : null }, log);
        const isInside = log.start <= nextOffset && nextOffset <= log.end;
        expect(decision.kind).toBe(isInside ? 'resume' : 'halt');
        if (decision.kind === 'resume') {
          expect(decision.seek).toBeLessThanOrEqual(nextOffset);
          expect(decision.seek).toBeGreaterThanOrEqual(log.start);
        }
      }),
    );
  });

  test('a group without a position starts only where nothing is missing', () => {
    expect(mayStartAtZero({ start: 0n, end: 5n })).toBe(true);
    expect(mayStartAtZero({ start: 1n, end: 5n })).toBe(false);
  });
});

describe('the record applied last', () => {
  const expected = { offset: 6n, eventId: 'e6' };
  test.each([
    ['the same record', { offset: 6n, eventId: 'e6' }, 'same'],
    ['another event at its offset', { offset: 6n, eventId: 'x' }, 'replaced'],
    ['a record without an id at its offset', { offset: 6n, eventId: null }, 'replaced'],
    ['a lower offset than asked for', { offset: 2n, eventId: 'e6' }, 'replaced'],
    ['a later record', { offset: 7n, eventId: 'e7' }, 'not kept'],
  ] as const)('%s', (_name, first, answer) => {
    expect(compareLast(expected, first)).toBe(answer);
  });
});

describe('admission', () => {
  test('skips what was applied, halts on a gap at the start or inside', () => {
    expect(admit(5n, [3n, 4n, 5n, 6n])).toEqual({ kind: 'admit', skip: 2 });
    expect(admit(5n, [3n, 4n])).toEqual({ kind: 'below' });
    expect(admit(5n, [6n, 7n])).toMatchObject({ kind: 'gap' });
    expect(admit(5n, [5n, 7n])).toMatchObject({ kind: 'gap' });
  });

  test('property: what is admitted continues the position without a gap and loses nothing', () => {
    const run = fc.record({ from: offset, count: fc.integer({ min: 1, max: 30 }) });
    fc.assert(
      fc.property(
        offset,
        run,
        fc.option(fc.nat(29), { nil: undefined }),
        (position, { from, count }, hole) => {
          const all = Array.from({ length: count }, (_, index) => from + BigInt(index));
          const offsets = all.filter((_, index) => index !== hole);
          const admission = admit(position, offsets);
          const rest = offsets.filter((one) => one >= position);
          const isDense = rest.every((one, index) => one === position + BigInt(index));
          if (rest.length === 0) expect(admission.kind).toBe('below');
          else if (isDense) expect(admission).toEqual({ kind: 'admit', skip: offsets.length - rest.length });
          else expect(admission.kind).toBe('gap');
        },
      ),
    );
  });
});

test.each([
  ['our commit whose answer was lost', { epoch: 4n, nextOffset: 9n }, 'applied'],
  ['another owner, before the batch', { epoch: 5n, nextOffset: 7n }, 'fenced'],
  ['another owner, at the same end', { epoch: 5n, nextOffset: 9n }, 'fenced'],
  ['an older epoch (a restored database)', { epoch: 3n, nextOffset: 9n }, 'fenced'],
  ['our epoch somewhere else', { epoch: 4n, nextOffset: 8n }, 'exit'],
  ['no row', null, 'exit'],
] as const)('a missed fence: %s', (_name, row, answer) => {
  expect(explainFence(row, { epoch: 4n, end: 9n })).toBe(answer);
});

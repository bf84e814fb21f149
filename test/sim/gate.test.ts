/** The gate of coverage: what it asks for, and that it can fail. */
import { describe, expect, it } from 'vitest';
import { declared, EXCLUDED } from './declared.ts';
import { compare, isGood, linesOf } from './gate.ts';

const complete = Object.fromEntries(
  declared()
    .filter((key) => !Object.hasOwn(EXCLUDED, key))
    .map((key) => [key, 1]),
);

describe('the gate of coverage', () => {
  it('is open when everything was reached but what is excluded', () => {
    expect(isGood(compare(complete))).toBe(true);
  });

  it.each(['edge payout requested awaiting_funds', 'reason stale_status', 'fault crash'])(
    'is shut when %s was never reached',
    (key) => {
      const { [key]: _, ...others } = complete;
      const verdict = compare(others);
      expect(verdict.missing).toEqual([key]);
      expect(isGood(verdict)).toBe(false);
      expect(linesOf(others, verdict)).toContain(`never reached: ${key}`);
    },
  );

  it('is shut when something excluded was reached', () => {
    const verdict = compare({ ...complete, 'reason overloaded': 1 });
    expect(verdict.surprising).toEqual(['reason overloaded']);
    expect(isGood(verdict)).toBe(false);
  });

  it('is shut when something moved along no edge', () => {
    const verdict = compare({ ...complete, 'edge payout completed requested': 1 });
    expect(verdict.undeclared).toEqual(['edge payout completed requested']);
    expect(isGood(verdict)).toBe(false);
  });

  it('excludes only what is declared', () => {
    const all = new Set(declared());
    expect(Object.keys(EXCLUDED).filter((key) => !all.has(key))).toEqual([]);
  });
});

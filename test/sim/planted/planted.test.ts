/** What can be said of the planted faults without running them; test/sim/planted/main.ts looks for each. */
import { describe, expect, it } from 'vitest';
import { applyEdits, checkFits, type Plant } from './plant.ts';
import { PLANTS } from './plants.ts';
import { verdictOf } from './verdict.ts';

describe('planted faults', () => {
  it('are many, and each has a name of its own', () => {
    expect(PLANTS.length).toBeGreaterThanOrEqual(25);
    expect(new Set(PLANTS.map((plant) => plant.name)).size).toBe(PLANTS.length);
  });

  it.each(PLANTS.map((plant) => [plant.name, plant] as const))('%s fits the code', (_name, plant) => {
    checkFits(plant);
  });

  it('refuse code that has moved on', () => {
    const plant: Plant = {
      name: 'p',
      from: '',
      text: '',
      edits: [{ file: 'a.ts', find: 'one', replace: 'two' }],
    };
    expect(applyEdits(plant, 'a.ts', 'a one b')).toBe('a two b');
    expect(applyEdits(plant, 'b.ts', 'a b')).toBe('a b');
    expect(() => applyEdits(plant, 'a.ts', 'a b')).toThrow('no longer fits');
    expect(() => applyEdits(plant, 'a.ts', 'one one')).toThrow('no longer fits');
  });
});

describe('a verdict', () => {
  it('tells the finders apart', () => {
    expect(verdictOf(['leg 1 of payment 5000000027: 14003 - 0 is not 14003'])).toEqual({
      is: 'found',
      by: 'books',
      problem: 'leg 1 of payment …: … - 0 is not …',
    });
    expect(verdictOf(['it did not come to rest', 'intent a is due'])).toEqual({
      is: 'found',
      by: 'rest',
      problem: 'intent a is due',
    });
    expect(verdictOf(['RangeError: negative transfer\n    at set (posting.ts:27)'])).toMatchObject({
      by: 'itself',
    });
    expect(verdictOf(['InvariantBroken: too early\n    at see (watch.ts:1)'])).toMatchObject({ by: 'watch' });
  });

  it('proves nothing by a plant that does not run', () => {
    expect(verdictOf(['TypeError: x is not a function\n    at y'])).toMatchObject({ is: 'invalid' });
    expect(verdictOf(['Error: intent a: syntax error at or near "("'])).toMatchObject({ is: 'invalid' });
    expect(verdictOf([])).toEqual({ is: 'missed' });
  });
});

/**
 * fast-check for mutation testing: the same cases in every run, so that a mutant does not live or die by chance, and at
 * most 25 of them, so that it dies soon. vitest.config.ts puts it in the place of fast-check.
 */
import * as real from '../../node_modules/fast-check/lib/fast-check.js';

const SEED = 20_260_301;
const MOST = 25;

const assert: typeof real.assert = ((property: real.IRawProperty<void>, given: real.Parameters<void> = {}) =>
  real.assert(property, {
    ...given,
    seed: SEED,
    numRuns: Math.min(given.numRuns ?? MOST, MOST),
  })) as typeof real.assert;

export default { ...real, assert };

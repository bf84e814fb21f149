/** Five suites: `unit` (pure, parallel), `sim` (the simulation itself), `int` (one set of real servers, one file at a time), `e2e` (the whole flow), `chaos` (killed for real). */
import { defineConfig } from 'vitest/config';

const common = {
  pool: 'forks',
  environment: 'node',
  // A condition is waited for; how long it takes on a busy machine is not what is tested.
  expect: { poll: { timeout: 15_000 } },
} as const;

export default defineConfig({
  test: {
    // A suite without tests is an empty promise: it fails, except where somebody filters by hand.
    passWithNoTests: false,
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // A property of many runs takes a second alone, and a minute beside the suites of the other lane.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      { test: { ...common, name: 'sim', include: ['test/sim/**/*.test.ts'], testTimeout: 120_000 } },
      {
        test: {
          ...common,
          name: 'int',
          include: ['test/int/**/*.test.ts'],
          globalSetup: ['test/int/setup/servers.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          ...common,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/setup/stack.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          ...common,
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          // The whole run is in the hook of its one file.
          hookTimeout: 1_200_000,
        },
      },
    ],
  },
});

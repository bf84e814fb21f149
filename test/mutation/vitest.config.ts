/** The tests that judge the mutants of one group: pure unit tests, nothing that starts a server or a database. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { chosenGroup } from './groups.ts';
import { warmPool } from './warm-pool.ts';

export default defineConfig({
  plugins: [
    {
      name: 'warm-pool',
      // Stryker names a pool of its own on top of this file.
      configureVitest({ project }) {
        project.config.pool = warmPool.name as 'threads';
        project.config.poolRunner = warmPool;
      },
    },
  ],
  resolve: { alias: { 'fast-check': fileURLToPath(new URL('./fast-check.ts', import.meta.url)) } },
  test: {
    environment: 'node',
    testTimeout: 120_000,
    include: [...chosenGroup().tests],
    // One thread for all files of a run; warm-worker.ts decides what it evaluates anew.
    isolate: false,
    setupFiles: ['test/mutation/mutant-off.ts'],
  },
});

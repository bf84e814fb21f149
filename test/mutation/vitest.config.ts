/** The tests that judge the mutants of one group: pure unit tests, nothing that starts a server or a database. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { chosenGroup } from './groups.ts';

export default defineConfig({
  resolve: { alias: { 'fast-check': fileURLToPath(new URL('./fast-check.ts', import.meta.url)) } },
  test: { environment: 'node', testTimeout: 30_000, include: [...chosenGroup().tests] },
});

/** Mutation testing with Stryker: `./spillway test mutation`. docs/mutation.md says what is mutated and how it scores. */
import type { PartialStrykerOptions } from '@stryker-mutator/api/core';
import { chosenGroup } from './groups.ts';

const { name, files } = chosenGroup();
const HOME = '.spillway/mutation';

const options: PartialStrykerOptions & { vitest: object } = {
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner', './test/mutation/ignore-words.ts'],
  ignorers: ['words'],
  mutate: [...files],
  coverageAnalysis: 'perTest',
  // What is not changed, code or tests, keeps its result from run to run.
  incremental: true,
  incrementalFile: `${HOME}/${name}.incremental.json`,
  tempDirName: `${HOME}/sandbox`,
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: `${HOME}/${name}.json` },
  // The sandbox has what the tests read, and nothing else.
  ignorePatterns: ['/.spillway', '/helm', '/web', '/deploy', '/test/e2e', '/test/chaos'],
  concurrency: 2,
  // A busy machine must not look like a mutant that never ends.
  timeoutMS: 60_000,
  allowConsoleColors: false,
};
export default options;

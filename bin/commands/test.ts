/** `spillway test`: everything that CI runs. */
import { Argument, type Command } from 'commander';

import { UsageError } from '../usage-error.ts';

interface TestFlags {
  readonly minutes?: string;
  readonly kills?: string;
  readonly seed?: string;
  readonly report?: string;
  readonly remarks?: string;
}

/** `mutation` runs only when it is named. */
const SUITES = ['unit', 'int', 'e2e', 'sim', 'chaos', 'mutation', 'all'];

/** Adds the command. */
export function register(program: Command): void {
  program
    .command('test')
    .description(
      'types, style, unit, integration and whole-flow tests, simulation, killed processes; the last line has the sum',
    )
    .addArgument(new Argument('[suite]', 'only this one').choices(SUITES).default('all'))
    .option('--minutes <n>', 'with chaos: the long form, random rounds for about this long')
    .option('--kills <n>', 'with --minutes: go on until every fail point was killed this often')
    .option('--seed <seed>', 'with --minutes: what the rounds are drawn from')
    .option('--report <file>', 'with --minutes: where the report goes; default: printed')
    .option('--remarks <text>', 'with --minutes: one sentence about the machine for the report')
    .action(run);
}

async function run(suite: string, flags: TestFlags): Promise<void> {
  const { minutes, kills, seed, report, remarks } = flags;
  const { runLongChaos, runSuites } = await import('../test-suites.ts');
  if (minutes === undefined) {
    if (kills ?? seed ?? report ?? remarks)
      throw new UsageError('--kills, --seed, --report and --remarks need --minutes');
    process.exitCode = await runSuites(suite);
    return;
  }
  if (suite !== 'chaos') throw new UsageError('--minutes is for `test chaos`');
  for (const [name, given] of Object.entries({ minutes, kills })) {
    if (given !== undefined && !/^[1-9]\d{0,3}$/.test(given)) {
      throw new UsageError(`--${name} is a whole number from 1, not ${given}`);
    }
  }
  process.exitCode = await runLongChaos({
    minutes: Number.parseInt(minutes, 10),
    kills,
    seed,
    report,
    remarks,
  });
}

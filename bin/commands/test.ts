/** `spillway test`: everything that CI runs. */
import { Argument, type Command } from 'commander';

import { UsageError } from '../usage-error.ts';

interface TestFlags {
  readonly minutes?: string;
  readonly kills?: string;
  readonly seed?: string;
  readonly report?: string;
  readonly remarks?: string;
  readonly plant?: string;
  readonly seeds?: string;
  readonly hits?: string;
  readonly record?: boolean;
}

/** `planted` and `mutation` run only when they are named. */
const SUITES = ['unit', 'int', 'e2e', 'sim', 'planted', 'chaos', 'mutation', 'all'];

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
    .option('--plant <name>', 'with planted: look for this planted fault only')
    .option('--seeds <n>', 'with planted: in how many seeds to look for each at most')
    .option('--hits <n>', 'with planted: how many seeds that found it are enough')
    .option('--record', 'with planted: write docs/planted-faults.md')
    .action(run);
}

async function run(suite: string, flags: TestFlags): Promise<void> {
  const { minutes, kills, seed, report, remarks, plant, seeds, hits, record = false } = flags;
  const { runLongChaos, runPlanted, runSuites } = await import('../test-suites.ts');
  if (suite === 'planted') {
    checkCounts({ seeds, hits });
    process.exitCode = await runPlanted({ plant, seeds, hits, record });
    return;
  }
  if (plant ?? seeds ?? hits ?? (record || undefined))
    throw new UsageError('--plant, --seeds, --hits and --record are for `test planted`');
  if (minutes === undefined) {
    if (kills ?? seed ?? report ?? remarks)
      throw new UsageError('--kills, --seed, --report and --remarks need --minutes');
    process.exitCode = await runSuites(suite);
    return;
  }
  if (suite !== 'chaos') throw new UsageError('--minutes is for `test chaos`');
  checkCounts({ minutes, kills });
  process.exitCode = await runLongChaos({
    minutes: Number.parseInt(minutes, 10),
    kills,
    seed,
    report,
    remarks,
  });
}

function checkCounts(flags: Readonly<Record<string, string | undefined>>): void {
  for (const [name, given] of Object.entries(flags)) {
    if (given !== undefined && !/^[1-9]\d{0,3}$/.test(given)) {
      throw new UsageError(`--${name} is a whole number from 1, not ${given}`);
    }
  }
}

/** `spillway sim`: the product's transitions and SQL under virtual time, one seeded chance, and every kind of fault. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

interface SimFlags {
  readonly seed: string;
  readonly runs: string;
  readonly trace?: boolean;
  readonly faults: string;
  readonly json?: boolean;
  readonly workers?: string;
}

export function register(program: Command): void {
  program
    .command('sim')
    .description('simulate the whole system with faults; the same seed gives the same trace')
    .option('--seed <seed>', 'first seed', '1')
    .option('--runs <n>', 'how many seeds, counted up from the first', '1')
    .option('--trace', 'print one line per step')
    .option('--faults <list>', 'only these faults, by name with commas; all or none', 'all')
    .option('--workers <n>', 'worker processes; as many as there are cores')
    .option('--json', 'print one JSON object per run')
    .action(run);
}

async function run(flags: SimFlags): Promise<void> {
  const runs = whole('--runs', flags.runs);
  // Loaded here: the simulation belongs to the tests, and a shipped image does not have it.
  const { simulateMany } = await import('../../test/sim/command.ts').catch((error: unknown) => {
    throw new Error('the simulation is part of a source checkout and is not shipped', { cause: error });
  });
  const passed = await simulateMany({
    first: whole('--seed', flags.seed),
    runs,
    faults: flags.faults,
    trace: flags.trace === true,
    json: flags.json === true,
    workers: flags.workers === undefined ? undefined : whole('--workers', flags.workers),
    print: (line: string) => console.log(line),
    progress: process.stderr.isTTY ? showProgress : undefined,
  });
  process.exitCode = passed ? 0 : 1;
}

/** On a terminal: a line that the next one replaces. */
function showProgress(line: string): void {
  process.stderr.write(`\r\x1b[K${line}\r`);
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text) || text === '0')
    throw new UsageError(`${name} is a whole number from 1, not ${text}`);
  return Number.parseInt(text, 10);
}

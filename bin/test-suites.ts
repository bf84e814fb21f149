/** Runs the test suites as child processes and adds their results up. */
import { mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readIfThere, remove } from '../sandbox/files.ts';
import { CHECKOUT } from '../sandbox/instance.ts';
import { type Manner, runProcess } from './test-process.ts';

interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** What a suite mostly takes: all the processors, or time in which real servers do something. */
type Lane = 'processors' | 'servers';

interface Suite {
  readonly name: string;
  readonly lane: Lane;
  /** The arguments of `spillway test`, besides `all`, that select it. */
  readonly chosenBy: readonly string[];
  /** Runs only when it is named, not with `all`. */
  readonly onDemand?: boolean;
  readonly run: (manner: Manner) => Promise<Count>;
}

const BIN = join(CHECKOUT, 'node_modules', '.bin');
const PLANTED = join(CHECKOUT, 'test', 'sim', 'planted', 'main.ts');

const SUITES: readonly Suite[] = [
  {
    name: 'types',
    lane: 'processors',
    chosenBy: ['unit'],
    run: (manner) => check(join(BIN, 'tsc'), ['--noEmit'], manner),
  },
  {
    name: 'style',
    lane: 'processors',
    chosenBy: ['unit'],
    run: (manner) => check(join(BIN, 'biome'), ['check', '.'], manner),
  },
  { name: 'unit', lane: 'processors', chosenBy: ['unit'], run: vitest('unit') },
  { name: 'int', lane: 'servers', chosenBy: ['int'], run: vitest('int') },
  { name: 'simulation', lane: 'processors', chosenBy: ['sim'], run: simulation },
  { name: 'sim', lane: 'processors', chosenBy: ['sim'], run: vitest('sim') },
  { name: 'e2e', lane: 'servers', chosenBy: ['e2e'], run: vitest('e2e') },
  { name: 'chaos', lane: 'servers', chosenBy: ['chaos'], run: vitest('chaos') },
  { name: 'mutation', lane: 'processors', chosenBy: ['mutation'], onDemand: true, run: mutation },
];

export interface LongChaos {
  readonly minutes: number;
  /** The run goes on past its minutes until every fail point of every role was killed this often. */
  readonly kills: string | undefined;
  readonly seed: string | undefined;
  /** File of the report; without one it is printed. */
  readonly report: string | undefined;
  /** What a reader of the report must know of the machine. */
  readonly remarks: string | undefined;
}

/**
 * Runs the chosen suites to their end, a failure of one does not keep the next from running. Suites of one lane follow
 * each other; the lanes go side by side, because servers leave the processors idle most of the time.
 * @returns the exit code: 1 when anything failed
 */
export async function runSuites(choice: string): Promise<number> {
  const chosen = SUITES.filter((suite) =>
    choice === 'all' ? suite.onDemand !== true : suite.chosenBy.includes(choice),
  );
  const lanes = availableParallelism() > 1 ? byLane(chosen) : [chosen];
  const counts = await Promise.all(lanes.map((suites) => runInOrder(suites, lanes.length > 1)));
  const [passed, failed] = [sum(counts, 'passed'), sum(counts, 'failed')];
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

function byLane(suites: readonly Suite[]): Suite[][] {
  const lanes: readonly Lane[] = ['processors', 'servers'];
  return lanes.map((lane) => suites.filter((suite) => suite.lane === lane)).filter((some) => some.length > 0);
}

async function runInOrder(suites: readonly Suite[], hasCompany: boolean): Promise<Count> {
  const counts: Count[] = [];
  for (const { name, lane, run } of suites) {
    const started = performance.now();
    // What waits for servers must not find them slow because the other lane computes.
    const count = await run({
      prefix: hasCompany ? `${name} | ` : null,
      isPatient: hasCompany && lane === 'processors',
    });
    const took = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `${count.failed > 0 ? '❌' : '✅'} ${name}: ${count.passed} passed, ${count.failed} failed (${took} s)`,
    );
    counts.push(count);
  }
  return { passed: sum(counts, 'passed'), failed: sum(counts, 'failed') };
}

function sum(counts: readonly Count[], part: keyof Count): number {
  return counts.reduce((total, count) => total + count[part], 0);
}

export interface Planted {
  /** Name of one planted fault; without it all. */
  readonly plant: string | undefined;
  readonly seeds: string | undefined;
  readonly hits: string | undefined;
  /** What was found becomes docs/planted-faults.md. */
  readonly record: boolean;
}

/** Each planted fault in many seeds. @returns the exit code */
export async function runPlanted({ record, ...rest }: Planted): Promise<number> {
  const { passed, failed } = await check(
    process.execPath,
    [PLANTED, ...given(rest), ...(record ? ['--record'] : [])],
    ALONE,
  );
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

function given(flags: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
}

/** Alone at the terminal. */
const ALONE: Manner = { prefix: null, isPatient: false };

/** Random rounds of every fault until the time is over, then the report. @returns the exit code */
export async function runLongChaos({ minutes, ...rest }: LongChaos): Promise<number> {
  const entry = join(CHECKOUT, 'test', 'chaos', 'main.ts');
  const { passed, failed } = await check(
    process.execPath,
    [entry, '--minutes', String(minutes), ...given(rest)],
    ALONE,
  );
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

async function check(command: string, args: readonly string[], manner: Manner): Promise<Count> {
  return (await runProcess(command, args, manner)) === 0
    ? { passed: 1, failed: 0 }
    : { passed: 0, failed: 1 };
}

/** As many seeds as fit a normal run, and as the gate of coverage asks for; `spillway sim --runs` takes more. */
function simulation(manner: Manner): Promise<Count> {
  const entry = join(CHECKOUT, 'bin', 'spillway.ts');
  return check(process.execPath, [entry, 'sim', '--seed', '1', '--runs', '60'], manner);
}

/** Half an hour: each group of docs/mutation.md after the other. */
function mutation(manner: Manner): Promise<Count> {
  return check(process.execPath, [join(CHECKOUT, 'test', 'mutation', 'main.ts')], manner);
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

function vitest(project: string): (manner: Manner) => Promise<Count> {
  return async (manner) => {
    const folder = mkdtempSync(join(tmpdir(), 'spillway-test-'));
    const file = join(folder, 'report.json');
    try {
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
      const args = ['run', '--project', project, ...reporters];
      const code = await runProcess(join(BIN, 'vitest'), args, manner);
      const text = readIfThere(file);
      const report = text === null ? null : (JSON.parse(text) as VitestReport);
      const passed = report?.numPassedTests ?? 0;
      const failed = report?.numFailedTests ?? 0;
      // A file that does not load, or servers that do not start, fail no single test but the suite.
      return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
    } finally {
      remove(folder);
    }
  };
}

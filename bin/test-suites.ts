/** Runs the test suites as child processes and adds their results up. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readIfThere, remove } from '../sandbox/files.ts';
import { CHECKOUT } from '../sandbox/instance.ts';

interface Count {
  readonly passed: number;
  readonly failed: number;
}

interface Suite {
  readonly name: string;
  /** The arguments of `spillway test`, besides `all`, that select it. */
  readonly chosenBy: readonly string[];
  /** Runs only when it is named, not with `all`. */
  readonly onDemand?: boolean;
  readonly run: () => Promise<Count>;
}

const BIN = join(CHECKOUT, 'node_modules', '.bin');

const SUITES: readonly Suite[] = [
  { name: 'types', chosenBy: ['unit'], run: () => check(join(BIN, 'tsc'), ['--noEmit']) },
  { name: 'style', chosenBy: ['unit'], run: () => check(join(BIN, 'biome'), ['check', '.']) },
  { name: 'unit', chosenBy: ['unit'], run: () => vitest('unit') },
  { name: 'int', chosenBy: ['int'], run: () => vitest('int') },
  { name: 'simulation', chosenBy: ['sim'], run: simulation },
  { name: 'sim', chosenBy: ['sim'], run: () => vitest('sim') },
  { name: 'e2e', chosenBy: ['e2e'], run: () => vitest('e2e') },
  { name: 'chaos', chosenBy: ['chaos'], run: () => vitest('chaos') },
  { name: 'mutation', chosenBy: ['mutation'], onDemand: true, run: mutation },
];

export interface LongChaos {
  readonly minutes: number;
  readonly seed: string | undefined;
  /** File of the report; without one it is printed. */
  readonly report: string | undefined;
  /** What a reader of the report must know of the machine. */
  readonly remarks: string | undefined;
}

/**
 * Runs the chosen suites to their end, a failure of one does not keep the next from running.
 * @returns the exit code: 1 when anything failed
 */
export async function runSuites(choice: string): Promise<number> {
  const chosen = SUITES.filter((suite) =>
    choice === 'all' ? suite.onDemand !== true : suite.chosenBy.includes(choice),
  );
  const total = { passed: 0, failed: 0 };
  for (const suite of chosen) {
    const started = performance.now();
    const count = await suite.run();
    const took = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `${count.failed > 0 ? '❌' : '✅'} ${suite.name}: ${count.passed} passed, ${count.failed} failed (${took} s)`,
    );
    total.passed += count.passed;
    total.failed += count.failed;
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 ? 1 : 0;
}

/** Random rounds of every fault until the time is over, then the report. @returns the exit code */
export async function runLongChaos({ minutes, ...rest }: LongChaos): Promise<number> {
  const given = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
  const entry = join(CHECKOUT, 'test', 'chaos', 'main.ts');
  const { passed, failed } = await check(process.execPath, [entry, '--minutes', String(minutes), ...given]);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

async function check(command: string, args: readonly string[]): Promise<Count> {
  return (await run(command, args)) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** As many seeds as fit a normal run, and as the gate of coverage asks for; `spillway sim --runs` takes more. */
function simulation(): Promise<Count> {
  const entry = join(CHECKOUT, 'bin', 'spillway.ts');
  return check(process.execPath, [entry, 'sim', '--seed', '1', '--runs', '60']);
}

/** Half an hour: each group of docs/mutation.md after the other. */
function mutation(): Promise<Count> {
  return check(process.execPath, [join(CHECKOUT, 'test', 'mutation', 'main.ts')]);
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

async function vitest(project: string): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-test-'));
  const file = join(folder, 'report.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const code = await run(join(BIN, 'vitest'), ['run', '--project', project, ...reporters]);
    const text = readIfThere(file);
    const report = text === null ? null : (JSON.parse(text) as VitestReport);
    const passed = report?.numPassedTests ?? 0;
    const failed = report?.numFailedTests ?? 0;
    // A file that does not load, or servers that do not start, fail no single test but the suite.
    return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
  } finally {
    remove(folder);
  }
}

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { cwd: CHECKOUT, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

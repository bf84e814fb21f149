/** Runs many seeds, in worker processes where there are several, and tells how each ended and what all of them reached. */
import { availableParallelism } from 'node:os';
import { Coverage } from './coverage.ts';
import { type FaultName, parseFaults } from './faults.ts';
import { compare, GATE_FROM, isGood, linesOf } from './gate.ts';
import type { SimResult } from './run.ts';
import { Runner } from './runners.ts';
import { type Shrunk, shrink } from './shrink.ts';

export interface SimCommand {
  readonly first: number;
  readonly runs: number;
  /** Names with commas, `all` or `none`. */
  readonly faults: string;
  readonly trace: boolean;
  readonly json: boolean;
  /** Worker processes; without a number as many as there are cores. One run, or one with a trace, needs none. */
  readonly workers?: number | undefined;
  readonly print: (line: string) => void;
  /** Told after every run, where somebody watches. */
  readonly progress?: ((line: string) => void) | undefined;
}

/** A failure after these is told without its shortest list of faults. */
const SHRINK_FAILURES = 3;
const SHRINK_RERUNS = 40;

/** @returns whether every run ended as it must and, from 200 seeds with all faults on, everything declared was reached */
export async function simulateMany(command: SimCommand): Promise<boolean> {
  const faults = parseFaults(command.faults);
  const runner = runnerFor(command);
  const totals = new Totals();
  try {
    const seeds = Array.from({ length: command.runs }, (_, index) => String(command.first + index));
    await Promise.all(
      seeds.map(async (seed) => {
        const result = await runner.run({ seed, faults });
        totals.add(result);
        const failed = result.problems.length > 0;
        const shrinks = failed && !command.trace && totals.failed.length <= SHRINK_FAILURES;
        const shrunk = shrinks ? await shrinkOf(runner, result) : undefined;
        command.print(command.json ? JSON.stringify({ ...result, shrunk }) : textOf(result, shrunk));
        command.progress?.(`${totals.seeds} of ${command.runs} seeds, ${totals.failed.length} failed`);
      }),
    );
  } finally {
    await runner.close();
  }
  const isAll = command.runs >= GATE_FROM && faults === undefined;
  return end(command, totals, isAll);
}

function runnerFor({ runs, trace, workers, print }: SimCommand): Runner {
  if (trace) return Runner.local(print);
  const count = Math.min(runs, workers ?? availableParallelism());
  return count > 1 ? Runner.processes(count) : Runner.local();
}

function shrinkOf(runner: Runner, { seed, faults }: SimResult): Promise<Shrunk> {
  const fails = async (fewer: readonly FaultName[]): Promise<boolean> =>
    (await runner.run({ seed, faults: fewer }, true)).problems.length > 0;
  return shrink(faults, fails, SHRINK_RERUNS);
}

class Totals {
  readonly failed: string[] = [];
  readonly #coverage = new Coverage();
  readonly #started = performance.now();
  seeds = 0;
  payments = 0;
  steps = 0;
  virtualSeconds = 0;

  add(result: SimResult): void {
    this.seeds += 1;
    this.payments += result.payments;
    this.steps += result.steps;
    this.virtualSeconds += result.virtualSeconds;
    if (result.problems.length > 0) this.failed.push(result.seed);
    this.#coverage.add(result.coverage);
  }

  get counts() {
    return this.#coverage.counts();
  }

  get line(): string {
    const seconds = (performance.now() - this.#started) / 1_000;
    const hours = (this.virtualSeconds / 3_600).toFixed(1);
    return `${this.seeds} seeds, ${this.payments} payments, ${this.steps} steps, ${hours} h of virtual time in ${Math.round(seconds)} s: ${Math.round((this.seeds / seconds) * 3_600)} seeds per hour`;
  }
}

/** The last lines, where there was more than one run. @returns whether all is well */
function end({ runs, json, print }: SimCommand, totals: Totals, gated: boolean): boolean {
  const { failed, counts } = totals;
  const verdict = compare(counts);
  if (!json && runs > 1) {
    for (const line of linesOf(counts, verdict)) print(line);
    print(totals.line);
    print(`${runs - failed.length} passed, ${failed.length} failed`);
    if (failed.length > 0) print(`failed seeds: ${failed.join(' ')}`);
    if (gated && !isGood(verdict)) print('❌ coverage is not complete');
  }
  return failed.length === 0 && (!gated || isGood(verdict));
}

const TAIL_LINES = 25;

function textOf(result: SimResult, shrunk: Shrunk | undefined): string {
  const { seed, payments, steps, virtualSeconds, hash, problems, tail, faults } = result;
  const line = `seed ${seed}: ${payments} payments, ${steps} steps, ${virtualSeconds} s, trace ${hash}`;
  if (problems.length === 0) return `✅ ${line}`;
  const only = (names: readonly FaultName[]): string => names.join(',') || 'none';
  const lines = [
    `❌ ${line}`,
    ...tail.slice(-TAIL_LINES).map((one) => `     ${one}`),
    ...problems.map((one) => `   ${one}`),
    `   repeat it with: ./spillway sim --seed ${seed} --faults ${only(faults)} --trace`,
  ];
  if (shrunk && shrunk.faults.length < faults.length)
    lines.push(
      `   after ${shrunk.reruns} reruns it still fails with: ./spillway sim --seed ${seed} --faults ${only(shrunk.faults)} --trace`,
    );
  return lines.join('\n');
}

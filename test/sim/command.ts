/** Runs many seeds over one warm database and tells how each ended; a failure prints the command that repeats it. */
import { WarmPglite } from './database.ts';
import { parseFaults } from './faults.ts';
import { type SimResult, simulate } from './run.ts';

export interface SimCommand {
  readonly first: number;
  readonly runs: number;
  /** Names with commas, `all` or `none`. */
  readonly faults: string;
  readonly trace: boolean;
  readonly json: boolean;
  readonly print: (line: string) => void;
}

/** @returns whether every run ended as it must */
export async function simulateMany(command: SimCommand): Promise<boolean> {
  const faults = parseFaults(command.faults);
  const warm = await WarmPglite.open();
  let failed = 0;
  try {
    for (let seed = command.first; seed < command.first + command.runs; seed++) {
      const trace = command.trace ? { print: command.print } : {};
      const result = await simulate(warm, { seed: String(seed), faults, ...trace });
      if (result.problems.length > 0) failed += 1;
      command.print(command.json ? JSON.stringify(result) : textOf(result, command.faults));
    }
  } finally {
    await warm.close();
  }
  if (!command.json && command.runs > 1) command.print(`${command.runs - failed} passed, ${failed} failed`);
  return failed === 0;
}

function textOf(result: SimResult, faults: string): string {
  const { seed, payments, steps, virtualSeconds, hash, problems, tail } = result;
  const line = `seed ${seed}: ${payments} payments, ${steps} steps, ${virtualSeconds} s, trace ${hash}`;
  if (problems.length === 0) return `✅ ${line}`;
  const only = faults === 'all' ? '' : ` --faults ${faults}`;
  const repeat = `repeat it with: ./spillway sim --seed ${seed}${only} --trace`;
  return [
    `❌ ${line}`,
    ...tail.slice(-15).map((one) => `     ${one}`),
    ...problems.map((one) => `   ${one}`),
    `   ${repeat}`,
  ].join('\n');
}

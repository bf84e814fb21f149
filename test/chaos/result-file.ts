/** What a run leaves for the test that started it. */
import type { RunResult } from './run.ts';
import { PAIRS, type Pair } from './tally.ts';

export interface ResultFile {
  readonly seed: string;
  readonly kills: readonly (Pair & { readonly kills: number })[];
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
  readonly exits: readonly string[];
  readonly rests: number;
  readonly checks: number;
  readonly payments: number;
  readonly payoutsPaid: number;
}

export function resultFileOf({ seed, tally, payments, payoutsPaid }: RunResult): ResultFile {
  const { violations, exits, rests, checks } = tally;
  const kills = PAIRS.map((pair) => ({ ...pair, kills: tally.killsOf(pair) }));
  const faults = Object.fromEntries(tally.faults);
  return { seed, kills, faults, violations, exits, rests, checks, payments, payoutsPaid };
}

/** Looks for planted faults: for each in the one seed where it is known to show, or in many. */
import type { SimResult } from '../run.ts';
import { Runner } from '../runners.ts';
import type { Book, Sighting } from './book.ts';
import type { Plant } from './plant.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Seeds in which a plant is looked for. The normal run of the simulation has all of them, too, without a plant. */
export const SEEDS = 10;
/** Long enough for all that comes to rest at all; what never does costs less than in a usual run. */
const REST_WITHIN_MS = 90 * 60_000;

type Print = (line: string) => void;

export interface LookOptions {
  readonly plants: readonly Plant[];
  readonly workers: number;
  readonly print: Print;
}

/**
 * Each plant in the seed that the book names, then in the others until one finds it.
 * @returns whether all were found
 */
export function lookOnce(options: LookOptions, book: Book): Promise<boolean> {
  return lookForAll(options, async ({ name }, run) => {
    const known = book[name]?.seed;
    const seeds = new Set([...(known === undefined ? [] : [known]), ...seedsTo(SEEDS)]);
    for (const seed of seeds) {
      const { verdict } = await run(seed);
      if (verdict.is === 'missed') continue;
      const hint = seed === known ? '' : ' (not where it was last: ./spillway test planted --record)';
      options.print(`${textOf(name, seed, verdict)}${hint}`);
      return verdict.is === 'found';
    }
    options.print(`❌ ${name}: not found in ${seeds.size} seeds`);
    return false;
  });
}

/**
 * Each plant in so many seeds.
 * @param note told of each plant that was found, at once
 * @returns whether all were found
 */
export function lookOften(
  options: LookOptions,
  seeds: number,
  note: (name: string, sighting: Sighting) => void,
): Promise<boolean> {
  return lookForAll(options, async ({ name }, run) => {
    const looks = await Promise.all(seedsTo(seeds).map(run));
    const hits = looks.filter(({ verdict }) => verdict.is !== 'missed').sort((a, b) => a.steps - b.steps);
    const best = hits.find(({ verdict }) => verdict.is === 'invalid') ?? hits[0];
    if (!best) {
      options.print(`❌ ${name}: not found in ${seeds} seeds`);
      return false;
    }
    const { seed, verdict } = best;
    options.print(`${textOf(name, seed, verdict)} (${hits.length} of ${seeds} seeds)`);
    if (verdict.is !== 'found') return false;
    note(name, { seeds, found: hits.length, seed, by: verdict.by, problem: verdict.problem });
    return true;
  });
}

interface Look {
  readonly seed: string;
  readonly steps: number;
  readonly verdict: Verdict;
}

async function lookForAll(
  { plants, workers, print }: LookOptions,
  look: (plant: Plant, run: (seed: string) => Promise<Look>) => Promise<boolean>,
): Promise<boolean> {
  const runner = Runner.processes(workers);
  const restless = new Set<string>();
  try {
    const found = await Promise.all(
      plants.map((plant) =>
        look(plant, async (seed) => {
          const result = await runner.run({ seed, plant: plant.name, restWithinMs: REST_WITHIN_MS });
          const verdict = verdictOf(result.problems);
          if (verdict.is === 'found' && verdict.by === 'rest') restless.add(seed);
          return { seed, steps: result.steps, verdict };
        }),
      ),
    );
    print(`${found.filter(Boolean).length} of ${plants.length} planted faults found`);
    // That something did not come to rest in time proves nothing where it would not without the plant.
    const healthy = await Promise.all(
      [...restless].map((seed) => runner.run({ seed, restWithinMs: REST_WITHIN_MS })),
    );
    for (const { seed, problems } of healthy.filter(isWrong))
      print(`❌ seed ${seed} is not green without a plant: ${problems[0]}`);
    return found.every(Boolean) && !healthy.some(isWrong);
  } finally {
    await runner.close();
  }
}

function isWrong({ problems }: SimResult): boolean {
  return problems.length > 0;
}

function seedsTo(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1));
}

function textOf(name: string, seed: string, verdict: Verdict): string {
  if (verdict.is === 'found') return `✅ ${name}: seed ${seed}, ${verdict.by}: ${verdict.problem}`;
  return verdict.is === 'invalid'
    ? `❌ ${name}: the plant itself is broken: ${verdict.problem}`
    : `❌ ${name}`;
}

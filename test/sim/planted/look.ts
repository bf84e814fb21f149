/** Looks for planted faults: for each in the one seed where it is known to show, or in many. */
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
export function lookOnce({ plants, workers, print }: LookOptions, book: Book): Promise<boolean> {
  return withLooks(workers, async (look) => {
    const restless = new Set<string>();
    const isFound = async ({ name }: Plant): Promise<boolean> => {
      const known = book[name]?.seed;
      const seeds = new Set([...(known === undefined ? [] : [known]), ...seedsTo(SEEDS)]);
      for (const seed of seeds) {
        const { verdict } = await look(seed, name);
        if (verdict.is === 'missed') continue;
        if (verdict.is === 'found' && verdict.by === 'rest') restless.add(seed);
        const hint = seed === known ? '' : ' (not where it was last: ./spillway test planted --record)';
        print(`${textOf(name, seed, verdict)}${hint}`);
        return verdict.is === 'found';
      }
      print(`❌ ${name}: not found in ${seeds.size} seeds`);
      return false;
    };
    const found = await Promise.all(plants.map(isFound));
    print(`${found.filter(Boolean).length} of ${plants.length} planted faults found`);
    // That something did not come to rest in time proves nothing where it would not without the plant.
    const green = await greenOf([...restless], look, print);
    return found.every(Boolean) && green.length === restless.size;
  });
}

export interface Often {
  /** In how many a plant is looked for at most. */
  readonly seeds: number;
  /** How many that found it are enough. */
  readonly hits: number;
  /** Told of each plant that was found, at once. */
  readonly note: (name: string, sighting: Sighting) => void;
}

/** Each plant in many seeds, all of which are green without one. @returns whether all were found, and all seeds were */
export function lookOften(
  { plants, workers, print }: LookOptions,
  { seeds, hits, note }: Often,
): Promise<boolean> {
  return withLooks(workers, async (look) => {
    const green = await greenOf(seedsTo(seeds), look, print);
    const isFound = async ({ name }: Plant): Promise<boolean> => {
      const found: Look[] = [];
      let looked = 0;
      for (const seed of green) {
        if (found.length === hits) break;
        const one = await look(seed, name);
        looked += 1;
        if (one.verdict.is === 'invalid') {
          print(textOf(name, seed, one.verdict));
          return false;
        }
        if (one.verdict.is === 'found') found.push(one);
      }
      const [best] = found.sort((a, b) => a.steps - b.steps);
      if (best?.verdict.is !== 'found') {
        print(`❌ ${name}: not found in ${looked} seeds`);
        return false;
      }
      const { seed, verdict } = best;
      print(`${textOf(name, seed, verdict)} (${found.length} of ${looked} seeds)`);
      note(name, { seeds: looked, found: found.length, seed, by: verdict.by, problem: verdict.problem });
      return true;
    };
    const found = await Promise.all(plants.map(isFound));
    print(`${found.filter(Boolean).length} of ${plants.length} planted faults found`);
    return found.every(Boolean) && green.length === seeds;
  });
}

interface Look {
  readonly seed: string;
  readonly steps: number;
  readonly verdict: Verdict;
  readonly problems: readonly string[];
}

/** Runs a seed, with a plant or without. */
type LookAt = (seed: string, plant?: string) => Promise<Look>;

async function withLooks<R>(workers: number, use: (look: LookAt) => Promise<R>): Promise<R> {
  const runner = Runner.processes(workers);
  try {
    return await use(async (seed, plant) => {
      const job = { seed, restWithinMs: REST_WITHIN_MS, ...(plant === undefined ? {} : { plant }) };
      const { steps, problems } = await runner.run(job);
      return { seed, steps, verdict: verdictOf(problems), problems };
    });
  } finally {
    await runner.close();
  }
}

/** @returns those of the seeds in which nothing is wrong without a plant */
async function greenOf(seeds: readonly string[], look: LookAt, print: Print): Promise<string[]> {
  const looks = await Promise.all(seeds.map((seed) => look(seed)));
  for (const { seed, problems } of looks)
    if (problems.length > 0) print(`❌ seed ${seed} is not green without a plant: ${problems[0]}`);
  return looks.filter(({ problems }) => problems.length === 0).map(({ seed }) => seed);
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

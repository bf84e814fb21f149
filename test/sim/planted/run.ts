/** Looks for every planted fault, and proves first that the same seeds find nothing without one. */
import { availableParallelism } from 'node:os';
import { Runner } from '../runners.ts';
import type { Plant } from './plant.ts';
import { PLANTS } from './plants.ts';
import { type Sighting, type Verdict, verdictOf } from './verdict.ts';

/** Seeds within which a plant must be found; the control runs all that any of them may need. */
const WITHIN = 8;
const FIRST_SEED = 2;
/** Long enough for everything that comes to rest at all, and what never does costs less than in a usual run. */
const REST_WITHIN_MS = 75 * 60_000;

export interface PlantedOptions {
  /** One plant by name, or all. */
  readonly only?: string | undefined;
  /** Seeds within which it must be found, instead of the usual ones. */
  readonly within?: number | undefined;
  readonly print: (line: string) => void;
}

export interface Found {
  readonly plant: Plant;
  readonly verdict: Verdict;
}

export interface PlantedResult {
  readonly rows: readonly Found[];
  /** Seeds that were run without a fault; empty `problems`: all were green. */
  readonly control: { readonly seeds: number; readonly problems: readonly string[] };
  readonly ok: boolean;
}

/** @throws Error when no plant has that name */
export async function runPlanted({ only, within, print }: PlantedOptions): Promise<PlantedResult> {
  const plants = PLANTS.filter((plant) => only === undefined || plant.name === only);
  if (plants.length === 0)
    throw new Error(
      `no planted fault is called ${JSON.stringify(only)}; there are: ${PLANTS.map((one) => one.name).join(', ')}`,
    );
  const seedsOf = (plant: Plant): string[] => seedsFrom(within ?? plant.within ?? WITHIN);
  const controls = seedsFrom(Math.max(...plants.map((plant) => seedsOf(plant).length)));
  const runner = Runner.processes(Math.min(2, availableParallelism()));
  try {
    const control = Promise.all(controls.map((seed) => controlOf(runner, seed, print)));
    const rows = await Promise.all(
      plants.map(async (plant): Promise<Found> => {
        const verdict = verdictOf(await lookFor(runner, plant.name, seedsOf(plant)));
        print(textOf(plant.name, verdict));
        return { plant, verdict };
      }),
    );
    const problems = (await control).flat();
    const ok = problems.length === 0 && rows.every(({ verdict }) => verdict.is === 'found');
    return { rows, control: { seeds: controls.length, problems }, ok };
  } finally {
    await runner.close();
  }
}

/** Seed by seed, up to the first that finds it. */
async function lookFor(runner: Runner, plant: string, seeds: readonly string[]): Promise<Sighting> {
  for (const [index, seed] of seeds.entries()) {
    const { problems } = await runner.run({ seed, plant, restWithinMs: REST_WITHIN_MS });
    if (problems.length > 0) return { looked: index + 1, seed, problems };
  }
  return { looked: seeds.length, seed: null, problems: [] };
}

/** The same without a bug. @returns what is wrong all the same */
async function controlOf(runner: Runner, seed: string, print: (line: string) => void): Promise<string[]> {
  const { problems } = await runner.run({ seed, restWithinMs: REST_WITHIN_MS });
  if (problems.length > 0) print(`❌ without a fault, seed ${seed}: ${problems[0]}`);
  return problems.map((problem) => `seed ${seed}: ${problem}`);
}

function seedsFrom(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(FIRST_SEED + index));
}

function textOf(name: string, verdict: Verdict): string {
  switch (verdict.is) {
    case 'found':
      return `✅ ${name}: seed ${verdict.seed}, ${verdict.by}: ${verdict.problem}`;
    case 'missed':
      return `❌ ${name}: not found in ${verdict.seeds} seeds`;
    case 'invalid':
      return `❌ ${name}: the plant itself is broken: ${verdict.problem}`;
  }
}

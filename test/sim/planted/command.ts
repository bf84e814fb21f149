/** `spillway sim --planted`: looks for the planted faults and tells how each ended. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAGE, pageOf } from './page.ts';
import { CHECKOUT } from './plant.ts';
import { runPlanted } from './run.ts';

export interface PlantedCommand {
  /** Name of one plant; undefined: all. */
  readonly only: string | undefined;
  readonly updateDocs: boolean;
  readonly print: (line: string) => void;
}

/** @returns whether every one was found, and nothing without one @throws Error when no plant has that name */
export async function lookForPlanted({ only, updateDocs, print }: PlantedCommand): Promise<boolean> {
  const result = await runPlanted({ only, print });
  const found = result.rows.filter(({ verdict }) => verdict.is === 'found').length;
  print(`${found} of ${result.rows.length} planted faults found; ${result.control.seeds} seeds without one`);
  if (updateDocs) {
    writeFileSync(join(CHECKOUT, PAGE), pageOf(result));
    print(`wrote ${PAGE}`);
  }
  return result.ok;
}

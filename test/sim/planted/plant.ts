/**
 * A planted fault: a realistic bug as exact replacements of source text, applied in memory while modules are loaded. No
 * file of the checkout is touched, and no process but the one that looks for it ever sees it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Edit {
  /** Path in the checkout. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export interface Plant {
  readonly name: string;
  /** Failures of the system before this one (1-118, H1-H23), or the rule that it breaks. */
  readonly from: string;
  /** What the bug does, for people. */
  readonly text: string;
  readonly edits: readonly Edit[];
  /** Seeds within which it must be found, where the usual number is not enough. */
  readonly within?: number;
}

export const CHECKOUT = join(import.meta.dirname, '../../..');

/** @throws Error when the text to replace is not there exactly once: the code has changed, the plant has not */
export function applyEdits(plant: Plant, file: string, source: string): string {
  let text = source;
  for (const { find, replace, ...edit } of plant.edits) {
    if (edit.file !== file) continue;
    const times = text.split(find).length - 1;
    if (times !== 1)
      throw new Error(`plant "${plant.name}" no longer fits: its text stands ${times} times in ${file}`);
    text = text.replace(find, () => replace);
  }
  return text;
}

/** The same for all its files as they stand in the checkout. */
export function checkFits(plant: Plant): void {
  for (const file of new Set(plant.edits.map((edit) => edit.file)))
    applyEdits(plant, file, readFileSync(join(CHECKOUT, file), 'utf8'));
}

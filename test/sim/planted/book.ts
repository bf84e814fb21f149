/** What is known of each planted fault from the last long look: test/sim/planted/found.json, and the page made of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './plant.ts';
import { PLANTS } from './plants.ts';
import type { Finder } from './verdict.ts';

export interface Sighting {
  /** How many were run, from seed 1. */
  readonly seeds: number;
  /** How many of them found it. */
  readonly found: number;
  /** The one that did so in the fewest steps: where the normal test run looks first. */
  readonly seed: string;
  readonly by: Finder;
  readonly problem: string;
}

/** By name of the plant. */
export type Book = Readonly<Record<string, Sighting>>;

export const PAGE = 'docs/planted-faults.md';
const BOOK = join(import.meta.dirname, 'found.json');

export function readBook(): Book {
  return JSON.parse(readFileSync(BOOK, 'utf8')) as Book;
}

/** Keeps what is known of the other plants, drops what is no plant any more, and writes the page anew. */
export function record(news: Book): void {
  const all = { ...readBook(), ...news };
  const book = Object.fromEntries(
    PLANTS.flatMap(({ name }) => (all[name] ? [[name, all[name]] as const] : [])),
  );
  writeFileSync(BOOK, `${JSON.stringify(book, null, 2)}\n`);
  writeFileSync(join(CHECKOUT, PAGE), pageOf(book));
}

const HEAD = `# Does the simulation find bugs?

A simulation that is always green proves nothing unless it turns red when it must. So realistic bugs are planted into the
product, one at a time and in memory only, and each must be found by the simulation as it is run every day: the same workload,
the same faults as the seed chooses, the same checks. The seeds themselves are green without a plant (\`./spillway test sim\`).

A plant is data in \`test/sim/planted/\`: the exact text of a source file and what stands there instead. When the code moves on,
the plant fails and says that it no longer fits. \`./spillway test\` looks for every plant in the seed that found it fastest;
\`./spillway test planted --record\` looks in many seeds and writes this page (\`--plant "fee skipped"\`: for one of them).

- *From*: failures of the system before this one (1-118, H1-H23; [immunity.md](immunity.md)), or the rule that the bug breaks.
- *Seeds*: how many of the seeds that were run, from 1, found it; three are enough.
- *Found by*: **watch** looks at every commit, append and call; **books** is the second bookkeeper, at the end; **rest**:
  something never came to its end, the line says what; **itself**: a rule of the product or of its database refused to go on.
  A plant that does not even run counts as broken, not as found.
`;

export function pageOf(book: Book): string {
  const rows = PLANTS.map(({ name, text, from }) => {
    const sighting = book[name];
    if (!sighting) return `| ${name} | ${text} | ${from} | | **not found** |`;
    const { found, seeds, by, problem } = sighting;
    return `| ${name} | ${text} | ${from} | ${found} of ${seeds} | **${by}**: ${problem.replaceAll('|', '\\|')} |`;
  });
  const table = [
    '| planted fault | what it does | from | seeds | found by |',
    '|---|---|---|---|---|',
    ...rows,
  ];
  return `${HEAD}\n${table.join('\n')}\n\n${PLANTS.length} planted faults.\n`;
}

/** What a sighting proves: a fault that was found, one that was not, or a plant that does not even run. */

export interface Sighting {
  /** Seeds that were run, the last one included. */
  readonly looked: number;
  /** The seed that found it; null: none did. */
  readonly seed: string | null;
  readonly problems: readonly string[];
}

export type Verdict =
  | {
      readonly is: 'found';
      readonly seed: string;
      readonly seeds: number;
      readonly by: Finder;
      readonly problem: string;
    }
  | { readonly is: 'missed'; readonly seeds: number }
  /** Broken by itself rather than wrong: nothing is proven by its failure. */
  | { readonly is: 'invalid'; readonly problem: string };

/**
 * watch: what looks at every commit, append and call. books: the second bookkeeper, at the end. rest: something never
 * ended. itself: a rule of the product or of its database refused to go on, which a process does not survive.
 */
export type Finder = 'watch' | 'books' | 'rest' | 'itself';

const NOT_RUNNING = new RegExp(
  [
    '(Syntax|Reference|Type)Error',
    'is not (a function|defined|iterable)',
    'Cannot (read properties|mix BigInt|convert)',
    'the process that ran it is gone',
    'before initialization|does not provide an export|no longer fits|Cannot find module',
    'syntax error at or near|column .* does not exist|operator does not exist|could not determine data type',
  ].join('|'),
);

export function verdictOf({ looked, seed, problems }: Sighting): Verdict {
  const broken = problems.find((problem) => NOT_RUNNING.test(problem));
  if (broken !== undefined) return { is: 'invalid', problem: lineOf(broken) };
  if (seed === null) return { is: 'missed', seeds: looked };
  const by = finderOf(problems[0]!);
  const problem = lineOf(by === 'rest' ? (problems[1] ?? problems[0]!) : problems[0]!);
  return { is: 'found', seed, seeds: looked, by, problem };
}

function finderOf(problem: string): Finder {
  if (/^it did not come to rest|not over after/.test(problem)) return 'rest';
  if (problem.startsWith('InvariantBroken')) return 'watch';
  return /\n\s+at /.test(problem) ? 'itself' : 'books';
}

/** The first line, without the ids and amounts of one seed. */
function lineOf(problem: string): string {
  const [line = ''] = problem.split('\n', 1);
  const short = line
    .replace(/^(Error|InvariantBroken): /, '')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…')
    .replace(/0x[0-9a-fA-F]{8,}/g, '…')
    .replace(/-?\d{4,}/g, '…')
    .replace(/[\w-]{14,}(?=[ ,)]|$)/g, (word) => (/\d/.test(word) ? '…' : word));
  return short.length > 160 ? `${short.slice(0, 157)}...` : short;
}

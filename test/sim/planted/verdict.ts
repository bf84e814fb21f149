/** What the problems of one run with a bug prove: that it was found, that it was not, or that the plant does not even run. */

export type Verdict =
  | { readonly is: 'found'; readonly by: Finder; readonly problem: string }
  | { readonly is: 'missed' }
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

/** @param problems of a run; none: all was as it must be */
export function verdictOf(problems: readonly string[]): Verdict {
  const [first] = problems;
  if (first === undefined) return { is: 'missed' };
  const broken = problems.find((problem) => NOT_RUNNING.test(problem));
  if (broken !== undefined) return { is: 'invalid', problem: lineOf(broken) };
  const by = finderOf(first);
  return { is: 'found', by, problem: lineOf(by === 'rest' ? (problems[1] ?? first) : first) };
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

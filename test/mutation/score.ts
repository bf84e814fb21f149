/** From Stryker's report to the share of mutants that a test notices. */

/** Percent of the mutants that are killed, in each group and in all. */
export const GOAL = 85;

export interface Score {
  readonly name: string;
  readonly killed: number;
  /** Killed, survived and not covered; not those that are no program at all, or are ignored. */
  readonly valid: number;
  readonly percent: number;
}

export interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: string }[] }>>;
}

export function scoreOf(name: string, report: Report): Score {
  const all = Object.values(report.files).flatMap(({ mutants }) => mutants.map(({ status }) => status));
  const count = (...statuses: string[]) => all.filter((status) => statuses.includes(status)).length;
  // A mutant that never ends is noticed by the time limit of the tests.
  const killed = count('Killed', 'Timeout');
  return score(name, killed, killed + count('Survived', 'NoCoverage'));
}

export function sumOf(scores: readonly Score[]): Score {
  const total = (pick: (one: Score) => number) => scores.reduce((sum, one) => sum + pick(one), 0);
  return score(
    'all',
    total(({ killed }) => killed),
    total(({ valid }) => valid),
  );
}

/** Nothing to kill is a fault of the scope, not a full score. */
function score(name: string, killed: number, valid: number): Score {
  return { name, killed, valid, percent: valid === 0 ? 0 : (100 * killed) / valid };
}

/** As it stands in docs/mutation.md. */
export function scoreTable(scores: readonly Score[]): string {
  const rows = [...scores, sumOf(scores)].map(
    ({ name, killed, valid, percent }) => `| ${name} | ${killed} of ${valid} | ${percent.toFixed(1)} % |`,
  );
  return ['| group | killed | score |', '|---|---|---|', ...rows].join('\n');
}

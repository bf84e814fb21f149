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

interface Place {
  readonly line: number;
  readonly column: number;
}

/** What we read of Stryker's report; lines and columns count from 1. */
export interface Report {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string;
        readonly mutants: readonly {
          readonly status: string;
          readonly location: { readonly start: Place; readonly end: Place };
          readonly replacement?: string;
        }[];
      }
    >
  >;
}

/** The part of a report that counts. */
export interface Statuses {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: string }[] }>>;
}

export function scoreOf(name: string, report: Statuses): Score {
  const all = Object.values(report.files).flatMap(({ mutants }) => mutants.map(({ status }) => status));
  const count = (...statuses: string[]) => all.filter((status) => statuses.includes(status)).length;
  // A mutant that never ends is noticed by the time limit of the tests.
  const killed = count('Killed', 'Timeout');
  return scoreFrom(name, killed, killed + count('Survived', 'NoCoverage'));
}

export function sumOf(scores: readonly Score[]): Score {
  const total = (pick: (one: Score) => number) => scores.reduce((sum, one) => sum + pick(one), 0);
  return scoreFrom(
    'all',
    total(({ killed }) => killed),
    total(({ valid }) => valid),
  );
}

/** Nothing to kill is a fault of the scope, not a full score. */
export function scoreFrom(name: string, killed: number, valid: number): Score {
  return { name, killed, valid, percent: valid === 0 ? 0 : (100 * killed) / valid };
}

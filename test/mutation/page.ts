/** docs/mutation.md: written from the scores of a run, and read back for the groups that a run leaves out. */
import { GROUP_NAMES, GROUPS, type GroupName } from './groups.ts';
import { GOAL, type Score, scoreFrom, sumOf } from './score.ts';

const HEAD = ['| group | files | mutants | killed | survived | score |', '|---|---|---|---|---|---|'];
const ROW = /^\| (\w+) \| [^|]+ \| (\d+) \| (\d+) \| \d+ \| [\d.]+ % \|$/gm;

export function scoreTable(scores: readonly Score[]): string {
  return [...HEAD, ...scores.map((score) => row(score, filesOf(score.name))), row(sumOf(scores), '')].join(
    '\n',
  );
}

function row({ name, killed, valid, percent }: Score, files: string): string {
  return `| ${name} | ${files} | ${valid} | ${killed} | ${valid - killed} | ${percent.toFixed(1)} % |`;
}

/** `a/b.ts` and `a/c.ts` as `a/` with its names. */
function filesOf(group: string): string {
  const files: readonly string[] = group in GROUPS ? GROUPS[group as GroupName].files : [];
  const folders = Map.groupBy(files, (path) => path.slice(0, path.lastIndexOf('/') + 1));
  return [...folders]
    .map(([folder, paths]) => {
      const names = paths.map((path) => path.slice(folder.length).replace(/\.ts$/, ''));
      return `\`${folder}\`: ${names.join(', ')}`;
    })
    .join('; ');
}

/** The scores that a page tells, in the order of the groups; a group that is none any more is left out. */
export function scoresIn(page: string): Score[] {
  const told = [...page.matchAll(ROW)].map(([, name, valid, killed]) =>
    scoreFrom(name!, Number(killed), Number(valid)),
  );
  return GROUP_NAMES.flatMap((name) => told.filter((score) => score.name === name));
}

/** @param page as it was; its scores stay for the groups that were not run */
export function withScores(page: string, scores: readonly Score[]): Score[] {
  const before = scoresIn(page).filter(({ name }) => !scores.some((score) => score.name === name));
  return GROUP_NAMES.flatMap((name) => [...scores, ...before].filter((score) => score.name === name));
}

export function mutationPage(scores: readonly Score[]): string {
  return `# Mutation testing

How good are the tests of what decides about money? [Stryker](https://stryker-mutator.io) changes that code in one place at a
time (\`<\` becomes \`<=\`, a condition becomes \`false\`, a line goes away) and runs the tests: a mutant that no test notices shows what
nobody checks. At least ${GOAL} % must be noticed in each group.

${scoreTable(scores)}

\`./spillway test mutation\` runs all groups and writes this table; it takes about half an hour, so it is not part of \`./spillway test\`.
\`node test/mutation/main.ts signature parser\` runs some, the others keep their rows. Groups are in
\`test/mutation/groups.ts\`: every transition must be in one, a test sees to it. Full reports with every mutant are in
\`.spillway/mutation\`. A second run repeats only what code or tests changed since; to start anew, delete that folder.

## How it is counted

- Killed: a test fails, or the tests never end. Survived: every test passes, or none runs the code at all.
- The tests of a group are its own unit tests alone, without servers and without the simulation, which find more.
- Properties run with one fixed seed and at most 25 cases, so that a mutant does not live or die by chance.
- Not mutated: words for people, that is a text with a space between letters (errors, details of discrepancies). Names of states,
  reasons, accounts and fields have none, so they all are.
- Not counted: the few mutants with which a file of tests does not even load. They are noticed, but not by an assertion.

## What survives

Most of it changes nothing that could be seen: \`<\` for \`<=\` where equal values give the same result, a shortcut that saves time
only, a check that a later one repeats, a name under which nothing is ever looked up. No mutant is switched off by a comment in
the code. \`survivors\` lists what is left: \`node test/mutation/survivors.ts signature\`.
`;
}

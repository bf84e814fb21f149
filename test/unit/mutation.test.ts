/** Mutation testing counts right, and its scope names files that exist and what decides about money. */
import { matchesGlob } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GROUP_NAMES, GROUPS } from '../mutation/groups.ts';
import { strykerPlugins } from '../mutation/ignore-words.ts';
import { mutationPage, scoresIn, scoreTable, withScores } from '../mutation/page.ts';
import { GOAL, scoreFrom, scoreOf, sumOf } from '../mutation/score.ts';
import { allFiles, readText } from './source-tree.ts';

const report = (...statuses: string[]) => ({
  files: { 'a.ts': { mutants: statuses.map((status) => ({ status })) } },
});

describe('the score', () => {
  it('is the share of what is killed or never ends among what could be', () => {
    const score = scoreOf(
      'x',
      report('Killed', 'Timeout', 'Survived', 'NoCoverage', 'Ignored', 'CompileError'),
    );
    expect(score).toEqual({ name: 'x', killed: 2, valid: 4, percent: 50 });
  });

  it('of nothing is none, and sums are of mutants, not of percents', () => {
    expect(scoreOf('x', report('Ignored')).percent).toBe(0);
    const two = [scoreOf('a', report('Killed')), scoreOf('b', report('Survived', 'Survived', 'Survived'))];
    expect(sumOf(two).percent).toBe(25);
    expect(scoreTable(two).split('\n').at(-1)).toBe('| all |  | 4 | 1 | 3 | 25.0 % |');
  });
});

describe('docs/mutation.md', () => {
  const page = readText('docs/mutation.md');

  it('is what a run writes, for every group', () => {
    expect(scoresIn(page).map(({ name }) => name)).toEqual(GROUP_NAMES);
    expect(mutationPage(scoresIn(page))).toBe(page);
  });

  it(`tells of ${GOAL} % or more in each`, () => {
    expect(scoresIn(page).filter(({ percent }) => percent < GOAL)).toEqual([]);
  });

  it('keeps the rows of groups that a run leaves out', () => {
    const before = mutationPage(GROUP_NAMES.map((name) => scoreFrom(name, 9, 10)));
    const after = withScores(before, [scoreFrom('swap', 10, 10)]);
    expect(after.map(({ name }) => name)).toEqual(GROUP_NAMES);
    expect(after.filter(({ killed }) => killed === 10)).toEqual([scoreFrom('swap', 10, 10)]);
    expect(withScores('', [scoreFrom('swap', 10, 10)])).toHaveLength(1);
  });
});

describe('the scope', () => {
  const files: string[] = Object.values(GROUPS).flatMap(({ files }) => files);
  const there = allFiles();

  it('names each file once, and every one exists', () => {
    expect(files.filter((path) => !there.includes(path))).toEqual([]);
    expect(new Set(files).size).toBe(files.length);
  });

  it('names tests that exist, by every pattern and every word in braces', () => {
    const tests = Object.values(GROUPS).flatMap(({ tests }) => tests.flatMap(alternatives));
    expect(tests.filter((pattern) => !there.some((path) => matchesGlob(path, pattern)))).toEqual([]);
  });

  it('has every transition', () => {
    const transitions = there.filter((path) => /^processors\/.*\/transition[^/]*\.ts$/.test(path));
    expect(transitions.filter((path) => !files.includes(path))).toEqual([]);
  });
});

/** `a/{b,c}.ts` as its single patterns. */
function alternatives(pattern: string): string[] {
  const [, before, words, after] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? [];
  return words === undefined ? [pattern] : words.split(',').map((word) => `${before}${word}${after}`);
}

describe('words for people are not mutated', () => {
  const { shouldIgnore } = strykerPlugins[0]!.value;
  const text = (value: string) => shouldIgnore({ node: { type: 'StringLiteral', value } });

  it.each(['nothing to pay out', 'it is over', 'more than', 'never asked, never sent'])('%j', (value) => {
    expect(text(value)).toBe('words for people');
  });

  it.each(['', ' ', 'awaiting_funds', 'position:open', ', ', 'usdterc20', '01'])('but %j is', (value) => {
    expect(text(value)).toBeUndefined();
  });

  it('a template is one by its fixed parts', () => {
    const template = (...raw: string[]) =>
      shouldIgnore({
        node: { type: 'TemplateLiteral', quasis: raw.map((one) => ({ value: { raw: one } })) },
      });
    expect(template('cannot ', ' it')).toBe('words for people');
    expect(template('', ':', '')).toBeUndefined();
    expect(template('payout-', '-')).toBeUndefined();
  });
});

/** docs/immunity.md is what the titles of the tests say; UPDATE_DOCS=1 writes it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FAILURES, type Failure } from '../immunity/failures.ts';
import { faultsOf, immunityPage } from '../immunity/page.ts';
import { isBuilt } from '../immunity/parts.ts';
import { type Proof, proofsIn } from '../immunity/titles.ts';
import { allFiles, readText } from './source-tree.ts';

const proofs = allFiles()
  .filter((path) => /^test\/.*\.test\.ts$/.test(path) && path !== 'test/unit/immunity.test.ts')
  .flatMap((path) => proofsIn(path, readText(path)));
const PAGE = new URL('../../docs/immunity.md', import.meta.url);

describe('the table of failures', () => {
  it('has all 118 and 23', () => {
    const numbers = [
      ...Array.from({ length: 118 }, (_, index) => String(index + 1)),
      ...Array.from({ length: 23 }, (_, index) => `H${index + 1}`),
    ];
    expect([...FAILURES.keys()]).toEqual(numbers);
  });

  it('has a test for each, or a part that it waits for', () => {
    expect(faultsOf(proofs)).toEqual([]);
  });

  it('is docs/immunity.md', () => {
    if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, immunityPage(proofs));
    expect(readFileSync(PAGE, 'utf8')).toBe(immunityPage(proofs));
  });
});

describe('faults that are found', () => {
  const failures = new Map<string, Failure>([
    ['1', { id: '1', what: 'a', waits: {} }],
    ['2', { id: '2', what: 'b', waits: { notify: 'the invite' } }],
  ]);
  const proof = (...ids: string[]): Proof => ({ path: 'p', title: 't', failures: ids, isIdle: false });
  const nothing = () => false;

  it('none', () => {
    expect(faultsOf([proof('1')], failures, nothing)).toEqual([]);
  });

  it('a failure without a test, and a number that is none', () => {
    expect(faultsOf([proof('3')], failures, nothing)).toEqual([
      'p: “t” names failure 3, which is none',
      'failure 1 has no test: a',
    ]);
  });

  it('a part that was waited for and is built', () => {
    const [fault] = faultsOf([proof('1', '2')], failures, (name) => name === 'notify');
    expect(fault).toContain('failure 2 waits for notify (the invite), which is built');
  });

  it('a proof that does not run', () => {
    expect(faultsOf([{ ...proof('1'), isIdle: true }], failures, nothing)).toEqual([
      'p: “t” does not run and proves nothing',
    ]);
  });
});

describe('titles', () => {
  it.each<[string, Partial<Proof>[]]>([
    ["it('a', fn)", []],
    ["it('a [failure 7]', fn)", [{ title: 'a', failures: ['7'], isIdle: false }]],
    ["test.each([['x [failure 9]']])('%s [failures 7, H3]', fn)", [{ title: '%s', failures: ['7', 'H3'] }]],
    ['it.each<[string]>(rows)(`a [failure 7]`, fn)', [{ title: 'a', failures: ['7'] }]],
    [
      "describe('a [failure 1]', () => { it('b [failure 2]', fn) })",
      [
        { title: 'a', failures: ['1'] },
        { title: 'a: b', failures: ['2'] },
      ],
    ],
    ["describe.skip('a', () => { it('b [failure 2]', fn) })", [{ title: 'a: b', isIdle: true }]],
    ["it.todo('b [failure 2]')", [{ isIdle: true }]],
    ["expect('a [failure 7]')", []],
  ])('%s', (text, expected) => {
    expect(proofsIn('p', text)).toMatchObject(expected);
  });
});

describe('a part is built', () => {
  const folders = (files: Record<string, readonly string[]>) => (folder: string) => files[folder] ?? [];

  it.each([
    ['nothing there', {}, [], false],
    ['a place is kept for it', { 'processors/notify': ['.gitkeep'] }, [], false],
    ['code in a folder of it', { 'processors/notify': ['.gitkeep', 'wiring.ts'] }, [], true],
    ['its role is declared', {}, ['notify'], true],
  ])('%s: %o %o %s', (_name, files, roles, expected) => {
    expect(isBuilt('notify', folders(files), roles)).toBe(expected);
  });
});

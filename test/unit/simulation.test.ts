/** The pages about the simulation are what its declarations say; UPDATE_DOCS=1 writes their generated parts. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { filled } from '../sim/page.ts';

const DOCS = new URL('../../docs/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, DOCS), 'utf8');

describe('docs/simulation.md', () => {
  it('has each fault and each exclusion that is declared', () => {
    const page = read('simulation.md');
    if (process.env.UPDATE_DOCS === '1') writeFileSync(new URL('simulation.md', DOCS), filled(page));
    expect(read('simulation.md')).toBe(filled(page));
  });
});

describe('docs/invariants.md', () => {
  const rows = read('invariants.md')
    .split('\n')
    .filter((line) => /^\| (M|I)\d+ \|/.test(line));

  it('has a row for each invariant', () => {
    const names = (letter: string, count: number): string[] =>
      Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
    expect(rows.map((row) => row.split('|')[1]!.trim())).toEqual([...names('M', 7), ...names('I', 33)]);
  });

  it.each(rows)('%s', (row) => {
    const files = [...row.matchAll(/\]\((\.\.\/[^)]+)\)/g)].map((match) => match[1]!);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(existsSync(new URL(file, DOCS)), file).toBe(true);
  });
});

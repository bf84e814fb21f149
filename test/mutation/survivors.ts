/** Lists the mutants of the named groups that no test notices, from the reports of their last run: where, what, instead of what. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GROUP_NAMES } from './groups.ts';
import type { Report } from './score.ts';

const REPORTS = fileURLToPath(new URL('../../.spillway/mutation', import.meta.url));
const SURVIVED = ['Survived', 'NoCoverage'];

for (const group of process.argv.length > 2 ? process.argv.slice(2) : GROUP_NAMES) {
  const { files }: Report = JSON.parse(readFileSync(join(REPORTS, `${group}.json`), 'utf8'));
  for (const [path, { source, mutants }] of Object.entries(files)) {
    const lines = source.split('\n');
    for (const { status, location, replacement } of mutants) {
      if (!SURVIVED.includes(status)) continue;
      const { start, end } = location;
      const until = start.line === end.line ? end.column - 1 : undefined;
      const before = lines[start.line - 1]!.slice(start.column - 1, until);
      const after = (replacement ?? '').replace(/\s+/g, ' ');
      console.log(`${path}:${start.line} ${status}: ${before.slice(0, 90)} => ${after.slice(0, 90)}`);
    }
  }
}

/**
 * Mutates each group (or those named as arguments), writes the scores to docs/mutation.md; exit 1 when one is below the
 * goal.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GROUP_NAMES, GROUPS, type GroupName } from './groups.ts';
import { mutationPage, scoreTable, withScores } from './page.ts';
import { GOAL, type Score, scoreOf, sumOf } from './score.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = join(CHECKOUT, 'docs/mutation.md');

function stryker(group: GroupName): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = ['run', 'test/mutation/stryker.config.ts'];
    const child = spawn(join(CHECKOUT, 'node_modules/.bin/stryker'), args, {
      cwd: CHECKOUT,
      env: { ...process.env, MUTATION_GROUP: group },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`stryker ended with ${code}`))));
  });
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in GROUPS));
if (unknown.length > 0)
  throw new Error(`no group ${unknown.join(', ')}; there are: ${GROUP_NAMES.join(', ')}`);

const scores: Score[] = [];
for (const group of GROUP_NAMES.filter((name) => wanted.length === 0 || wanted.includes(name))) {
  await stryker(group);
  const report = join(CHECKOUT, '.spillway/mutation', `${group}.json`);
  scores.push(scoreOf(group, JSON.parse(readFileSync(report, 'utf8'))));
}
console.log(scoreTable(scores));
writeFileSync(PAGE, mutationPage(withScores(existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '', scores)));
const low = [...scores, sumOf(scores)].filter((score) => score.percent < GOAL);
for (const { name, percent } of low) console.log(`${name}: ${percent.toFixed(1)} % is below ${GOAL} %`);
process.exitCode = low.length > 0 ? 1 : 0;

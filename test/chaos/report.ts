/** The report of a run as a page: what was done to it, how often, and how it came back. No path of a machine in it. */
import { availableParallelism, totalmem } from 'node:os';
import type { RunResult } from './run.ts';
import { PAIRS } from './tally.ts';

/** @param command as it was typed @param remarks what a reader must know of the machine */
export function reportOf(result: RunResult, command: string, remarks: string): string {
  const { tally, seed, seconds, payments, payoutsPaid, webhooks, refused } = result;
  const least = tally.least;
  const gib = Math.round(totalmem() / 2 ** 30);
  const other = [...tally.faults].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const recoveries = [...tally.recoveries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const lines = [
    '# A long chaos run',
    '',
    `\`${command}\`, seed ${seed}, ${(seconds / 60).toFixed(0)} minutes on a machine with ${availableParallelism()} cores and ${gib} GiB.${remarks ? ` ${remarks}` : ''}`,
    'How it works: [chaos.md](chaos.md). Times are of this machine and say only that all of it came back.',
    '',
    '| | |',
    '|---|---|',
    `| violations | ${tally.violations.length} |`,
    `| kills at a named fail point | ${tally.kills}, at least ${least} at every point of every role |`,
    `| payments made | ${payments} |`,
    `| payouts paid | ${payoutsPaid} |`,
    `| webhooks answered 200, each found again | ${webhooks} |`,
    `| webhooks refused or not answered, repeated by the sender | ${refused} |`,
    `| times all was brought to rest and checked | ${tally.rests}, ${tally.checks} single checks |`,
    `| processes that ended by themselves while servers were away or owners changed | ${tally.exits.length} |`,
    '',
    '## Kills by fail point and role',
    '',
    '| fail point | role | kills |',
    '|---|---|---|',
    ...PAIRS.map((pair) => `| \`${pair.point}\` | ${pair.role} | ${tally.killsOf(pair)} |`),
    '',
    '## Other faults',
    '',
    '| fault | times |',
    '|---|---|',
    ...other.map(([name, count]) => `| ${name} | ${count} |`),
    '',
    '## Time until it worked again',
    '',
    '| after | times | median s | longest s |',
    '|---|---|---|---|',
    ...recoveries.map(([kind, ms]) => recoveryRow(kind, ms)),
    '',
  ];
  if (tally.violations.length > 0)
    lines.push('## Violations', '', ...tally.violations.map((one) => `- ${one}`), '');
  return lines.join('\n');
}

function recoveryRow(kind: string, ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const seconds = (value: number) => (value / 1_000).toFixed(1);
  return `| ${kind} | ${ms.length} | ${seconds(sorted[sorted.length >> 1]!)} | ${seconds(sorted.at(-1)!)} |`;
}

/** `spillway status`: what runs, what waits, what is parked, and whether the wallet covers what is owed. */
import type { Command } from 'commander';

export function register(program: Command): void {
  program
    .command('status')
    .description('roles, lag, the oldest unfinished work, parked work, wallet against liabilities')
    .option('--json', 'print one JSON object')
    .action(async (options: { json?: boolean }) => {
      const { gatherStatus } = await import('../status.ts');
      const { printRows, toJson } = await import('../operator.ts');
      const status = await gatherStatus();
      if (options.json) {
        console.log(toJson(status));
        return;
      }
      const sections: [string, Parameters<typeof printRows>[0], string][] = [
        ['services', status.services, 'no stack of this checkout runs'],
        ['lag', status.lag, ''],
        ['open work', status.stages.map((row) => ({ ...row, oldest: ageOf(row.oldest) })), ''],
        [
          'payouts on their way',
          status.payouts.map((row) => ({ ...row, oldest: ageOf(row.oldest) })),
          'none',
        ],
        ['parked intents', status.parked, 'none'],
        ['quarantine', status.quarantine, 'empty'],
        ['discrepancies', status.discrepancies, 'none'],
        ['missed webhooks of the last 24 h', status.missed, 'none'],
        ['looks for missed webhooks', status.missed_looks, 'up to date'],
        ['wallet against liabilities', status.wallet, ''],
        ['invariants', status.checks, 'not checked yet'],
      ];
      for (const [title, rows, empty] of sections) {
        console.log(`\n${title}`);
        printRows(rows, false, `  ${empty}`);
      }
    });
}

/** How long ago, for people. */
function ageOf(at: unknown): string {
  if (!(at instanceof Date)) return '';
  const seconds = Math.max(0, Math.round((Date.now() - at.getTime()) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

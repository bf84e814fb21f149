/** `spillway reconcile`: runs every invariant now; exit 1 when one fails or could not be checked. */
import type { Command } from 'commander';

export function register(program: Command): void {
  program
    .command('reconcile')
    .description('run every invariant now: ledger, cover, chain, topics')
    .option('--json', 'print one JSON object')
    .action(async (options: { json?: boolean }) => {
      const { runReconcile } = await import('../reconcile.ts');
      const checks = await runReconcile();
      const { printChecks } = await import('../checks.ts');
      printChecks(
        checks.map((check) => ({
          name: check.name,
          ok: check.ok === true,
          detail:
            check.ok === null ? check.detail : check.difference + (check.ok ? '' : ` (${check.detail})`),
        })),
        options.json === true,
      );
    });
}

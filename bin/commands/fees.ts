/** `spillway fees set`: the fee schedule. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

export function register(program: Command): void {
  const fees = program.command('fees').description('the fee schedule');
  fees
    .command('set <bps>')
    .description('set the fee in basis points (0 to 2000) from a time on')
    .option('--from <time>', 'ISO time from which it holds; now')
    .action(async (bps: string, options: { from?: string }) => {
      if (!/^\d{1,4}$/.test(bps))
        throw new UsageError(`fee ${bps}: give whole basis points, such as 300 for 3 %`);
      const from = options.from === undefined ? new Date() : new Date(options.from);
      if (Number.isNaN(from.getTime()))
        throw new UsageError(`--from ${options.from}: give an ISO time, such as 2027-01-01T00:00:00Z`);
      const { withLedgerAndCodec } = await import('../operator.ts');
      const { setFee } = await import('../../gateway/api/capital.ts');
      await withLedgerAndCodec((operator) => setFee(operator, Number.parseInt(bps, 10), from));
      console.log(`fee ${bps} bps from ${from.toISOString()}`);
    });
}

/** `spillway payments show`: one payment, its credited legs, and where that money went. */
import type { Command } from 'commander';

export function register(program: Command): void {
  const payments = program.command('payments').description('payments');
  payments
    .command('show <paymentId>')
    .description('a payment as the provider numbers it: status, value, payout')
    .option('--json', 'print JSON')
    .action(async (paymentId: string, options: { json?: boolean }) => {
      const { withLedger, printFields, printRows, toJson } = await import('../operator.ts');
      const { showPayment } = await import('../../ledger/sql/show-payment.ts');
      const { InputError } = await import('../../gateway/api/input-error.ts');
      const found = await withLedger(({ db }) => showPayment(db, paymentId));
      if (found.length === 0) throw new InputError('payment', paymentId, 'no payment has this id');
      if (options.json) {
        console.log(toJson(found));
        return;
      }
      for (const { payment, legs } of found) {
        printFields(payment, false);
        printRows(legs, false, 'nothing credited');
      }
    });
}

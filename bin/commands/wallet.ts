/** `spillway wallet [deposit|withdraw]`: balances, what is in flight, and the platform's own money. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

interface MoveOptions {
  account: string;
  asset: string;
  tx?: string;
  reference?: string;
}

export function register(program: Command): void {
  const wallet = program
    .command('wallet')
    .description("the host wallet: balances, nonces, in flight; and the platform's own money")
    .option('--json', 'print JSON')
    .action(show);
  move(
    wallet.command('deposit <amount>').description('book an opening balance or a top-up that was made'),
  ).action((amount: string, options: MoveOptions) => book('deposit', amount, options));
  move(wallet.command('withdraw <amount>').description('book a withdrawal that was made')).action(
    (amount: string, options: MoveOptions) => book('withdraw', amount, options),
  );
}

function move(command: Command): Command {
  return command
    .requiredOption('--account <name>', 'gas or host')
    .requiredOption('--asset <code>', 'ETH or USDT')
    .option('--tx <hash>', 'the transaction; waits until it is final and compares the amount')
    .option('--reference <text>', 'what makes this act unique, where there is no transaction');
}

async function show(options: { json?: boolean }): Promise<void> {
  const { withLedger, printRows, toJson } = await import('../operator.ts');
  const { walletState } = await import('../../ledger/sql/wallet-state.ts');
  const state = await withLedger(({ db }) => walletState(db));
  if (options.json) {
    console.log(toJson(state));
    return;
  }
  printRows(state.accounts, false, 'no accounts');
  printRows(state.wallets, false, 'no wallet is set up yet');
  printRows(state.inFlight, false, 'nothing in flight');
}

async function book(act: 'deposit' | 'withdraw', amountText: string, options: MoveOptions): Promise<void> {
  const { MoneyError, parseMoney, formatMoney } = await import('../../schemas/money.ts');
  if (options.account !== 'gas' && options.account !== 'host')
    throw new UsageError(`--account ${options.account}: give gas or host`);
  if (options.asset !== 'ETH' && options.asset !== 'USDT')
    throw new UsageError(`--asset ${options.asset}: give ETH or USDT`);
  if (options.tx === undefined && options.reference === undefined)
    throw new UsageError('give --tx, or --reference where there is no transaction');
  const amount = (() => {
    try {
      return parseMoney(options.asset, amountText);
    } catch (error) {
      if (error instanceof MoneyError) throw new UsageError(`amount ${amountText}: ${error.message}`);
      throw error;
    }
  })();
  const { withLedgerAndCodec } = await import('../operator.ts');
  const { depositCapital, withdrawCapital } = await import('../../gateway/api/capital.ts');
  const request = {
    account: `wallet:${options.account}` as const,
    amount,
    tx: options.tx?.toLowerCase() ?? null,
    reference: options.reference ?? options.tx ?? '',
  };
  await withLedgerAndCodec((operator) =>
    act === 'deposit' ? depositCapital(operator, request) : withdrawCapital(operator, request),
  );
  console.log(`booked: ${act} of ${formatMoney(amount)} ${amount.asset}, ${request.account}`);
}

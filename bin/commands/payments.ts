/** `spillway payments show|return`: one payment, its credited legs, where that money went; and the way back. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

export function register(program: Command): void {
  const payments = program.command('payments').description('payments');
  payments
    .command('show <paymentId>')
    .description('a payment as the provider numbers it: status, value, payout')
    .option('--json', 'print JSON')
    .action(show);
  payments
    .command('return <paymentId>')
    .description('send the coins of a refunded payment back, by a transfer of our own')
    .requiredOption('--to <address>', 'where they go: the address that the provider gave for it')
    .option('--client <clientId>', 'needed when two clients have a payment of this id')
    .action(giveBack);
}

async function show(paymentId: string, options: { json?: boolean }): Promise<void> {
  const { withLedger, printFields, printRows, toJson } = await import('../operator.ts');
  const { showPayment } = await import('../../ledger/sql/show-payment.ts');
  const { InputError } = await import('../../gateway/api/input-error.ts');
  const found = await withLedger(({ db }) => showPayment(db, paymentId));
  if (found.length === 0) throw new InputError('payment', paymentId, 'no payment has this id');
  if (options.json) {
    console.log(toJson(found));
    return;
  }
  for (const { payment, legs, missed } of found) {
    printFields(payment, false);
    printRows(legs, false, 'nothing credited');
    if (missed.length > 0) {
      console.log('\nfound by reconcile: no webhook told of it');
      printRows(missed, false, '');
    }
  }
}

async function giveBack(paymentId: string, options: { to: string; client?: string }): Promise<void> {
  const { withLedgerAndCodec } = await import('../operator.ts');
  const { operatorSettings } = await import('../environment.ts');
  const { showPayment } = await import('../../ledger/sql/show-payment.ts');
  const { returnPayment } = await import('../../processors/hostpay/return.ts');
  const { policyOf } = await import('../../processors/swap/policy.ts');
  const { createChain } = await import('../../providers/evm/chain.ts');
  const { checkedAddress } = await import('../../providers/evm/wallet.ts');
  const { parseUnits } = await import('../../schemas/money.ts');
  const { assetOfNowpaymentsCode, ASSETS } = await import('../../schemas/assets.ts');
  const settings = await operatorSettings(
    'HOST_WALLET_ADDRESS',
    'EVM_CHAIN_ID',
    'EVM_RPC_URLS',
    'USDT_CONTRACT',
  );
  const policy = policyOf(settings, checkedAddress(settings.HOST_WALLET_ADDRESS, 'HOST_WALLET_ADDRESS'));
  const to = checkedAddress(options.to, '--to');
  const chain = createChain({
    rpcUrls: settings.EVM_RPC_URLS,
    chainId: policy.chainId,
    usdtContract: settings.USDT_CONTRACT,
  });
  try {
    const id = await withLedgerAndCodec(async ({ db, codec, now }) => {
      const all = await showPayment(db, paymentId);
      const found = all.filter(
        ({ payment }) => options.client === undefined || payment.client === options.client,
      );
      const [one] = found;
      if (!one || found.length > 1)
        throw new UsageError(
          `payment ${paymentId}: ${one ? 'several clients have it; give --client' : 'no payment has this id'}`,
        );
      const { client, provider, outcome_amount, outcome_currency } = one.payment;
      const asset = assetOfNowpaymentsCode(String(outcome_currency));
      if (!asset)
        throw new UsageError(`payment ${paymentId}: its outcome ${outcome_currency} is not in our wallet`);
      const amount = parseUnits(String(outcome_amount), ASSETS[asset].decimals);
      const quote = await chain.quote({ from: policy.host, to, asset, amount });
      const request = { clientId: BigInt(String(client)), provider: String(provider), paymentId, to, quote };
      return returnPayment({ db, codec, policy }, request, now());
    });
    console.log(`transfer ${id} was chosen; it is signed and sent by the role payout`);
  } finally {
    chain.close();
  }
}

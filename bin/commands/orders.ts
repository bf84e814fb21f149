/** `spillway orders create|show`: an order of a client's plan and its invoice. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

export function register(program: Command): void {
  const orders = program.command('orders').description('orders and their invoices');
  orders
    .command('create <clientId>')
    .description('make an order of a plan and its invoice at NOWPayments')
    .option('--tier <n>', 'which plan of the client', '1')
    .option('--user <telegramId>', 'who buys')
    .option('--json', 'print JSON')
    .action(create);
  orders
    .command('show <orderId>')
    .description('an order and its payments')
    .option('--json', 'print JSON')
    .action(show);
}

async function create(
  clientId: string,
  options: { tier: string; user?: string; json?: boolean },
): Promise<void> {
  if (!/^\d$/.test(options.tier)) throw new UsageError(`--tier ${options.tier}: give 1 to 9`);
  if (options.user !== undefined && !/^\d{1,18}$/.test(options.user))
    throw new UsageError(`--user ${options.user}: give a Telegram id`);
  const { withLedgerAndCodec, printFields } = await import('../operator.ts');
  const { operatorSettings } = await import('../environment.ts');
  const { createOrder } = await import('../../gateway/api/orders.ts');
  const { createNowPayments } = await import('../../providers/nowpayments/client.ts');
  const { orderMac } = await import('../../schemas/order-mac.ts');
  const { systemRandom } = await import('../../processors/runtime/clock.ts');
  const settings = await operatorSettings(
    'NOWPAYMENTS_API_URL',
    'NOWPAYMENTS_API_KEY',
    'ORDER_SECRET',
    'PUBLIC_URL',
  );
  const nowpayments = createNowPayments({
    baseUrl: settings.NOWPAYMENTS_API_URL,
    apiKey: settings.NOWPAYMENTS_API_KEY,
  });
  const order = await withLedgerAndCodec((operator) =>
    createOrder(
      {
        ...operator,
        nowpayments,
        mac: orderMac(settings.ORDER_SECRET),
        random: (count) => systemRandom.bytes(count),
        publicUrl: settings.PUBLIC_URL,
      },
      {
        clientId,
        tier: Number.parseInt(options.tier, 10),
        userId: options.user === undefined ? null : BigInt(options.user),
      },
    ),
  );
  printFields(order, options.json);
}

async function show(orderId: string, options: { json?: boolean }): Promise<void> {
  const { withLedger, printFields, printRows } = await import('../operator.ts');
  const { findOrder, paymentsOfOrder } = await import('../../ledger/sql/find-order.ts');
  const { InputError } = await import('../../gateway/api/input-error.ts');
  await withLedger(async ({ db }) => {
    const order = await findOrder(db, orderId);
    if (!order) throw new InputError('order', orderId, 'no order has this id');
    printFields(order, options.json);
    if (!options.json) printRows(await paymentsOfOrder(db, orderId), false, 'no payment yet');
  });
}

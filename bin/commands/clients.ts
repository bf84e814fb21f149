/** `spillway clients add|list|set|show`: the channels that are paid, and their policy. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

interface PolicyOptions {
  strategy?: string;
  threshold?: string;
  maxWait?: string;
  currency?: string;
  network?: string;
  address?: string;
  memo?: string;
  json?: boolean;
}

export function register(program: Command): void {
  const clients = program.command('clients').description('clients (channels) and their payout policy');
  policyOptions(
    clients
      .command('add <clientId>')
      .description('register a client (its open channel id, such as -1001234567890)'),
  )
    .option('--title <text>', 'name of the channel', 'channel')
    .option('--plan <price:days...>', 'tiers, such as 50:30', ['50:30'])
    .action(add);
  policyOptions(
    clients
      .command('set <clientId>')
      .description('change the policy; applies to payments valued from now on'),
  ).action(set);
  clients.command('list').description('all clients').option('--json', 'print JSON').action(list);
  clients
    .command('show <clientId>')
    .description('one client with its balances')
    .option('--json', 'print JSON')
    .action(show);
}

function policyOptions(command: Command): Command {
  return command
    .option('--strategy <name>', 'instant or threshold')
    .option('--threshold <usd>', 'payout threshold in US dollars')
    .option('--max-wait <duration>', 'pay a smaller total after this long, such as 30d')
    .option('--currency <code>', 'what the client receives, such as xmr')
    .option('--network <code>', 'on which network')
    .option('--address <address>', 'the wallet that is paid')
    .option('--memo <text>', 'memo or tag of the wallet')
    .option('--json', 'print JSON');
}

/** Only what was given. */
function changeOf(options: PolicyOptions) {
  return {
    ...(options.strategy === undefined ? {} : { strategy: options.strategy }),
    ...(options.threshold === undefined ? {} : { thresholdUsd: options.threshold }),
    ...(options.maxWait === undefined ? {} : { maxWaitMs: durationMs(options.maxWait) }),
    ...(options.currency === undefined ? {} : { currency: options.currency }),
    ...(options.network === undefined ? {} : { network: options.network }),
    ...(options.address === undefined ? {} : { address: options.address }),
    ...(options.memo === undefined ? {} : { memo: options.memo }),
  };
}

function durationMs(text: string): bigint {
  const match = /^(\d{1,6})(m|h|d)$/.exec(text);
  if (!match) throw new UsageError(`--max-wait ${text}: give minutes, hours or days, such as 30d`);
  const unit = { m: 60_000n, h: 3_600_000n, d: 86_400_000n }[match[2] as 'm' | 'h' | 'd'];
  return BigInt(match[1]!) * unit;
}

function needed(value: string | undefined, option: string): string {
  if (value === undefined) throw new UsageError(`${option} is needed`);
  return value;
}

async function add(
  clientId: string,
  options: PolicyOptions & { title: string; plan: string[] },
): Promise<void> {
  const plans = options.plan.map((text) => {
    const match = /^([\d.]+):(\d{1,5})$/.exec(text);
    if (!match) throw new UsageError(`--plan ${text}: give price:days, such as 50:30`);
    return { priceUsd: match[1]!, days: Number.parseInt(match[2]!, 10) };
  });
  const policy = {
    strategy: needed(options.strategy, '--strategy'),
    thresholdUsd: options.threshold ?? null,
    maxWaitMs: options.maxWait === undefined ? null : durationMs(options.maxWait),
    currency: needed(options.currency, '--currency'),
    network: needed(options.network, '--network'),
    address: needed(options.address, '--address'),
    memo: options.memo ?? null,
  };
  const { withLedgerAndCodec, printFields } = await import('../operator.ts');
  const { addClient } = await import('../../gateway/api/clients.ts');
  const row = await withLedgerAndCodec((operator) =>
    addClient(operator, { clientId, title: options.title, plans, ...policy }),
  );
  printFields(row, options.json);
}

async function set(clientId: string, options: PolicyOptions): Promise<void> {
  const change = changeOf(options);
  if (Object.keys(change).length === 0) throw new UsageError('nothing to change was given');
  const { withLedgerAndCodec, printFields } = await import('../operator.ts');
  const { setClient } = await import('../../gateway/api/clients.ts');
  printFields(await withLedgerAndCodec((operator) => setClient(operator, clientId, change)), options.json);
}

async function list(options: { json?: boolean }): Promise<void> {
  const { withLedger, printRows } = await import('../operator.ts');
  const { listClients } = await import('../../ledger/sql/list-clients.ts');
  printRows(
    await withLedger(({ db }) => listClients(db)),
    options.json,
    'no clients yet; see `spillway clients add --help`',
  );
}

async function show(clientId: string, options: { json?: boolean }): Promise<void> {
  const { withLedger, printFields } = await import('../operator.ts');
  const { listClients } = await import('../../ledger/sql/list-clients.ts');
  const { InputError } = await import('../../gateway/api/input-error.ts');
  const { readClientId } = await import('../../gateway/api/clients.ts');
  const [row] = await withLedger(({ db }) => listClients(db, readClientId(clientId)));
  if (!row) throw new InputError('client', clientId, 'no client has this id');
  printFields(row, options.json);
}

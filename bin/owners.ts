/** What `payouts` and `conversions` share: lists, one with its attempts, and a person's decisions. */
import type { Command } from 'commander';
import { UsageError } from './usage-error.ts';

type Kind = 'payout' | 'conversion';
type Act = 'reject' | 'cancel' | 'hold' | 'release' | 'retry';

const ABOUT: Readonly<Record<Act, string>> = {
  reject: 'refuse one that waits for approval; its amount goes back to the client',
  cancel: 'stop it for good, as long as nothing signed can move money; otherwise ask for that on chain first',
  hold: 'stop it for now',
  release: 'let a held one go on',
  retry: 'try a failed one again',
};

/** Adds `list`, `show` and the decisions to a command. */
export function registerOwners(command: Command, kind: Kind, acts: readonly Act[]): void {
  command
    .command('list')
    .description(`${kind}s that are not finished, newest first`)
    .option('--state <state>', 'only those in this state')
    .option('--all', 'finished ones too')
    .option('--json', 'print JSON')
    .action((options: { state?: string; all?: boolean; json?: boolean }) => list(kind, options));
  command
    .command('show <id>')
    .description(`one ${kind} with its orders and transfers`)
    .option('--json', 'print JSON')
    .action((id: string, options: { json?: boolean }) => show(kind, id, options.json));
  for (const act of acts) {
    command
      .command(`${act} <id>`)
      .description(ABOUT[act])
      .action((id: string) => decide(kind, id, act));
  }
}

async function list(kind: Kind, options: { state?: string; all?: boolean; json?: boolean }): Promise<void> {
  const { withLedger, printRows } = await import('./operator.ts');
  const { listConversions, listPayouts } = await import('../ledger/sql/list-payouts.ts');
  const filter = { state: options.state, all: options.all === true || options.state !== undefined };
  const rows = await withLedger(({ db }) =>
    kind === 'payout' ? listPayouts(db, filter) : listConversions(db, filter),
  );
  printRows(
    rows,
    options.json,
    options.all ? `no ${kind}s yet` : `no unfinished ${kind}s; --all shows the others`,
  );
}

async function show(kind: Kind, id: string, asJson: boolean | undefined): Promise<void> {
  const { withLedger, printFields, printRows, toJson } = await import('./operator.ts');
  const { attemptsOf } = await import('../ledger/sql/list-payouts.ts');
  const { reasonText } = await import('../schemas/reasons.ts');
  const found = await withLedger(async ({ db }) => {
    const row = await find(db, kind, id);
    return { row, ...(await attemptsOf(db, String(row[kind]))) };
  });
  if (asJson) {
    console.log(toJson({ ...found.row, orders: found.orders, transfers: found.transfers }));
    return;
  }
  const { reason } = found.row;
  printFields({ ...found.row, meaning: typeof reason === 'string' ? reasonText(reason) : null }, false);
  printRows(found.orders, false, 'no order at the swap provider');
  printRows(found.transfers, false, 'no transfer of ours');
}

async function decide(kind: Kind, id: string, act: Act): Promise<void> {
  const { withLedgerAndCodec } = await import('./operator.ts');
  const { operatorSettings } = await import('./environment.ts');
  const { decideOn } = await import('../processors/split/operate.ts');
  const { checkedAddress } = await import('../providers/evm/wallet.ts');
  const settings = await operatorSettings('HOST_WALLET_ADDRESS', 'EVM_CHAIN_ID');
  const policy = {
    host: checkedAddress(settings.HOST_WALLET_ADDRESS, 'HOST_WALLET_ADDRESS'),
    chainId: BigInt(settings.EVM_CHAIN_ID),
  };
  const { done, full } = await withLedgerAndCodec(async ({ db, codec, now }) => {
    const full = String((await find(db, kind, id))[kind]);
    return { full, done: await decideOn({ db, codec, policy }, kind, full, act, now()) };
  });
  console.log(
    done === 'done'
      ? `${act}: done for ${kind} ${full}`
      : `${act}: asked for ${kind} ${full}; its signed transfer is cancelled on chain first, and may still win`,
  );
}

type LedgerDb = Parameters<typeof import('../ledger/sql/list-payouts.ts').listPayouts>[0];

/** Exactly one, by its id or the beginning of it. */
async function find(
  db: LedgerDb,
  kind: Kind,
  id: string,
): Promise<Record<string, string | number | boolean | Date | null>> {
  if (!/^[0-9a-f-]{4,36}$/.test(id))
    throw new UsageError(`${kind} ${id}: give its id or at least the first four digits`);
  const { listConversions, listPayouts } = await import('../ledger/sql/list-payouts.ts');
  const { InputError } = await import('../gateway/api/input-error.ts');
  const rows = await (kind === 'payout' ? listPayouts : listConversions)(db, { id, all: true });
  if (rows.length !== 1)
    throw new InputError(
      kind,
      id,
      rows.length === 0 ? 'none has this id' : 'several begin like that; give more of it',
    );
  return rows[0]!;
}

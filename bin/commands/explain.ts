/** `spillway explain <id>`: where a client's, a payment's, a payout's or a conversion's money is, and the one rule that holds it. */
import type { Command } from 'commander';

const MORE = `
<id> is a client id (-1003268562225), a payout or conversion id or the beginning of one (four digits at least), or a
payment id as the provider numbers it. Options come before a client id: explain --json -1003268562225
`;

export function register(program: Command): void {
  program
    .command('explain')
    .description('one sentence: where it is, what is missing, which one rule holds it')
    .usage('[--json] <client or payout or conversion or payment id>')
    // A client id begins like an option.
    .allowUnknownOption()
    .argument('[id...]')
    .option('--json', 'print JSON')
    .addHelpText('after', MORE)
    .action((ids: string[], options: { json?: boolean }) => run(ids, options));
}

async function run(given: readonly string[], options: { json?: boolean }): Promise<void> {
  const { UsageError } = await import('../usage-error.ts');
  const ids = given.filter((text) => text !== '--json');
  const asJson = options.json === true || ids.length < given.length;
  const [id] = ids;
  if (id === undefined || ids.length > 1)
    throw new UsageError(
      id === undefined ? 'explain: give an id (--help)' : `explain: one id at a time, not ${ids.join(' ')}`,
    );
  if (!/^-?\d{1,30}$|^[0-9a-f]{4}[0-9a-f-]{0,32}$/.test(id))
    throw new UsageError(
      `explain ${id}: give a client id, a payment id, or four digits of a payout or conversion id`,
    );
  const { withLedger, printFields, toJson } = await import('../operator.ts');
  const { operatorSettings } = await import('../environment.ts');
  const { explainId } = await import('../../processors/reconcile/explain-load.ts');
  const { policyOf } = await import('../../processors/swap/policy.ts');
  const { checkedAddress } = await import('../../providers/evm/wallet.ts');
  const { InputError } = await import('../../gateway/api/input-error.ts');
  const settings = await operatorSettings('HOST_WALLET_ADDRESS', 'EVM_CHAIN_ID');
  const policy = policyOf(settings, checkedAddress(settings.HOST_WALLET_ADDRESS, 'HOST_WALLET_ADDRESS'));
  const found = await withLedger(({ db, now }) => explainId(db, id, policy, now()));
  if (found.length === 0) throw new InputError('id', id, 'no client, payment, payout or conversion has it');
  if (asJson) {
    console.log(toJson(found));
    return;
  }
  found.forEach(({ sentence, rule, facts }, index) => {
    if (index > 0) console.log('');
    console.log(sentence);
    printFields({ rule, ...facts }, false);
  });
}

/** `spillway quarantine list|show|redrive`: parked records, their reasons and bytes, and the way back. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

interface RedriveOptions {
  reason?: string;
  entity?: string;
  id?: string;
  max: string;
  yes?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const quarantine = program.command('quarantine').description('parked records');
  quarantine
    .command('list')
    .description('what is parked, oldest first')
    .option('--json', 'print JSON')
    .option('--all', 'redriven ones too')
    .action(list);
  quarantine
    .command('show <id>')
    .description('one parked record with its bytes')
    .option('--json', 'print JSON')
    .action(show);
  quarantine
    .command('redrive')
    .description('send parked records back; a dry run unless --yes is given')
    .option('--reason <code>', 'only this reason')
    .option('--entity <name>', 'only this payment, payout or conversion')
    .option('--id <id>', 'only this record')
    .option('--max <n>', 'at most so many', '100')
    .option('--yes', 'do it')
    .option('--json', 'print JSON')
    .action(redrive);
}

async function list(options: { json?: boolean; all?: boolean }): Promise<void> {
  const { withLedger, printRows } = await import('../operator.ts');
  const { listQuarantined } = await import('../../ledger/sql/list-quarantined.ts');
  printRows(
    await withLedger(({ db }) => listQuarantined(db, options.all === true)),
    options.json,
    'nothing is parked',
  );
}

async function show(id: string, options: { json?: boolean }): Promise<void> {
  const { withLedger, printFields } = await import('../operator.ts');
  const { findQuarantined } = await import('../../ledger/sql/list-quarantined.ts');
  const { InputError } = await import('../../gateway/api/input-error.ts');
  const { reasonText } = await import('../../schemas/reasons.ts');
  const row = await withLedger(({ db }) => findQuarantined(db, id));
  if (!row) throw new InputError('id', id, 'nothing with this id is parked');
  const { value, ...rest } = row;
  const text = value.toString('utf8');
  const readable = !/[^\t\n\r\x20-\x7e\u00a0-\uffff]/.test(text) && !text.includes('\ufffd');
  printFields(
    {
      ...rest,
      meaning: reasonText(row.reason),
      bytes: readable ? text : `base64:${value.toString('base64')}`,
    },
    options.json,
  );
}

async function redrive(options: RedriveOptions): Promise<void> {
  if (!/^\d{1,5}$/.test(options.max)) throw new UsageError(`--max ${options.max}: give a number up to 99999`);
  const { withLedgerAndCodec, printRows } = await import('../operator.ts');
  const { operatorSettings } = await import('../environment.ts');
  const { redriveParked } = await import('../../gateway/api/redrive-parked.ts');
  const { orderKeys } = await import('../../schemas/order-mac.ts');
  const settings = await operatorSettings();
  const orders =
    settings.ORDER_SECRET === undefined
      ? undefined
      : orderKeys({
          secret: settings.ORDER_SECRET,
          previous: settings.ORDER_SECRET_PREVIOUS,
          legacy: settings.LEGACY_ORDERS,
        });
  const { yes = false, json, max, ...filter } = options;
  const done = await withLedgerAndCodec((operator) =>
    redriveParked(operator, { filter, max: Number.parseInt(max, 10), dryRun: !yes, orders }),
  );
  printRows(
    done.map(({ row, outcome }) => ({
      id: row.event_id,
      entity: row.entity,
      reason: row.reason,
      attempt: row.attempt + 1,
      result:
        'to' in outcome ? `${yes ? 'sent to' : 'would go to'} ${outcome.to}` : `stays: ${outcome.stays}`,
    })),
    json,
    'nothing matches',
  );
  if (!yes && !json && done.length > 0) console.log('dry run; add --yes to do it');
}

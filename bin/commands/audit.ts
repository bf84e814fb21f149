/** `spillway audit`: balances recomputed from the topics, compared with the ledger; exit 1 and the first record where they part. */
import type { Command } from 'commander';
import { TOPIC } from '../../schemas/topology.ts';

interface Options {
  readonly at?: string;
  readonly client?: string;
  readonly json?: boolean;
}

const MORE = `
--at takes a time of booking with its zone (2026-03-01T12:00:00Z): the ledger's turnovers up to it are compared. Or
offsets that are not read any more (${TOPIC.journal}:0=120,${TOPIC.valued}:0=345; partitions that are not named are read to their
end): the ledger keeps no balances of offsets, so balances are only printed; each record is compared all the same.
The offsets of a run stand in its --json output.
`;

export function register(program: Command): void {
  program
    .command('audit')
    .description(
      `recompute all balances from ${TOPIC.valued} and ${TOPIC.journal} alone, and compare them with the ledger`,
    )
    .option('--at <time or offsets>', 'as of then')
    .option('--client <id>', 'one client: its records, its rows, its balances')
    .option('--json', 'print one JSON object')
    .addHelpText('after', MORE)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { auditRequestOf, runAudit } = await import('../audit.ts');
  const request = auditRequestOf(options.at, options.client);
  const isTerminal = process.stderr.isTTY === true;
  const report = await runAudit(request, (partition, of) => {
    if (isTerminal) process.stderr.write(`\rpartition ${partition + 1} of ${of} `);
  });
  if (isTerminal) process.stderr.write('\r\x1b[K');
  const { journal, valued, credits } = report.records;
  // A client id with a digit wrong agrees with everything, and says nothing.
  if (options.client !== undefined && report.ok && journal + valued + report.balances.length === 0) {
    const { InputError } = await import('../../gateway/api/input-error.ts');
    throw new InputError('--client', options.client, 'no record and no row of the ledger is of this client');
  }
  if (!report.ok) process.exitCode = 1;
  const { printRows, toJson } = await import('../operator.ts');
  if (options.json) {
    console.log(toJson(report));
    return;
  }
  const { amountText } = await import('../../processors/reconcile/audit-compare.ts');
  const { differenceText } = await import('../../processors/reconcile/audit-report.ts');
  const rows = report.balances.map(({ key, topics, ledger }) => {
    const [account, asset] = key.split('|') as [string, string];
    const difference = ledger === null || ledger === topics ? '' : amountText(asset, ledger - topics);
    return {
      account,
      topics: amountText(asset, topics),
      ledger: ledger === null ? 'not kept' : amountText(asset, ledger),
      difference,
    };
  });
  printRows(rows, false, 'no balances: the topics are empty');
  const read = `${journal} records of ${TOPIC.journal} and ${valued} of ${TOPIC.valued} with ${credits} credits`;
  if (report.ok) {
    console.log(
      `✅ ${read}: each agrees with the ledger${request.offsets ? '' : ', and so do the balances'}`,
    );
    return;
  }
  const [first, ...others] = report.differences;
  console.log(`❌ ${read}: ${report.differenceCount} differences; the first:`);
  console.log(`   ${differenceText(first!)}`);
  for (const other of others.slice(0, 19)) console.log(`   then ${differenceText(other)}`);
  if (report.differenceCount > 20) console.log(`   and ${report.differenceCount - 20} more; --json has them`);
}

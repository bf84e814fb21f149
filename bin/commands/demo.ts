/** `spillway demo`: the reference scenario on the running stack, with progress, a table and every invariant at the end. */
import type { Command } from 'commander';
import { UsageError } from '../usage-error.ts';

interface DemoFlags {
  readonly json?: boolean;
  readonly payments: string;
  readonly clients: string;
}

/** Adds the command. */
export function register(program: Command): void {
  program
    .command('demo')
    .description('the reference scenario, live: payments in, clients paid out, every unit accounted for')
    .option('--json', 'print one JSON object at the end; progress goes to standard error')
    .option('--payments <n>', 'payments of each threshold client, $50 each; the 11th crosses $500', '11')
    .option('--clients <n>', 'clients that take XMR at $500', '1')
    .addHelpText('after', '\nStarts the stack if none runs (as `up --detach`) and leaves it up.')
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const options = {
    payments: count('--payments', flags.payments, 2_000),
    xmrClients: count('--clients', flags.clients, 500),
  };
  const { ensureStack } = await import('../../sandbox/demo/ensure-stack.ts');
  const { openWorld, DEMO_NEEDS } = await import('../../sandbox/demo/world.ts');
  const { runScenario } = await import('../../sandbox/demo/scenario.ts');
  const { createDemoView } = await import('../../sandbox/demo/view.ts');
  const { closingTable } = await import('../../sandbox/demo/table.ts');
  const { operatorSettings } = await import('../environment.ts');
  const { runReconcile } = await import('../reconcile.ts');
  // Standard output belongs to the result when a program reads it.
  const show = createDemoView(flags.json ? process.stderr : process.stdout);
  await ensureStack(show.note);
  const world = await openWorld(await operatorSettings(...DEMO_NEEDS));
  try {
    const result = await runScenario({ world, show, reconcile: runReconcile }, options);
    console.log(flags.json ? JSON.stringify(result) : `\n${closingTable(result)}`);
    if (!result.ledger.balanced || result.problems.length > 0) process.exitCode = 1;
  } finally {
    show.close();
    await world.close();
  }
}

function count(option: string, text: string, most: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number.parseInt(text, 10) : 0;
  if (value < 1 || value > most) throw new UsageError(`${option} ${text}: give 1 to ${most}`);
  return value;
}

/**
 * The `spillway` command: collects the commands of bin/commands/, one file each, and turns what goes wrong into one line
 * and an exit code (0 done, 1 failed, 2 wrong usage).
 */
import { readdirSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { UsageError } from './usage-error.ts';

interface CommandFile {
  register(program: Command): void;
}

/** The order of `--help`: as one meets them. Files that are not named here follow by name. */
const HELP_ORDER = (
  'up down reset status demo test run migrate topics clients orders payments payouts conversions ' +
  'wallet fees quarantine park reconcile audit explain sim bench'
).split(' ');

/** What kafkajs makes Node 24 say on every other connection (its issue 1751) is no news for whoever runs a command. */
function quietWarnings(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') console.error(`${warning.name}: ${warning.message}`);
  });
}

async function main(args: string[]): Promise<number> {
  quietWarnings();
  const program = new Command('spillway');
  program
    .description(
      'Pays the owners of paid Telegram channels: webhooks in, locked value per client, payouts on chain',
    )
    .usage('<command> [options]')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)');
  for (const name of commandNames()) {
    const file = (await import(`./commands/${name}.ts`)) as CommandFile;
    file.register(program);
  }
  overrideExits(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    return report(error);
  }
}

function commandNames(): string[] {
  const names = readdirSync(new URL('./commands/', import.meta.url))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -'.ts'.length));
  const rank = (name: string) => (HELP_ORDER.includes(name) ? HELP_ORDER.indexOf(name) : HELP_ORDER.length);
  return names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function overrideExits(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) overrideExits(child as Command);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version end by throwing too; everything else of commander's is wrong usage, already explained by it.
    return error.exitCode === 0 ? 0 : 2;
  }
  const isUsage = error instanceof UsageError;
  console.error(`spillway: ${messageOf(error)}`);
  if (process.env.LOG_LEVEL === 'debug' && error instanceof Error) console.error(error.stack);
  return isUsage ? 2 : 1;
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.trim();
}

// Not process.exit: what is still being written to a pipe would be cut off.
process.exitCode = await main(process.argv.slice(2));

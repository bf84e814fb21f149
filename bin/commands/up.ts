/** `spillway up`: starts everything and stays (or goes to the background with --detach). */
import type { Command } from 'commander';

export interface UpOptions {
  readonly detach?: boolean;
  readonly ephemeral?: boolean;
}

/** Adds the command. */
export function register(program: Command): void {
  program
    .command('up')
    .description('set up and start everything: servers, simulators and roles')
    .option('-d, --detach', 'run in the background; returns when everything is ready')
    .option('--ephemeral', 'fresh data that is removed at the end, on free ports')
    .addHelpText(
      'after',
      '\nA server is started here unless its address is set: KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL,\n' +
        'EVM_RPC_URLS, NOWPAYMENTS_API_URL, CHANGENOW_API_URL, PRICE_FEED_URL. Data: SPILLWAY_HOME (default: outside\n' +
        'the checkout); downloads: SPILLWAY_CACHE.',
    )
    .action(async (options: UpOptions) => {
      const { up } = await import('../../sandbox/up.ts');
      process.exitCode = await up({ detach: options.detach ?? false, ephemeral: options.ephemeral ?? false });
    });
}

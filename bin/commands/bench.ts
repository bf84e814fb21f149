/** `spillway bench <name>`: the benchmarks, each with the ratio to its yardstick of the same run. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Benchmark } from '../../sandbox/bench/benchmark.ts';
import { UsageError } from '../usage-error.ts';

const FOLDER = new URL('../../sandbox/bench/', import.meta.url);
const fileOf = (name: string): URL => new URL(`${name}.ts`, FOLDER);

/** In the order of the way of a payment; listed as they are built. */
const BENCHMARKS = ['gateway', 'pipeline'].filter((name) => existsSync(fileOf(name)));

/** Adds the command. */
export function register(program: Command): void {
  program
    .command('bench')
    .description('measure, with the ratio to a yardstick of the same run')
    .argument('<name>', BENCHMARKS.join(' | '))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nRuns against KAFKA_BROKERS, SCHEMA_REGISTRY_URL and DATABASE_URL where they are set, else against fresh\n' +
        'servers of its own. Stop what else uses the machine first.',
    )
    .action((name: string, options: { readonly json?: boolean }) => bench(name, options.json === true));
}

async function bench(name: string, asJson: boolean): Promise<void> {
  if (!BENCHMARKS.includes(name)) {
    throw new UsageError(`no benchmark is called ${name}; there are: ${BENCHMARKS.join(', ')}`);
  }
  // Loaded when asked for: each brings its servers and load generators along.
  const { benchmark } = (await import(fileOf(name).href)) as { benchmark: Benchmark };
  // Standard output belongs to the result.
  const result = await benchmark.run((text) => console.error(text));
  console.log(asJson ? JSON.stringify(result) : benchmark.show(result));
}

/** `spillway topics apply|verify`: topics in Kafka and their schemas in the registry. */
import type { Command } from 'commander';
import { printChecks } from '../checks.ts';

export function register(program: Command): void {
  const topics = program.command('topics').description('topics and their schemas');
  topics
    .command('apply')
    .description('create topics and register schemas that are missing; mend differing configuration')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) => apply(options.json === true));
  topics
    .command('verify')
    .description('check topics and schemas; lists each check with its result')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) => verify(options.json === true));
}

async function connect() {
  const { settingsFor } = await import('../environment.ts');
  const { retentionOf } = await import('../../schemas/settings.ts');
  const { createRegistry } = await import('../../schemas/registry.ts');
  const { kafkaOptions } = await import('../../processors/runtime/kafka-settings.ts');
  const { createLogger } = await import('../../processors/runtime/logger.ts');
  const settings = settingsFor('KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL');
  // Standard output belongs to the result.
  const log = createLogger({ role: 'topics', level: 'silent' });
  return {
    topics: {
      kafka: kafkaOptions(settings, 'spillway-topics', log),
      prefix: settings.TOPIC_PREFIX,
      retentionMs: (topic: Parameters<typeof retentionOf>[1]) => retentionOf(settings, topic),
    },
    registry: createRegistry({
      url: settings.SCHEMA_REGISTRY_URL,
      auth: settings.SCHEMA_REGISTRY_AUTH,
      ca: settings.SCHEMA_REGISTRY_CA,
      prefix: settings.TOPIC_PREFIX,
    }),
  };
}

async function apply(asJson: boolean): Promise<void> {
  const { applyTopics } = await import('../../processors/runtime/admin.ts');
  const { topics, registry } = await connect();
  const changes = await applyTopics(topics);
  const schemas = await registry.apply();
  if (asJson) {
    console.log(JSON.stringify({ topics: changes, schemas }));
    return;
  }
  for (const { topic, change, detail } of changes)
    console.log(`${topic}: ${change}${detail && ` (${detail})`}`);
  console.log(`schemas registered: ${Object.keys(schemas).length}`);
}

async function verify(asJson: boolean): Promise<void> {
  const { verifyTopics } = await import('../../processors/runtime/admin.ts');
  const { topics, registry } = await connect();
  printChecks([...(await verifyTopics(topics)), ...(await registry.verify())], asJson);
}

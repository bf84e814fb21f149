/** The role `convert`. */
import { ensureFee } from '../../ledger/sql/ensure-fee.ts';
import type { RoleSettings } from '../../schemas/settings.ts';
import { TOPIC, TOPICS } from '../../schemas/topology.ts';
import { runStateless } from '../runtime/consumer.ts';
import { joinParts, openRoleDatabase, openRoleKafka, openSchemas } from '../runtime/parts.ts';
import { createPublisher } from '../runtime/publisher.ts';
import type { RoleContext, RunningRole } from '../runtime/role.ts';
import { convertHandler, GROUP } from './wiring.ts';

/** @throws when the registry, the database or Kafka can't be reached */
export async function startConvert(
  settings: RoleSettings<'convert'>,
  context: RoleContext,
): Promise<RunningRole> {
  const { registry, log, clock } = context;
  const schemas = await openSchemas(settings);
  const db = openRoleDatabase(settings, context, { max: 4, role: 'processor' });
  await ensureFee(db, settings.FEE_BPS);
  const publisher = createPublisher({ kafka: openRoleKafka(settings, context), registry, log });
  const consumer = await runStateless({
    ...context,
    kafka: openRoleKafka(settings, context),
    groupId: settings.TOPIC_PREFIX + GROUP,
    topic: settings.TOPIC_PREFIX + TOPIC.received,
    partitions: TOPICS[TOPIC.received].partitions,
    sessionTimeoutMs: settings.KAFKA_SESSION_TIMEOUT,
    handler: convertHandler({ db, clock, publisher, settings, metrics: registry, ...schemas }),
  });
  return joinParts([consumer], async () => {
    await publisher.close();
    await db.close();
  });
}

/** The role `relay`. */
import { RELAY_SHARDS } from '../../schemas/partition.ts';
import type { RoleSettings } from '../../schemas/settings.ts';
import { joinParts, openRoleDatabase, openRoleKafka } from './parts.ts';
import { createPublisher } from './publisher.ts';
import { startRelay } from './relay.ts';
import type { RoleContext, RunningRole } from './role.ts';

/** @throws when the database can't be reached; Kafka may come later */
export async function startRelayRole(
  settings: RoleSettings<'relay'>,
  context: RoleContext,
): Promise<RunningRole> {
  const { registry, log } = context;
  const db = openRoleDatabase(settings, context, { max: 3 });
  const publisher = createPublisher({ kafka: openRoleKafka(settings, context), registry, log });
  const topicOf = (name: string) => settings.TOPIC_PREFIX + name;
  const relay = await startRelay({ ...context, db, publisher, shards: RELAY_SHARDS, topicOf });
  return joinParts([relay], async () => {
    await publisher.close();
    await db.close();
  });
}

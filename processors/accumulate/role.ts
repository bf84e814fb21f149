/** The role `accumulate`: the consumer of proposals, and the recurring sweep and cure. */
import type { RoleSettings } from '../../schemas/settings.ts';
import { CLIENT_PARTITIONS, TOPIC, TOPICS } from '../../schemas/topology.ts';
import { runStateful } from '../runtime/consumer.ts';
import { startIntents } from '../runtime/intents.ts';
import { ensureIntents, joinParts, openRoleDatabase, openRoleKafka, openSchemas } from '../runtime/parts.ts';
import type { RoleContext, RunningRole } from '../runtime/role.ts';
import { cureKind, sweepKind } from './recurring.ts';
import { accumulateHandler, GROUP } from './wiring.ts';

/** Partitions worked on at a time; each holds one connection while its batch is written. */
const CONCURRENCY = 4;

/** @throws when the registry, the database or Kafka can't be reached */
export async function startAccumulate(
  settings: RoleSettings<'accumulate'>,
  context: RoleContext,
): Promise<RunningRole> {
  const { registry: metrics, clock } = context;
  const schemas = await openSchemas(settings);
  const db = openRoleDatabase(settings, context, { max: CONCURRENCY + 2, role: 'processor' });
  const sweeps = Array.from({ length: CLIENT_PARTITIONS }, (_, partition) => ({
    key: `sweep:${partition}`,
    kind: 'sweep',
    subject: String(partition),
    dueAt: clock.now(),
  }));
  await ensureIntents(db, sweeps, clock.now());
  const consumer = await runStateful({
    ...context,
    db,
    kafka: openRoleKafka(settings, context),
    groupId: settings.TOPIC_PREFIX + GROUP,
    topic: settings.TOPIC_PREFIX + TOPIC.valued,
    partitions: TOPICS[TOPIC.valued].partitions,
    sessionTimeoutMs: settings.KAFKA_SESSION_TIMEOUT,
    concurrency: CONCURRENCY,
    handler: accumulateHandler({ db, clock, settings, metrics, ...schemas }),
  });
  const recurring = { db, clock, settings, ...schemas };
  const kinds = [sweepKind(recurring), cureKind(recurring)];
  const intents = await startIntents({ ...context, db, kinds, concurrency: 2 });
  return joinParts([consumer, intents], () => db.close());
}

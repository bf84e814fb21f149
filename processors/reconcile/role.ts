/** The role `reconcile`: every invariant once a minute, and the list of what was parked. */
import { openDatabase } from '../../ledger/db.ts';
import type { Check } from '../../ledger/invariants.ts';
import { createChain } from '../../providers/evm/chain.ts';
import type { RoleSettings } from '../../schemas/settings.ts';
import { TOPIC, TOPICS } from '../../schemas/topology.ts';
import { runStateful } from '../runtime/consumer.ts';
import type { EffectKind } from '../runtime/intent-steps.ts';
import { startIntents } from '../runtime/intents.ts';
import { ensureIntents, joinParts, openRoleDatabase, openRoleKafka, openSchemas } from '../runtime/parts.ts';
import type { RoleContext, RunningRole } from '../runtime/role.ts';
import { checkMetrics } from './check-metrics.ts';
import { quarantineHandler } from './quarantine-wiring.ts';
import { reconcile } from './run.ts';

const EVERY_MS = 60_000;
const STATEMENT_MS = 60_000;

/** @throws when the registry, the database or Kafka can't be reached */
export async function startReconcile(
  settings: RoleSettings<'reconcile'>,
  context: RoleContext,
): Promise<RunningRole> {
  const { clock, registry, log } = context;
  const schemas = await openSchemas(settings);
  const db = openRoleDatabase(settings, context, { max: 3 });
  const audits = openDatabase({
    url: settings.DATABASE_URL,
    max: 2,
    applicationName: 'spillway-reconcile-audit',
    statementTimeoutMs: STATEMENT_MS,
    onError: (error) => log.warn({ kind: 'database', err: error }, 'a database connection broke'),
  });
  const kafka = openRoleKafka(settings, context);
  const chain = createChain({
    rpcUrls: settings.EVM_RPC_URLS,
    chainId: BigInt(settings.EVM_CHAIN_ID),
    usdtContract: settings.USDT_CONTRACT,
  });
  const metrics = checkMetrics(registry, clock);
  const deps = {
    ...schemas,
    db: audits,
    kafka,
    chain,
    clock,
    random: context.random,
    chainId: BigInt(settings.EVM_CHAIN_ID),
    address: settings.HOST_WALLET_ADDRESS,
    topicPrefix: settings.TOPIC_PREFIX,
    rateMaxAgeMs: settings.RATE_MAX_AGE,
  };
  const kind = recurring(async () => {
    const checks = await reconcile(deps);
    metrics.record(checks);
    for (const check of checks) {
      if (check.ok === false)
        log.error({ check: check.name, difference: check.difference }, `invariant broken: ${check.name}`);
    }
    return checks;
  });
  await ensureIntents(
    db,
    [{ key: 'reconcile', kind: 'reconcile', subject: 'reconcile', dueAt: clock.now() }],
    clock.now(),
  );
  const consumer = await runStateful({
    ...context,
    db,
    kafka,
    groupId: `${settings.TOPIC_PREFIX}reconcile`,
    topic: settings.TOPIC_PREFIX + TOPIC.quarantine,
    partitions: TOPICS[TOPIC.quarantine].partitions,
    sessionTimeoutMs: settings.KAFKA_SESSION_TIMEOUT,
    handler: quarantineHandler({ ...schemas, db, clock, log }),
  });
  const intents = await startIntents({ ...context, db, kinds: [kind], callMs: EVERY_MS, concurrency: 1 });
  return joinParts([consumer, intents], async () => {
    chain.close();
    await audits.close();
    await db.close();
  });
}

function recurring(run: () => Promise<readonly Check[]>): EffectKind<null, readonly Check[]> {
  return {
    kind: 'reconcile',
    plan: async () => ({ call: null }),
    perform: run,
    apply: async (_tx, _intent, _call, _outcome, now) => ({ pollAt: new Date(now.getTime() + EVERY_MS) }),
    isEffect: () => false,
  };
}

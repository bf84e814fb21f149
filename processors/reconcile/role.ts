/** The role `reconcile`: every invariant once a minute, the list of what was parked, and webhooks that never came. */
import { openDatabase } from '../../ledger/db.ts';
import type { Check } from '../../ledger/invariants.ts';
import { createChain } from '../../providers/evm/chain.ts';
import { createNowPayments } from '../../providers/nowpayments/client.ts';
import type { Codec } from '../../schemas/codec.ts';
import { orderKeys } from '../../schemas/order-mac.ts';
import type { RoleSettings } from '../../schemas/settings.ts';
import { TOPIC, TOPICS } from '../../schemas/topology.ts';
import { runStateful } from '../runtime/consumer.ts';
import type { EffectKind } from '../runtime/intent-steps.ts';
import { startIntents } from '../runtime/intents.ts';
import { ensureIntents, joinParts, openRoleDatabase, openRoleKafka, openSchemas } from '../runtime/parts.ts';
import type { RoleContext, RunningRole } from '../runtime/role.ts';
import { checkMetrics } from './check-metrics.ts';
import { missedMetrics } from './missed-metrics.ts';
import { quarantineHandler } from './quarantine-wiring.ts';
import { reconcile } from './run.ts';
import { lookAges } from './transition-missed.ts';
import { type MissedDeps, missedKind } from './wiring-missed.ts';

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
  const ages = lookAges(settings.MISSED_AFTER, settings.MISSED_UNTIL);
  const looks = ages.map((_, look) => ({ key: `missed:${look}`, kind: 'missed', subject: String(look) }));
  const single = { key: 'reconcile', kind: 'reconcile', subject: 'reconcile' };
  await ensureIntents(
    db,
    [single, ...looks].map((wish) => ({ ...wish, dueAt: clock.now() })),
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
  const missed = await startIntents({
    ...context,
    db,
    kinds: [
      missedKind({
        ...missedDeps(settings, context, schemas.codec, ages),
        ...missedMetrics(registry, db, clock),
      }),
    ],
    concurrency: 2,
  });
  return joinParts([consumer, intents, missed], async () => {
    chain.close();
    await audits.close();
    await db.close();
  });
}

/** Looks ask for pages of the provider's list; one by one only where the list is refused. */
const NOWPAYMENTS_PER_MINUTE = 600;

function missedDeps(
  settings: RoleSettings<'reconcile'>,
  context: RoleContext,
  codec: Codec,
  ages: readonly number[],
): Omit<MissedDeps, 'onMissed' | 'onCompared'> {
  const { NOWPAYMENTS_EMAIL: email, NOWPAYMENTS_PASSWORD: password } = settings;
  return {
    codec,
    ages,
    payments: createNowPayments({
      baseUrl: settings.NOWPAYMENTS_API_URL,
      apiKey: settings.NOWPAYMENTS_API_KEY,
      perMinute: NOWPAYMENTS_PER_MINUTE,
      login: email === undefined || password === undefined ? undefined : { email, password },
    }),
    orders: orderKeys({
      secret: settings.ORDER_SECRET,
      previous: settings.ORDER_SECRET_PREVIOUS,
      legacy: settings.LEGACY_ORDERS,
    }),
    warn: (message) => context.log.warn({ kind: 'network' }, message),
  };
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

/** One run of every invariant against the configured servers, for the command line and the demo. */
import { openDatabase } from '../ledger/db.ts';
import type { Check } from '../ledger/invariants.ts';
import { reconcile } from '../processors/reconcile/run.ts';
import { systemClock, systemRandom } from '../processors/runtime/clock.ts';
import { createKafka } from '../processors/runtime/kafka.ts';
import { kafkaOptions } from '../processors/runtime/kafka-settings.ts';
import { createLogger } from '../processors/runtime/logger.ts';
import { openSchemas } from '../processors/runtime/parts.ts';
import { createChain } from '../providers/evm/chain.ts';
import { operatorSettings } from './environment.ts';

const STATEMENT_MS = 120_000;

/** @throws SettingsError when an address is missing */
export async function runReconcile(): Promise<Check[]> {
  const settings = await operatorSettings(
    'KAFKA_BROKERS',
    'SCHEMA_REGISTRY_URL',
    'DATABASE_URL',
    'EVM_RPC_URLS',
    'EVM_CHAIN_ID',
    'USDT_CONTRACT',
    'HOST_WALLET_ADDRESS',
  );
  const log = createLogger({ role: 'reconcile', level: 'silent' });
  const db = openDatabase({
    url: settings.DATABASE_URL,
    max: 2,
    applicationName: 'spillway-reconcile-cli',
    statementTimeoutMs: STATEMENT_MS,
  });
  const chain = createChain({
    rpcUrls: settings.EVM_RPC_URLS,
    chainId: BigInt(settings.EVM_CHAIN_ID),
    usdtContract: settings.USDT_CONTRACT,
  });
  try {
    return await reconcile({
      ...(await openSchemas(settings)),
      db,
      chain,
      kafka: createKafka(kafkaOptions(settings, 'spillway-reconcile-cli', log)),
      clock: systemClock,
      random: systemRandom,
      chainId: BigInt(settings.EVM_CHAIN_ID),
      address: settings.HOST_WALLET_ADDRESS,
      topicPrefix: settings.TOPIC_PREFIX,
      rateMaxAgeMs: settings.RATE_MAX_AGE,
    });
  } finally {
    chain.close();
    await db.close();
  }
}

/** What `spillway audit` opens, and how it reads `--at`. */
import { openDatabase } from '../ledger/db.ts';
import { type AuditRequest, audit } from '../processors/reconcile/audit.ts';
import type { AuditReport } from '../processors/reconcile/audit-report.ts';
import { systemClock, systemRandom } from '../processors/runtime/clock.ts';
import { createKafka } from '../processors/runtime/kafka.ts';
import { kafkaOptions } from '../processors/runtime/kafka-settings.ts';
import { createLogger } from '../processors/runtime/logger.ts';
import { openSchemas } from '../processors/runtime/parts.ts';
import { isClientId } from '../schemas/order-id.ts';
import { TOPIC } from '../schemas/topology.ts';
import { operatorSettings } from './environment.ts';
import { UsageError } from './usage-error.ts';

/** Sorting millions of rows for the first page takes its time. */
const STATEMENT_MS = 15 * 60_000;

const OFFSET = new RegExp(`^(${TOPIC.journal}|${TOPIC.valued.replace('.', '\\.')}):(\\d{1,4})=(\\d{1,18})$`);
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * @param at a time with its zone, or `topic:partition=offset,...`
 * @throws UsageError naming the part that is neither
 */
export function auditRequestOf(at: string | undefined, client: string | undefined): AuditRequest {
  if (client !== undefined && !isClientId(client))
    throw new UsageError(`--client ${client}: give a client id, like -1003268562225`);
  const one = client === undefined ? {} : { client: BigInt(client) };
  if (at === undefined) return one;
  if (TIME.test(at) && !Number.isNaN(Date.parse(at))) return { ...one, at: new Date(at) };
  const offsets = new Map<string, bigint>();
  for (const part of at.split(',')) {
    const match = OFFSET.exec(part.trim());
    if (!match)
      throw new UsageError(
        `--at ${part}: give a time like 2026-03-01T12:00:00Z, or offsets like ${TOPIC.journal}:0=120,${TOPIC.valued}:0=345`,
      );
    offsets.set(`${match[1]}:${match[2]}`, BigInt(match[3]!));
  }
  return { ...one, offsets };
}

/** @throws SettingsError when an address is missing */
export async function runAudit(
  request: AuditRequest,
  onPartition?: (partition: number, of: number) => void,
): Promise<AuditReport> {
  const settings = await operatorSettings('KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'DATABASE_URL');
  const log = createLogger({ role: 'reconcile', level: 'silent' });
  const db = openDatabase({
    url: settings.DATABASE_URL,
    max: 2,
    applicationName: 'spillway-audit',
    statementTimeoutMs: STATEMENT_MS,
  });
  try {
    const deps = {
      ...(await openSchemas(settings)),
      db,
      kafka: createKafka(kafkaOptions(settings, 'spillway-audit', log)),
      clock: systemClock,
      random: systemRandom,
      topicPrefix: settings.TOPIC_PREFIX,
    };
    return await audit(onPartition ? { ...deps, onPartition } : deps, request);
  } finally {
    await db.close();
  }
}

/** Runs invariant (7) over the whole topics: a snapshot of the ledger first, then everything that it must follow from. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../ledger/db.ts';
import type { Check } from '../../ledger/invariants.ts';
import { type LedgerSnapshot, ledgerSnapshot, outboxPublishedTo } from '../../ledger/sql/ledger-snapshot.ts';
import type { Codec } from '../../schemas/codec.ts';
import { TOPIC, type TopicName } from '../../schemas/topology.ts';
import { attemptOf } from '../accumulate/wiring.ts';
import type { Clock, RandomSource } from '../runtime/clock.ts';
import type { Kafka } from '../runtime/kafka.ts';
import type { LogRecord } from '../runtime/log-record.ts';
import { openTopicReader } from '../runtime/read-topic.ts';
import { audit } from './audit.ts';
import { differenceText } from './audit-report.ts';
import { readableValue } from './readable-value.ts';
import { differences, Recomputation } from './recompute.ts';

export interface TopicsCheckDeps {
  readonly db: Database;
  readonly kafka: Kafka;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly topicPrefix: string;
  readonly learnSchemas: (values: readonly (Buffer | null)[]) => Promise<void>;
  /** How long the relay may take to publish what the snapshot holds; 15,000 ms. */
  readonly relayWaitMs?: number;
}

const NAME = 'ledger_equals_topics';
/** Longer than any record of a posting set that a snapshot holds may take to be dated and committed. */
const RECENT_MS = 15 * 60_000;
const RELAY_WAIT_MS = 15_000;

export async function checkTopics(deps: TopicsCheckDeps): Promise<Check> {
  try {
    const since = new Date(deps.clock.now().getTime() - RECENT_MS);
    const snapshot = await deps.db.transaction((tx) => ledgerSnapshot(tx, since), {
      isolation: 'repeatable read',
      readOnly: true,
    });
    await relayCaughtUp(deps.db, snapshot.lastOutboxId, deps.relayWaitMs ?? RELAY_WAIT_MS);
    const result = await recompute(deps, snapshot, since);
    const found = differences(snapshot.balances, result.balances);
    if (found.length === 0) return { name: NAME, ok: true, difference: '0', detail: '' };
    const text = (items: typeof found) =>
      items.map(({ key, difference }) => `${key} ${difference}`).join(', ');
    return {
      name: NAME,
      ok: false,
      difference: text(found.slice(0, 3)),
      detail: [text(found.slice(0, 20)), await firstOf(deps)].join('; '),
    };
  } catch (error) {
    return {
      name: NAME,
      ok: null,
      difference: '',
      detail: `could not be checked: ${(error as Error).message}`,
    };
  }
}

async function relayCaughtUp(db: Database, id: bigint, waitMs: number): Promise<void> {
  const until = performance.now() + waitMs;
  while (!(await outboxPublishedTo(db, id))) {
    if (performance.now() > until) throw new Error('the relay has not published what the ledger holds');
    await pause(50);
  }
}

async function recompute(
  deps: TopicsCheckDeps,
  snapshot: LedgerSnapshot,
  since: Date,
): Promise<Recomputation> {
  const result = new Recomputation();
  const prefixed = (topic: string) => deps.topicPrefix + topic;
  const reader = await openTopicReader({
    kafka: deps.kafka,
    topics: [prefixed(TOPIC.journal), prefixed(TOPIC.valued)],
    groupId: `${deps.topicPrefix}reconcile-${deps.random.uuid()}`,
  });
  const read = (topic: TopicName, partition: number, each: (record: LogRecord) => void) =>
    reader.read([{ topic: prefixed(topic), partition }], async (_partition, records) => {
      await deps.learnSchemas(records.map((record) => record.value));
      for (const record of records) each(record);
    });
  try {
    for (const partition of reader.partitions(prefixed(TOPIC.journal))) {
      // At least once: a repeated record is the same posting set, and stands in the same partition.
      const seen = new Set<string>();
      await read(TOPIC.journal, partition, (record) => {
        const entry = deps.codec.decode(TOPIC.journal, record.value!);
        if (seen.has(entry.posting_set_id)) return;
        seen.add(entry.posting_set_id);
        const isLater =
          entry.transfers.length > 0 &&
          entry.occurred_at >= since &&
          !snapshot.recentSets.has(entry.posting_set_id);
        if (!isLater) result.journal(entry, record.key);
      });
      const end = snapshot.positions.get(partition) ?? 0n;
      await read(TOPIC.valued, partition, (record) => {
        const value = record.offset < end ? readableValue(deps.codec, record) : undefined;
        if (value)
          result.valued(value, { partition, offset: record.offset, attempt: attemptOf(record.headers) });
      });
      result.forgetPayments();
    }
    return result;
  } finally {
    await reader.close();
  }
}

/** The audit names the record; what it could not name is said as it is. */
async function firstOf(deps: TopicsCheckDeps): Promise<string> {
  try {
    const [first] = (await audit(deps)).differences;
    return first ? `first: ${differenceText(first)}` : 'an audit right after it found nothing';
  } catch (error) {
    return `the audit could not be made: ${(error as Error).message}`;
  }
}

/** Runs invariant (7) over the whole topics: a snapshot of the ledger first, then everything that it must follow from. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../ledger/db.ts';
import type { Check } from '../../ledger/invariants.ts';
import {
  type LedgerSnapshot,
  ledgerSnapshot,
  outboxPublishedTo,
  unjournalled,
} from '../../ledger/sql/ledger-snapshot.ts';
import { type Codec, CodecError } from '../../schemas/codec.ts';
import type { PaymentValued } from '../../schemas/events.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { attemptOf, unkeepable } from '../accumulate/wiring.ts';
import type { Clock, RandomSource } from '../runtime/clock.ts';
import type { Kafka } from '../runtime/kafka.ts';
import type { LogRecord } from '../runtime/log-record.ts';
import { readTopic } from '../runtime/read-topic.ts';
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
    const { result, journalled } = await recompute(deps, snapshot, since);
    const found = differences(snapshot.balances, result.balances);
    if (found.length === 0) return { name: NAME, ok: true, difference: '0', detail: '' };
    const text = (items: typeof found) =>
      items.map(({ key, difference }) => `${key} ${difference}`).join(', ');
    const missing = await unjournalled(deps.db, journalled);
    return {
      name: NAME,
      ok: false,
      difference: text(found.slice(0, 3)),
      detail: [text(found.slice(0, 20)), ...missing.map((set) => `not in the journal: ${set}`)].join('; '),
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
): Promise<{ readonly result: Recomputation; readonly journalled: ReadonlySet<string> }> {
  const result = new Recomputation();
  const seenSets = new Set<string>();
  await read(deps, TOPIC.journal, (_partition, record) => {
    const entry = deps.codec.decode(TOPIC.journal, record.value!);
    // At least once: a repeated record is the same posting set.
    if (seenSets.has(entry.posting_set_id)) return;
    seenSets.add(entry.posting_set_id);
    const isLater =
      entry.transfers.length > 0 &&
      entry.occurred_at >= since &&
      !snapshot.recentSets.has(entry.posting_set_id);
    if (!isLater) result.journal(entry, record.key);
  });
  await read(deps, TOPIC.valued, (partition, record) => {
    if (record.offset >= (snapshot.positions.get(partition) ?? 0n)) return;
    const value = readableValue(deps.codec, record);
    if (value) result.valued(value, { partition, offset: record.offset, attempt: attemptOf(record.headers) });
  });
  return { result, journalled: seenSets };
}

/** What cannot be decoded or kept, and what stands under another's key, is in quarantine and carries no value. */
export function readableValue(
  codec: Codec,
  record: Pick<LogRecord, 'key' | 'value'>,
): PaymentValued | undefined {
  if (record.value === null) return undefined;
  try {
    const value = codec.decode(TOPIC.valued, record.value);
    return unkeepable(value) === undefined && record.key === value.payment.client_id ? value : undefined;
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

async function read(
  deps: TopicsCheckDeps,
  topic: typeof TOPIC.journal | typeof TOPIC.valued,
  each: (partition: number, record: LogRecord) => void,
): Promise<void> {
  await readTopic({
    kafka: deps.kafka,
    topic: deps.topicPrefix + topic,
    groupId: `${deps.topicPrefix}reconcile-${deps.random.uuid()}`,
    onBatch: async (partition, records) => {
      await deps.learnSchemas(records.map((record) => record.value));
      for (const record of records) each(partition, record);
    },
  });
}

/**
 * The audit: balances recomputed from payments.valued and the journal alone, record by record against the ledger. One
 * snapshot of the ledger, then the topics partition by partition; the rows come through cursors, so that memory does not
 * grow with the ledger but with the payments of one partition.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Database, Db } from '../../ledger/db.ts';
import { balancesAt, rowBalances, totalBalances } from '../../ledger/sql/audit-balances.ts';
import { type AuditPositions, auditPositions } from '../../ledger/sql/audit-positions.ts';
import { entriesByKey, orphans, payoutsById, setsById } from '../../ledger/sql/audit-rows.ts';
import { auditStreams } from '../../ledger/sql/audit-streams.ts';
import { outboxBefore } from '../../ledger/sql/outbox-before.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { JournalRecord } from '../../schemas/events.ts';
import { partitionOf } from '../../schemas/partition.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { attemptOf } from '../accumulate/wiring.ts';
import type { Clock, RandomSource } from '../runtime/clock.ts';
import type { Kafka } from '../runtime/kafka.ts';
import type { LogRecord } from '../runtime/log-record.ts';
import { openTopicReader, type TopicReader } from '../runtime/read-topic.ts';
import { amountText, entryKey, type RecordRef } from './audit-compare.ts';
import { AuditFold, type BalanceLine, type JournalRows } from './audit-fold.ts';
import { type AuditReport, reportOf } from './audit-report.ts';
import { readableValue } from './readable-value.ts';
import { clientOfKey } from './recompute.ts';

export interface AuditDeps {
  readonly db: Database;
  readonly kafka: Kafka;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly topicPrefix: string;
  readonly learnSchemas: (values: readonly (Buffer | null)[]) => Promise<void>;
  /** How long the relay may take to publish what the snapshot holds; 15,000 ms. */
  readonly relayWaitMs?: number;
  /** Told when a partition begins. */
  readonly onPartition?: (partition: number, of: number) => void;
}

export interface AuditRequest {
  /** Balances as of this time of booking. */
  readonly at?: Date | undefined;
  /** Or up to these offsets (not included), by `topic:partition` without TOPIC_PREFIX; others are read to their end. */
  readonly offsets?: ReadonlyMap<string, bigint> | undefined;
  readonly client?: bigint | undefined;
}

const RELAY_WAIT_MS = 15_000;

/** @throws Error when the relay has not published what the ledger holds, saying what is left */
export async function audit(deps: AuditDeps, request: AuditRequest = {}): Promise<AuditReport> {
  return deps.db.transaction(
    async (tx) => {
      const positions = await auditPositions(tx);
      if (!request.offsets) await relayCaughtUp(deps, positions, request.at);
      const reader = await openTopicReader({
        kafka: deps.kafka,
        topics: [TOPIC.journal, TOPIC.valued].map((topic) => deps.topicPrefix + topic),
        groupId: `${deps.topicPrefix}audit-${deps.random.uuid()}`,
      });
      try {
        return await new Run(deps, request, tx, reader, positions).all();
      } finally {
        await reader.close();
      }
    },
    { isolation: 'repeatable read', readOnly: true },
  );
}

async function relayCaughtUp(
  deps: AuditDeps,
  { lastOutboxId }: AuditPositions,
  at: Date | undefined,
): Promise<void> {
  const until = performance.now() + (deps.relayWaitMs ?? RELAY_WAIT_MS);
  for (;;) {
    const left = await outboxBefore(deps.db, lastOutboxId, at);
    if (left.length === 0) return;
    if (performance.now() > until) {
      const what = left.map(({ topic, count }) => `${count} of ${topic}`).join(', ');
      const oldest = left.map((one) => one.oldest).sort((a, b) => a.getTime() - b.getTime())[0]!;
      throw new Error(
        `the relay has not published what the ledger holds: in the outbox are ${what}, the oldest of ${oldest.toISOString()}; start the relay, or audit as of a time before that`,
      );
    }
    await pause(50);
  }
}

class Run {
  readonly #deps: AuditDeps;
  readonly #request: AuditRequest;
  readonly #tx: Db;
  readonly #reader: TopicReader;
  readonly #positions: AuditPositions;
  readonly #offsets: Record<string, string> = {};
  readonly #lines: BalanceLine[] = [];

  constructor(
    deps: AuditDeps,
    request: AuditRequest,
    tx: Db,
    reader: TopicReader,
    positions: AuditPositions,
  ) {
    this.#deps = deps;
    this.#request = request;
    this.#tx = tx;
    this.#reader = reader;
    this.#positions = positions;
  }

  async all(): Promise<AuditReport> {
    const { client, at, offsets } = this.#request;
    const scope = { client: client?.toString(), at, isPrefix: offsets !== undefined };
    const fold = new AuditFold(await auditStreams(this.#tx, client), scope);
    const clients = new Map<string, bigint>();
    const partitions = this.#partitions();
    for (const partition of partitions) {
      this.#deps.onPartition?.(partition, partitions.length);
      await this.#journal(fold, partition);
      const end = await this.#valued(fold, partition);
      const ended = await fold.endPartition(partition, end);
      this.#lines.push(...ended.lines);
      if (client === undefined) continue;
      for (const [key, balance] of ended.balances)
        if (key.startsWith(`client:${client}:`)) clients.set(key, balance);
    }
    await fold.end();
    if (client === undefined && !offsets && !at) await this.#orphans(fold);
    return this.#report(fold, clients);
  }

  #partitions(): number[] {
    const { client } = this.#request;
    const all = this.#reader.partitions(this.#deps.topicPrefix + TOPIC.valued);
    return client === undefined ? all : [partitionOf(String(client), all.length)];
  }

  /** Where reading ends, remembered for the report. */
  #end(topic: typeof TOPIC.journal | typeof TOPIC.valued, partition: number, most?: bigint): bigint {
    const { high } = this.#reader.range({ topic: this.#deps.topicPrefix + topic, partition });
    const asked = this.#request.offsets?.get(`${topic}:${partition}`) ?? high;
    const end = [high, asked, most ?? high].reduce((a, b) => (a < b ? a : b));
    this.#offsets[`${topic}:${partition}`] = String(end);
    return end;
  }

  async #journal(fold: AuditFold, partition: number): Promise<void> {
    const { deps, topic } = { deps: this.#deps, topic: TOPIC.journal };
    const only = this.#request.client?.toString();
    const part = { topic: deps.topicPrefix + topic, partition, until: this.#end(topic, partition) };
    await this.#reader.read([part], async (_partition, records) => {
      await deps.learnSchemas(records.map((record) => record.value));
      const page: JournalItem[] = [];
      const ids = new Set<string>();
      for (const record of records) {
        if (only !== undefined && record.key !== only) continue;
        const value = deps.codec.decode(topic, record.value!);
        if (ids.has(value.posting_set_id) || fold.isRepeat(value)) continue;
        ids.add(value.posting_set_id);
        const ref = { topic, partition, offset: record.offset, event_id: value.event_id };
        page.push({ ref, key: record.key, value });
      }
      await this.#page(fold, page);
    });
  }

  async #page(fold: AuditFold, page: readonly JournalItem[]): Promise<void> {
    const rows = await rowsOf(this.#tx, page);
    const absent = page.filter(
      ({ value }) => value.transfers.length > 0 && !rows.sets.has(value.posting_set_id),
    );
    // What was published was committed before: not in the snapshot, but in the ledger, is what came after it.
    const later = await setsById(this.#deps.db, uuids(absent.map(({ value }) => value.posting_set_id)));
    for (const { ref, key, value } of page) {
      if (!later.has(value.posting_set_id)) fold.journal(ref, value, key, rows);
    }
  }

  async #valued(fold: AuditFold, partition: number): Promise<bigint> {
    const { deps, topic } = { deps: this.#deps, topic: TOPIC.valued };
    const only = this.#request.client?.toString();
    const until = this.#end(topic, partition, this.#positions.valued.get(partition) ?? 0n);
    const part = { topic: deps.topicPrefix + topic, partition, until };
    await this.#reader.read([part], async (_partition, records: readonly LogRecord[]) => {
      await deps.learnSchemas(records.map((record) => record.value));
      for (const record of records) {
        const value = readableValue(deps.codec, record);
        if (!value || (only !== undefined && record.key !== only)) continue;
        await fold.valued({ partition, offset: record.offset, attempt: attemptOf(record.headers) }, value);
      }
    });
    return until;
  }

  async #orphans(fold: AuditFold): Promise<void> {
    for (const { what, client_id, asset, amount, at } of await orphans(this.#tx)) {
      fold.note({
        at,
        record: null,
        what: `${what} of client ${client_id}`,
        topics: 'no posting stands behind it',
        ledger: amountText(asset, amount),
        keys: [`client:${client_id}:available|${asset}`],
      });
    }
  }

  async #report(fold: AuditFold, clients: ReadonlyMap<string, bigint>): Promise<AuditReport> {
    const { client, offsets, at } = this.#request;
    const isNow = !offsets && !at;
    const ofAll = client === undefined;
    const report = reportOf(
      {
        told: ofAll ? fold.fold.balances : clients,
        totals: ofAll ? await this.#totals() : undefined,
        rows: ofAll && isNow ? await rowBalances(this.#tx) : undefined,
        clients: this.#lines,
        clientsCompared: isNow,
        differences: fold.differences,
        differenceCount: fold.counts.differences,
      },
      this.#deps.clock.now(),
    );
    const { journal, valued, credits } = fold.counts;
    return { ...report, records: { journal, valued, credits }, offsets: this.#offsets };
  }

  /** Of the general ledger; of offsets it keeps none. */
  async #totals(): Promise<Map<string, bigint> | undefined> {
    const { offsets, at } = this.#request;
    if (offsets) return undefined;
    return at ? balancesAt(this.#tx, at) : totalBalances(this.#tx);
  }
}

interface JournalItem {
  readonly ref: RecordRef;
  readonly key: string;
  readonly value: JournalRecord;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const uuids = (ids: readonly string[]) => ids.filter((id) => UUID.test(id));

/** What a page of the journal made, in three statements. */
async function rowsOf(tx: Db, page: readonly JournalItem[]): Promise<JournalRows> {
  const records = page.map(({ value }) => value);
  const sets = await setsById(tx, uuids(records.map((record) => record.posting_set_id)));
  const wanted = records.flatMap(({ entries }) =>
    entries
      .filter(({ client_id }) => clientOfKey(client_id) !== undefined)
      .map(({ client_id, seq, amount }) => ({ client_id, seq, asset: amount.asset })),
  );
  const entries = await entriesByKey(tx, wanted);
  const made = records.filter(({ cause_kind }) => cause_kind === 'payout_created');
  const payouts = await payoutsById(tx, uuids(made.map((record) => record.cause_id)));
  return {
    sets,
    entries: new Map(entries.map((row) => [entryKey(row.client_id, row.asset, BigInt(row.seq)), row])),
    payouts: new Map(payouts.map((row) => [row.payout_id, row])),
  };
}

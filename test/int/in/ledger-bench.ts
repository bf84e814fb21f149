/**
 * The real ledger with the real driver, handler, sweep and cure, fed by hand: a log in memory stands for the topic
 * payments.valued, the outbox for all others. What needs no broker is tested without one.
 */
import { Registry } from 'prom-client';
import { addClient, type ClientPolicy } from '../../../gateway/api/clients.ts';
import { type Database, openDatabase } from '../../../ledger/db.ts';
import { checkInvariants } from '../../../ledger/invariants.ts';
import { ledgerSnapshot } from '../../../ledger/sql/ledger-snapshot.ts';
import { writeRows } from '../../../ledger/sql/write-rows.ts';
import { decodeRow, type RowOf, type Table } from '../../../ledger/table.ts';
import {
  type ClientAccountRow,
  type ClientRow,
  clientAccounts,
  pairLimits,
  rates,
} from '../../../ledger/tables.ts';
import { accumulateHandler, attemptOf, GROUP } from '../../../processors/accumulate/wiring.ts';
import { convertHandler } from '../../../processors/convert/wiring.ts';
import { readableValue } from '../../../processors/reconcile/readable-value.ts';
import { differences, Recomputation } from '../../../processors/reconcile/recompute.ts';
import type { Batch, LogRecord } from '../../../processors/runtime/log-record.ts';
import type { Outcome } from '../../../processors/runtime/partition-driver.ts';
import type { OutRecord } from '../../../processors/runtime/publisher.ts';
import { StatefulDriver, type StatefulHandler } from '../../../processors/runtime/stateful.ts';
import type { LedgerAsset } from '../../../schemas/assets.ts';
import { createCodec } from '../../../schemas/codec.ts';
import { eventId } from '../../../schemas/event-id.ts';
import type {
  JournalRecord,
  PaymentFacts,
  PaymentReceived,
  PaymentValued,
  TopicValues,
} from '../../../schemas/events.ts';
import { partitionOf } from '../../../schemas/partition.ts';
import { CLIENT_PARTITIONS, TOPIC, TOPIC_NAMES, type TopicName } from '../../../schemas/topology.ts';
import { limitRow, NOW, rateRow } from '../../fixtures/ledger-rows.ts';
import { log } from '../runtime/support.ts';
import { type FreshDatabase, freshDatabase } from '../setup/database.ts';

/** A Monero address with a valid checksum. */
export const XMR_ADDRESS =
  '4AdUndXHHZ6cfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2684Rge';

export const codec = createCodec(
  Object.fromEntries(TOPIC_NAMES.map((topic, index) => [topic, index + 1])) as Record<TopicName, number>,
);

export const THRESHOLD_500: ClientPolicy = {
  strategy: 'threshold',
  thresholdUsd: '500',
  maxWaitMs: null,
  currency: 'xmr',
  network: 'xmr',
  address: XMR_ADDRESS,
  memo: null,
};
export const INSTANT: ClientPolicy = { ...THRESHOLD_500, strategy: 'instant', thresholdUsd: null };

export interface Driven {
  readonly driver: StatefulDriver;
  readonly handler: StatefulHandler;
  /** Inputs by `end/reason`, as the metric counts them. */
  endings(): Promise<Record<string, number>>;
}

const AHEAD = 1_000_000n;
let lastClient = -1_003_000_000_000n;

export class LedgerBench {
  readonly url: string;
  readonly db: Database;
  readonly clock = { now: () => this.time };
  readonly metrics = new Registry();
  /** What payments.valued holds, by partition. */
  readonly log = new Map<number, LogRecord[]>();
  readonly main: Driven;
  time = NOW;
  readonly #fresh: FreshDatabase;
  #carried = 0n;

  constructor(fresh: FreshDatabase) {
    this.#fresh = fresh;
    this.url = fresh.url;
    this.db = this.connect();
    this.main = this.drive(this.db, 'main', this.metrics);
  }

  /** An empty ledger with known minima (10 USDT, 0.01 ETH for XMR), a rate of 4,000 and all partitions taken. */
  static async open(): Promise<LedgerBench> {
    const bench = new LedgerBench(await freshDatabase());
    await writeRows(bench.db, pairLimits, [limitRow('USDT', '10'), limitRow('ETH', '0.01')], 'insert');
    await writeRows(bench.db, rates, [rateRow()], 'insert');
    await bench.db.query("INSERT INTO fee_schedule (valid_from, bps) VALUES ('1970-01-01', 300)");
    await bench.takeOver(bench.main);
    return bench;
  }

  async close(): Promise<void> {
    await this.db.close();
    await this.#fresh.drop();
  }

  connect(max = 8): Database {
    return openDatabase({ url: this.url, max, applicationName: 'ledger-bench', role: 'processor' });
  }

  /** A consumer of its own on this ledger. @param wrap changes its handler, for tests of what can go wrong */
  drive(
    db: Database,
    owner: string,
    metrics = new Registry(),
    wrap = (handler: StatefulHandler) => handler,
  ): Driven {
    const settings = { PARTIAL_AFTER: 3_600_000, RATE_MAX_AGE: 300_000 };
    const learnSchemas = async () => undefined;
    const handler = wrap(
      accumulateHandler({ db, codec, clock: this.clock, settings, metrics, learnSchemas }),
    );
    const options = { db, clock: this.clock, log, group: GROUP, topic: TOPIC.valued, owner, handler };
    return {
      driver: new StatefulDriver({ ...options, retryForMs: 5_000 }),
      handler,
      endings: () => endingsOf(metrics),
    };
  }

  /** Takes all partitions and reads on where the ledger stands, unless told only to take them. */
  async takeOver(driven: Driven, reading = true): Promise<void> {
    const all = Array.from({ length: CLIENT_PARTITIONS }, (_, partition) => partition);
    const bounds = new Map(all.map((partition) => [partition, { start: 0n, end: AHEAD }]));
    const seeks = await driven.driver.takeOver(all, async () => bounds);
    for (const [partition, offset] of reading ? seeks : []) {
      const records = this.log.get(partition)?.filter((record) => record.offset >= offset) ?? [];
      if (records.length > 0) await this.process({ topic: TOPIC.valued, partition, records }, driven);
    }
  }

  async addClient(policy: Partial<ClientPolicy> = {}, clientId?: bigint): Promise<ClientRow> {
    lastClient -= 1n;
    const id = String(clientId ?? lastClient);
    const input = { ...THRESHOLD_500, ...policy, clientId: id, title: 'channel', plans: [] };
    return addClient({ db: this.db, codec, now: this.clock.now }, input);
  }

  /** Appends to the log, without processing. @returns the records as a batch of their partition */
  append(values: readonly (PaymentValued | Buffer)[], part: Partial<LogRecord> = {}): Batch {
    const first = values.find((value): value is PaymentValued => !Buffer.isBuffer(value));
    const key = part.key ?? first?.payment.client_id ?? '';
    const partition = partitionOf(key);
    const kept = this.log.get(partition) ?? [];
    this.log.set(partition, kept);
    const records = values.map((value): LogRecord => {
      const isBytes = Buffer.isBuffer(value);
      const id = isBytes ? `bytes-${kept.length}` : value.event_id;
      const record = {
        offset: BigInt(kept.length),
        key,
        value: isBytes ? value : codec.encode(TOPIC.valued, value),
        timestamp: this.time,
        ...part,
        headers: { 'event-id': id, traceparent: TRACEPARENT, ...part.headers },
      };
      kept.push(record);
      return record;
    });
    return { topic: TOPIC.valued, partition, records };
  }

  /** Appends and processes as one batch; all values must be of one client or partition. */
  async feed(
    values: readonly (PaymentValued | Buffer)[],
    part: Partial<LogRecord> = {},
    driven = this.main,
  ): Promise<Outcome> {
    return this.process(this.append(values, part), driven);
  }

  process(batch: Batch, driven = this.main): Promise<Outcome> {
    return driven.driver.process(batch, new AbortController().signal);
  }

  /** One IPN on its way from payments.received through convert to accumulate. */
  async receive(payment: PaymentFacts): Promise<void> {
    const received = receivedOf(payment, this.time);
    const bytes = codec.encode(TOPIC.received, received);
    await this.convert(payment.client_id, bytes, { 'event-id': received.event_id });
  }

  /** What the relay does for the two topics that come back here: until nothing new is in the outbox. */
  async carry(): Promise<void> {
    for (;;) {
      const [row] = await this.db.query<CarriedRow>(
        'SELECT id, topic, key, value, headers FROM outbox WHERE id > $1 AND topic = ANY($2) ORDER BY id LIMIT 1',
        [this.#carried, [TOPIC.received, TOPIC.valued]],
      );
      if (!row) return;
      this.#carried = row.id;
      const headers = JSON.parse(row.headers) as Record<string, string>;
      const bytes = Buffer.from(row.value);
      if (row.topic === TOPIC.received) await this.convert(row.key, bytes, headers);
      else await this.feed([bytes], { key: row.key, headers });
    }
  }

  /** One record of payments.received as it stands in the log, on its way to accumulate. */
  async convert(key: string, value: Buffer, headers: Readonly<Record<string, string>>): Promise<void> {
    for (const record of await this.propose(key, value, headers)) {
      await this.feed([record.value], { key: record.key, headers: record.headers });
    }
  }

  /** What convert makes of it for payments.valued. */
  async propose(key: string, value: Buffer, headers: Readonly<Record<string, string>>): Promise<OutRecord[]> {
    const out: OutRecord[] = [];
    const handler = convertHandler({
      db: this.db,
      codec,
      clock: this.clock,
      settings: { TOPIC_PREFIX: '', RATE_MAX_AGE: 300_000 },
      metrics: this.metrics,
      learnSchemas: async () => undefined,
      publisher: { publish: async (records) => void out.push(...records) },
    });
    const record = { offset: 0n, key, value, headers, timestamp: this.time };
    await handler({ topic: TOPIC.received, partition: partitionOf(key), records: [record] });
    return out.filter(({ topic }) => topic === TOPIC.valued);
  }

  // readings

  async account(client: { client_id: bigint }, asset: LedgerAsset = 'USDT'): Promise<ClientAccountRow> {
    const found = await this.rows(clientAccounts, `client_id = ${client.client_id} AND asset = '${asset}'`);
    return found[0]!;
  }

  async rows<T extends Table>(table: T, where = 'true', order = '1'): Promise<RowOf<T>[]> {
    const raw = await this.db.query<Record<string, unknown>>(
      `SELECT * FROM ${table.name} WHERE ${where} ORDER BY ${order}`,
    );
    return raw.map((row) => decodeRow(table, row));
  }

  async count(table: string, where = 'true'): Promise<number> {
    const [row] = await this.db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM ${table} WHERE ${where}`,
    );
    return row!.n;
  }

  /** What waits for the relay in a topic, oldest first. */
  async emitted<T extends TopicName>(topic: T): Promise<OutboxRecord<T>[]> {
    const raw = await this.db.query<{ key: string; value: Uint8Array; headers: string; event_type: string }>(
      'SELECT key, value, headers, event_type FROM outbox WHERE topic = $1 ORDER BY id',
      [topic],
    );
    return raw.map((row) => ({
      key: row.key,
      type: row.event_type,
      bytes: Buffer.from(row.value),
      value: codec.decode(topic, Buffer.from(row.value)),
      headers: JSON.parse(row.headers) as Record<string, string>,
    }));
  }

  endings(): Promise<Record<string, number>> {
    return this.main.endings();
  }

  /** Names of broken invariants, the recomputation from the topics among them; empty when all hold. */
  async broken(): Promise<string[]> {
    const checks = await checkInvariants(this.db);
    const bad = checks.filter((check) => check.ok !== true).map((check) => `${check.name} ${check.detail}`);
    const snapshot = await this.db.transaction((tx) => ledgerSnapshot(tx, new Date(0)));
    const recomputed = new Recomputation();
    for (const { key, value } of await this.emitted(TOPIC.journal)) {
      recomputed.journal(value as JournalRecord, key);
    }
    for (const [partition, records] of this.log) {
      for (const record of records) {
        if (record.offset >= (snapshot.positions.get(partition) ?? 0n)) continue;
        const value = readableValue(codec, record);
        const place = { partition, offset: record.offset, attempt: attemptOf(record.headers) };
        if (value) recomputed.valued(value, place);
      }
    }
    const found = differences(snapshot.balances, recomputed.balances);
    return [...bad, ...found.map(({ key, difference }) => `topics ${key} ${difference}`)];
  }
}

interface CarriedRow {
  readonly id: bigint;
  readonly topic: string;
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: string;
}

export function receivedOf(payment: PaymentFacts, at: Date): PaymentReceived {
  return {
    event_id: eventId('received', JSON.stringify(payment)),
    occurred_at: at,
    payment,
    raw_digest: 'ab'.repeat(32),
    signature_form: 'raw',
    source: 'webhook',
  };
}

export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

export interface OutboxRecord<T extends TopicName> {
  readonly key: string;
  readonly type: string;
  readonly bytes: Buffer;
  readonly value: TopicValues[T];
  readonly headers: Record<string, string>;
}

export async function endingsOf(metrics: Registry, stage = GROUP): Promise<Record<string, number>> {
  const metric = await metrics.getSingleMetric('spillway_inputs_total')?.get();
  const mine = (metric?.values ?? []).filter(({ labels }) => labels.stage === stage);
  return Object.fromEntries(mine.map(({ labels, value }) => [`${labels.end}/${labels.reason}`, value]));
}

/**
 * Publishes what transactions left in the outbox: reads committed rows in id order, publishes, then deletes exactly
 * those. It keeps no cursor; killed between publishing and deleting it repeats, and event ids absorb that.
 */
import type { Registry } from 'prom-client';
import type { Database } from '../../ledger/db.ts';
import { deleteOutbox } from '../../ledger/sql/outbox-delete.ts';
import { type OutboxRow, readOutbox } from '../../ledger/sql/outbox-read.ts';
import { outboxState } from '../../ledger/sql/outbox-state.ts';
import type { Clock } from './clock.ts';
import { failPoint } from './fail-point.ts';
import type { Log } from './logger.ts';
import { counter, gauge } from './metrics.ts';
import type { OutRecord, Publisher } from './publisher.ts';
import { ShardOwner } from './shard-owner.ts';
import { Wake } from './wake.ts';

export interface RelayOptions {
  readonly db: Database;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly log: Log;
  /** Name of this process. */
  readonly owner: string;
  /** All shards of the outbox, 0 to shards - 1; each has one owner among all relays. */
  readonly shards: number;
  /** From the name in the row to the topic of the broker (TOPIC_PREFIX). */
  readonly topicOf: (name: string) => string;
  /** An owner silent for this long is replaced; 10,000 ms. */
  readonly silenceMs?: number;
}

export interface RunningRelay {
  ready(): boolean;
  /** Not ok when the loop has not come round for a minute, or rows wait that long although we own their shards. */
  progress(): { ok: boolean; detail: string };
  stop(): Promise<void>;
}

const READ_PER_SHARD = 500;
const PUBLISH_DEADLINE_MS = 30_000;
/** NOTIFY wakes us; this finds what a lost notification left. */
const POLL_MS = 1_000;
const MEASURE_MS = 5_000;
const STALLED_MS = 60_000;

export async function startRelay(options: RelayOptions): Promise<RunningRelay> {
  const relay = new Relay(options);
  await relay.start();
  return relay;
}

class Relay implements RunningRelay {
  readonly #options: RelayOptions;
  readonly #shards: ShardOwner;
  readonly #wake = new Wake();
  readonly #metrics;
  #stopping = false;
  #loop: Promise<void> = Promise.resolve();
  #unlisten: () => void = () => undefined;
  #movedAt = performance.now();
  #measuredAt = Number.NEGATIVE_INFINITY;
  #failure = '';

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#shards = new ShardOwner(options);
    const { registry } = options;
    this.#metrics = {
      published: counter(registry, 'spillway_relay_published_total', 'Outbox rows published', ['topic']),
      failures: counter(registry, 'spillway_relay_failures_total', 'Rounds that ended in an error'),
      waiting: gauge(
        registry,
        'spillway_outbox_waiting_rows',
        'Committed rows not yet published (at most 100,000)',
      ),
      age: gauge(registry, 'spillway_outbox_oldest_age_seconds', 'Age of the oldest row not yet published'),
      shards: gauge(registry, 'spillway_relay_shards_owned', 'Shards of the outbox that this process owns'),
    };
  }

  async start(): Promise<void> {
    this.#unlisten = await this.#options.db.listen('outbox', () => this.#wake.wake());
    this.#loop = this.#run();
  }

  ready(): boolean {
    return !this.#stopping;
  }

  progress(): { ok: boolean; detail: string } {
    const idleMs = performance.now() - this.#movedAt;
    const owned = `owns ${this.#shards.held.length} of ${this.#options.shards} shards`;
    const detail = `${owned}, last round without error ${Math.round(idleMs / 1_000)} s ago${this.#failure}`;
    return { ok: idleMs < STALLED_MS, detail };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake.wake();
    await this.#loop;
    this.#unlisten();
    try {
      await this.#shards.release();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'shards not given back; another relay waits for our silence');
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      let published = 0;
      try {
        published = await this.#round();
        this.#movedAt = performance.now();
        this.#failure = '';
      } catch (error) {
        // Whatever it was, the rows are still there; liveness fails when it lasts.
        this.#metrics.failures.inc();
        this.#failure = `: ${(error as Error).message}`;
        this.#options.log.warn({ kind: 'retry', err: error }, 'relay round failed');
      }
      if (published === 0) await this.#wake.wait(POLL_MS);
    }
  }

  async #round(): Promise<number> {
    await this.#shards.keep();
    this.#metrics.shards.set(this.#shards.held.length);
    await this.#measure();
    if (this.#shards.held.length === 0) return 0;
    const { db, publisher } = this.#options;
    const shards = this.#shards.held.map((claim) => claim.shard);
    const rows = await readOutbox(db, shards, READ_PER_SHARD);
    if (rows.length === 0) return 0;
    const records = rows.map((row) => toRecord(row, this.#options.topicOf));
    failPoint('relay.read');
    await publisher.publish(records, { deadlineMs: PUBLISH_DEADLINE_MS });
    failPoint('relay.published');
    await deleteOutbox(
      db,
      rows.map((row) => row.id),
    );
    failPoint('relay.deleted');
    for (const row of rows) this.#metrics.published.inc({ topic: row.topic });
    return rows.length;
  }

  async #measure(): Promise<void> {
    const now = performance.now();
    if (now - this.#measuredAt < MEASURE_MS) return;
    this.#measuredAt = now;
    const { waiting, oldest } = await outboxState(this.#options.db);
    this.#metrics.waiting.set(Number(waiting));
    const ageMs = oldest === null ? 0 : this.#options.clock.now().getTime() - oldest.getTime();
    this.#metrics.age.set(Math.max(0, ageMs) / 1_000);
  }
}

function toRecord(row: OutboxRow, topicOf: (name: string) => string): OutRecord {
  const headers = JSON.parse(row.headers) as Record<string, string>;
  return {
    topic: topicOf(row.topic),
    key: row.key,
    value: Buffer.from(row.value.buffer, row.value.byteOffset, row.value.byteLength),
    headers: { ...headers, 'event-id': row.event_id, 'event-type': row.event_type },
  };
}

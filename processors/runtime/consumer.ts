/**
 * One kafkajs consumer of one topic. It owns membership: joining, heartbeats while a batch is worked on, leaving, and
 * exiting when kafkajs gives up. Positions belong to the driver: after each join the partitions are taken over, and no
 * record is looked at before that.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Admin, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { Registry } from 'prom-client';
import type { Database } from '../../ledger/db.ts';
import type { Clock } from './clock.ts';
import { consumerMetrics } from './consumer-metrics.ts';
import { failPoint } from './fail-point.ts';
import type { Batch } from './log-record.ts';
import { toLogRecord } from './log-record.ts';
import type { Log } from './logger.ts';
import type { PartitionDriver } from './partition-driver.ts';
import { retry } from './retry.ts';
import { StatefulDriver, type StatefulHandler } from './stateful.ts';
import { StatelessDriver } from './stateless.ts';
import { Halted, type LogBounds } from './takeover.ts';

export interface ConsumerOptions {
  readonly kafka: Kafka;
  readonly registry: Registry;
  readonly log: Log;
  readonly clock: Clock;
  readonly groupId: string;
  readonly topic: string;
  /** Partitions that the topology declares; another number in the broker halts. */
  readonly partitions: number;
  /** Called once; the process must exit. Another process takes the partitions over. */
  readonly onFatal: (error: Error) => void;
  /** Partitions worked on at the same time; 4. */
  readonly concurrency?: number;
  /** Milliseconds; 30,000. */
  readonly sessionTimeoutMs?: number;
  /** Milliseconds that a batch is tried again while the infrastructure fails; 30,000. */
  readonly retryForMs?: number;
}

export interface RunningConsumer {
  /** Whether it has joined and taken its partitions over. */
  ready(): boolean;
  /** Not ok when neither a fetch nor a batch has ended for a minute. */
  progress(): { ok: boolean; detail: string };
  /** Finishes the batches in hand, commits, leaves the group. */
  stop(): Promise<void>;
}

export interface StatefulConsumerOptions extends ConsumerOptions {
  readonly db: Database;
  /** Name of this process, stored beside the positions it takes. */
  readonly owner: string;
  readonly handler: StatefulHandler;
}

export interface StatelessConsumerOptions extends ConsumerOptions {
  /** Returns once the output of all records is acknowledged. */
  readonly handler: (batch: Batch) => Promise<void>;
}

/** Consumes with positions in the ledger. @throws when the broker or topic can't be reached at the start */
export async function runStateful(options: StatefulConsumerOptions): Promise<RunningConsumer> {
  const consumer = new GroupConsumer(options, new StatefulDriver({ ...options, group: options.groupId }));
  await consumer.start();
  return consumer;
}

/** Consumes with positions in Kafka. @throws when the broker or topic can't be reached at the start */
export async function runStateless(options: StatelessConsumerOptions): Promise<RunningConsumer> {
  const admin = options.kafka.admin();
  const committed = async () => {
    const answer = await admin.fetchOffsets({ groupId: options.groupId, topics: [options.topic] });
    const known = (answer[0]?.partitions ?? []).filter(({ offset }) => !offset.startsWith('-'));
    return new Map(known.map(({ partition, offset }) => [partition, BigInt(offset)]));
  };
  const driver = new StatelessDriver({ ...options, committed });
  await admin.connect();
  await driver.remember();
  const consumer = new GroupConsumer(options, driver, admin);
  await consumer.start();
  return consumer;
}

const MAX_BATCH = 2_000;
const SESSION_MS = 30_000;
const REBALANCE_MS = 30_000;
const HEARTBEAT_MS = 3_000;
const HEARTBEAT_TRY_MS = 1_000;
/** A long poll that finds nothing; also how long a stop may wait for it. */
const FETCH_WAIT_MS = 500;
const COMMIT_LEFT_MS = 5_000;
const STALLED_MS = 60_000;

const REJOIN_ERRORS = [
  'REBALANCE_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
];

class GroupConsumer implements RunningConsumer {
  readonly #options: ConsumerOptions;
  readonly #driver: PartitionDriver;
  readonly #consumer: Consumer;
  readonly #admin: Admin;
  readonly #metrics;
  /** Resolves once the partitions of the latest join are taken over. */
  #takenOver: Promise<void> = Promise.resolve();
  #generation = 0;
  #heartbeats = 0;
  #ready = false;
  #ended = false;
  /** Ends waiting between two tries of a batch; a try under way is finished. */
  readonly #stopping = new AbortController();
  #lastCycleAt: number;
  #commitLeftAt = 0;
  readonly #committed = new Map<number, string>();

  constructor(options: ConsumerOptions, driver: PartitionDriver, admin = options.kafka.admin()) {
    this.#options = options;
    this.#driver = driver;
    this.#admin = admin;
    this.#metrics = consumerMetrics(options.registry, options.topic);
    this.#lastCycleAt = performance.now();
    this.#consumer = options.kafka.consumer({
      groupId: options.groupId,
      allowAutoTopicCreation: false,
      sessionTimeout: options.sessionTimeoutMs ?? SESSION_MS,
      rebalanceTimeout: REBALANCE_MS,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      minBytes: 1,
      // We write without Kafka transactions; kafkajs' filter for aborted ones was seen to let them through.
      readUncommitted: true,
      // The count never goes back while a fetch loop lives; two members in one process are worse than an exit.
      retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 30, restartOnFailure: async () => false },
    });
  }

  async start(): Promise<void> {
    const { topic, concurrency = 4 } = this.#options;
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) =>
      this.#joined(payload.memberAssignment[topic] ?? []),
    );
    this.#consumer.on(events.HEARTBEAT, () => {
      this.#heartbeats += 1;
    });
    this.#consumer.on(events.FETCH, () => {
      this.#cycled();
      return this.#commitLeft();
    });
    this.#consumer.on(events.CRASH, ({ payload }) => this.#fatal(payload.error));
    await this.#admin.connect();
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [topic], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: concurrency,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
  }

  ready(): boolean {
    return this.#ready && !this.#ended;
  }

  progress(): { ok: boolean; detail: string } {
    const idleMs = performance.now() - this.#lastCycleAt;
    const detail = `${this.#options.topic}: last fetch or batch ended ${Math.round(idleMs / 1_000)} s ago`;
    return { ok: idleMs < STALLED_MS, detail };
  }

  async stop(): Promise<void> {
    this.#ended = true;
    this.#ready = false;
    this.#stopping.abort(new Error('the consumer is stopping'));
    await this.#consumer.disconnect();
    await this.#admin.disconnect();
  }

  #cycled(): void {
    this.#lastCycleAt = performance.now();
  }

  #fatal(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ready = false;
    this.#options.onFatal(error);
  }

  /** Runs at once within the join, before kafkajs fetches again. */
  #joined(partitions: readonly number[]): void {
    this.#generation += 1;
    this.#ready = false;
    this.#driver.forget();
    this.#cycled();
    const generation = this.#generation;
    this.#takenOver = this.#takeOver(partitions).then(() => {
      if (generation === this.#generation) this.#ready = true;
    });
    // Partitions without records never get to eachBatch; their trouble must end the process all the same.
    this.#takenOver.catch((error) => this.#fatal(error));
  }

  async #takeOver(partitions: readonly number[]): Promise<void> {
    const generation = this.#generation;
    const { topic, groupId, log } = this.#options;
    const superseded = () => this.#ended || generation !== this.#generation;
    const seeks = await retry(() => this.#driver.takeOver(partitions, () => this.#bounds()), {
      isFinal: (error) => error instanceof Halted || superseded(),
      onRetry: (error, count) => log.warn({ kind: 'retry', err: error, count }, 'takeover is tried again'),
    }).catch((error: unknown) => {
      // The next join takes over for itself: the trouble of this one must not end the process.
      if (!superseded()) throw error;
    });
    if (!seeks || superseded()) return;
    for (const [partition, offset] of seeks) {
      this.#consumer.seek({ topic, partition, offset: offset.toString() });
    }
    this.#metrics.takeovers.inc({ topic }, seeks.size);
    const at = Object.fromEntries([...seeks].map(([partition, offset]) => [partition, offset.toString()]));
    log.info({ kind: 'start', topic, group: groupId, at }, `took over ${seeks.size} partitions of ${topic}`);
  }

  async #bounds(): Promise<Map<number, LogBounds>> {
    const { topic, partitions } = this.#options;
    const offsets = await this.#admin.fetchTopicOffsets(topic);
    if (offsets.length !== partitions) {
      const detail = `the topic has ${offsets.length} partitions, the topology says ${partitions}`;
      throw new Halted('partitions_changed', topic, offsets.length, detail);
    }
    return new Map(
      offsets.map(({ partition, low, high }) => [partition, { start: BigInt(low), end: BigInt(high) }]),
    );
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    if (this.#ended) return;
    try {
      await withHeartbeats(payload, (rebalanced) =>
        this.#work(payload, AbortSignal.any([rebalanced, this.#stopping.signal])),
      );
    } catch (error) {
      // kafkajs' own errors are its to mend; when it can't, it crashes and tells.
      if (!isKafkaJs(error)) this.#fatal(error as Error);
      throw error;
    } finally {
      this.#cycled();
    }
  }

  async #work(payload: EachBatchPayload, signal: AbortSignal): Promise<void> {
    await this.#takenOver;
    const { topic, partition, messages } = payload.batch;
    // Fetched before the takeover moved the position: the next fetch brings the right records.
    if (payload.isStale() || !payload.isRunning()) return;
    for (let from = 0; from < messages.length; from += MAX_BATCH) {
      if (signal.aborted || this.#ended) return;
      const records = messages.slice(from, from + MAX_BATCH).map(toLogRecord);
      const stop = this.#metrics.seconds.startTimer({ topic });
      const outcome = await this.#driver.process({ topic, partition, records }, signal);
      stop();
      if (outcome !== 'done') {
        await this.#regain(payload, outcome);
        return;
      }
      payload.resolveOffset(records.at(-1)!.offset.toString());
      this.#measure(payload, records.length);
      await this.#commit(payload);
    }
  }

  /**
   * After a fence: only a heartbeat that the coordinator has answered proves that we are still a member, so that two
   * owners can't take a partition from each other in turns. A heartbeat that fails makes kafkajs join anew.
   */
  async #regain(payload: EachBatchPayload, outcome: 'fenced' | 'below'): Promise<void> {
    const { topic, partition } = payload.batch;
    this.#options.log.warn({ kind: 'retry', topic, partition }, `batch abandoned: ${outcome}`);
    if (outcome === 'fenced') {
      this.#metrics.fenced.inc({ topic });
      const seen = this.#heartbeats;
      while (this.#heartbeats === seen && !this.#ended) {
        await pause(HEARTBEAT_TRY_MS / 5);
        await payload.heartbeat();
      }
    }
    await this.#takeOver([partition]);
  }

  #measure(payload: EachBatchPayload, count: number): void {
    const { topic, partition, highWatermark } = payload.batch;
    this.#metrics.records.inc({ topic }, count);
    this.#metrics.size.observe({ topic }, count);
    const next = this.#driver.nextOffset(partition);
    if (next !== null) this.#metrics.lag.set({ topic, partition }, Number(BigInt(highWatermark) - next));
    this.#cycled();
  }

  /** Without state the committed offset is the truth, so it follows each batch at once. */
  async #commit(payload: EachBatchPayload): Promise<void> {
    const { topic, partition } = payload.batch;
    const next = this.#driver.nextOffset(partition);
    if (next === null || this.#driver.commitsToKafka !== 'as truth') return;
    try {
      const partitions = [{ partition, offset: next.toString() }];
      await payload.commitOffsetsIfNecessary({ topics: [{ topic, partitions }] });
      this.#committed.set(partition, next.toString());
    } catch (error) {
      if (isRejoin(error)) throw error;
      // Never ahead of what is durable; it is made up for, and what is repeated until then is absorbed.
      this.#options.log.warn({ kind: 'retry', err: error, topic, partition }, 'offset not committed');
    }
  }

  /**
   * Commits what is processed and not yet committed: all of it where only lag tools look at it; otherwise what a failed
   * commit or a rebalance left, which no later batch may make up for. One try every few seconds, in nobody's way.
   */
  async #commitLeft(): Promise<void> {
    const { topic, log } = this.#options;
    const now = performance.now();
    if (!this.ready() || now - this.#commitLeftAt < COMMIT_LEFT_MS) return;
    this.#commitLeftAt = now;
    const moved = [...this.#driver.movedPartitions()].flatMap((partition) => {
      const offset = this.#driver.nextOffset(partition)?.toString();
      return offset === undefined || offset === this.#committed.get(partition) ? [] : [{ partition, offset }];
    });
    if (moved.length === 0) return;
    failPoint('batch.before_kafka_commit');
    try {
      await this.#consumer.commitOffsets(moved.map((one) => ({ topic, ...one })));
      for (const { partition, offset } of moved) this.#committed.set(partition, offset);
    } catch (error) {
      log.debug({ err: error, topic }, 'processed offsets not committed');
    }
  }
}

/** Heartbeats while a batch is worked on; a rebalance aborts the signal and is thrown once the work has ended. */
async function withHeartbeats(
  payload: EachBatchPayload,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const control = new AbortController();
  const beat = () => payload.heartbeat().catch((error: Error) => control.abort(error));
  const timer = setInterval(beat, HEARTBEAT_TRY_MS);
  try {
    await work(control.signal);
  } finally {
    clearInterval(timer);
  }
  control.signal.throwIfAborted();
}

/** Errors after which kafkajs joins the group again by itself. */
function isRejoin(error: unknown): boolean {
  return error instanceof Error && 'type' in error && REJOIN_ERRORS.includes(error.type as string);
}

function isKafkaJs(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith('KafkaJS');
}

/**
 * The guarded publisher: one batch in flight, acks=all, no linger (what arrives meanwhile is the next batch). On any
 * failure the producer object is thrown away and the same batch is sent again before any later one, so that order per
 * key holds and nothing acknowledged is missing; a batch may stand in the log twice, which event ids absorb.
 * kafkajs' idempotent and transactional producers are not used: both were shown to lose or invent records.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Kafka, Producer, TopicMessages } from 'kafkajs';
import type { Registry } from 'prom-client';
import { partitionOf } from '../../schemas/partition.ts';
import type { Log } from './logger.ts';
import { counter, gauge, histogram, RECORDS, SECONDS } from './metrics.ts';

import { isRefusal, PublisherClosed, PublishRefused, within } from './publish-errors.ts';
import { type Batch, type OutRecord, PublishQueue } from './publish-queue.ts';

export type { OutRecord } from './publish-queue.ts';

export interface Publisher {
  /**
   * Resolves when every record is acknowledged by all in-sync replicas.
   * @throws PublishTimeout when that is not known within `deadlineMs`; records already sent may still become durable
   * @throws QueueFull, RecordTooLarge: nothing of this call was or will be sent
   * @throws PublishRefused when the broker refuses the records for good
   */
  publish(records: readonly OutRecord[], options?: { deadlineMs?: number }): Promise<void>;
  /** Records accepted and not yet acknowledged. */
  readonly depth: number;
  /** Sends what is queued, then closes. @throws PublisherClosed with the number of records left after `timeoutMs` */
  close(timeoutMs?: number): Promise<void>;
}

export interface PublisherOptions {
  readonly kafka: Kafka;
  readonly registry: Registry;
  readonly log: Log;
  /** Records of one send; 500. */
  readonly maxBatch?: number;
  /** Records accepted and not yet acknowledged, beyond which publish() refuses; 20,000. */
  readonly maxQueued?: number;
  /** How long one send may take before its producer is taken for dead; kafkajs was seen to wait for ever. */
  readonly sendTimeoutMs?: number;
}

const SEND_TIMEOUT_MS = 12_000;
const BACK_OFF_FIRST_MS = 20;
const BACK_OFF_MAX_MS = 1_000;
const CLOSE_TIMEOUT_MS = 10_000;

/** The record's key alone decides, as in every Java-compatible producer (and in kafkajs' own DefaultPartitioner). */
const javaPartitioner = () => (args: { partitionMetadata: readonly unknown[]; message: { key?: unknown } }) =>
  partitionOf(args.message.key as string, args.partitionMetadata.length);

export function createPublisher(options: PublisherOptions): Publisher {
  const queue = new PublishQueue({
    maxBatch: options.maxBatch ?? 500,
    maxQueued: options.maxQueued ?? 20_000,
  });
  const sender = new Sender(options);
  const queued = gauge(options.registry, 'spillway_publisher_queued_records', 'Records not yet acknowledged');
  let closing = false;
  let running = false;
  let pumping = Promise.resolve();

  const pump = async (): Promise<void> => {
    for (let batch = queue.next(); batch !== null; batch = queue.next()) {
      queued.set(queue.depth);
      try {
        await sender.sendUntilKnown(batch);
        queue.acknowledge(batch);
      } catch (error) {
        queue.refuse(batch, error as Error);
      }
    }
    queued.set(queue.depth);
    running = false;
  };

  return {
    publish(records, { deadlineMs } = {}) {
      if (closing) return Promise.reject(new PublisherClosed('the publisher is closing'));
      if (records.length === 0) return Promise.resolve();
      const done = queue.add(records, deadlineMs);
      if (!running) {
        running = true;
        pumping = pump();
      }
      return done;
    },
    get depth() {
      return queue.depth;
    },
    async close(timeoutMs = CLOSE_TIMEOUT_MS) {
      closing = true;
      try {
        await within(pumping, timeoutMs, 'the last batches were not acknowledged in time');
      } catch (error) {
        const left = queue.depth;
        queue.abandon(new PublisherClosed('the publisher was closed', { cause: error }));
        throw new PublisherClosed(`${left} records were not acknowledged before closing`, { cause: error });
      } finally {
        await sender.close();
      }
    },
  };
}

/** Owns the one producer object of a publisher and replaces it after every failure. */
class Sender {
  readonly #options: PublisherOptions;
  readonly #sendTimeoutMs: number;
  readonly #size;
  readonly #seconds;
  readonly #discards;
  #producer: Promise<Producer> | null = null;
  #closed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#sendTimeoutMs = options.sendTimeoutMs ?? SEND_TIMEOUT_MS;
    const { registry } = options;
    this.#size = histogram(registry, 'spillway_publish_batch_records', 'Records of one send', RECORDS);
    this.#seconds = histogram(registry, 'spillway_publish_seconds', 'Time of one acknowledged send', SECONDS);
    this.#discards = counter(
      registry,
      'spillway_publisher_discards_total',
      'Producers thrown away after a failure',
    );
  }

  /** Returns once acknowledged, however often it has to be sent. @throws PublishRefused, PublisherClosed */
  async sendUntilKnown(batch: Batch): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      if (this.#closed) throw new PublisherClosed('the publisher was closed');
      try {
        await this.#sendOnce(batch);
        return;
      } catch (error) {
        this.#discard(error as Error, batch);
        if (isRefusal(error)) throw new PublishRefused(batch.records[0]!.topic, error as Error);
      }
      await pause(Math.min(BACK_OFF_FIRST_MS * 2 ** Math.min(attempt, 10), BACK_OFF_MAX_MS));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const producer = this.#producer;
    this.#producer = null;
    if (producer) await disconnect(producer, this.#options.log);
  }

  async #sendOnce(batch: Batch): Promise<void> {
    const started = performance.now();
    const sending = this.#connected().then((producer) =>
      producer.sendBatch({ acks: -1, timeout: this.#sendTimeoutMs, topicMessages: byTopic(batch.records) }),
    );
    await within(sending, this.#sendTimeoutMs, `no answer to a send within ${this.#sendTimeoutMs} ms`);
    this.#seconds.observe((performance.now() - started) / 1_000);
    this.#size.observe(batch.records.length);
  }

  #connected(): Promise<Producer> {
    this.#producer ??= openProducer(this.#options.kafka);
    return this.#producer;
  }

  #discard(error: Error, batch: Batch): void {
    const producer = this.#producer;
    this.#producer = null;
    this.#discards.inc();
    const { log } = this.#options;
    log.warn({ kind: 'retry', err: error, records: batch.records.length }, 'send failed, producer discarded');
    // Not awaited: a producer in this state may never finish disconnecting, and the batch has to go on.
    if (producer) void disconnect(producer, log);
  }
}

async function openProducer(kafka: Kafka): Promise<Producer> {
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: javaPartitioner as never,
    idempotent: false,
    maxInFlightRequests: 1,
    // kafkajs must not repeat anything by itself: after its first failure the object is not trusted any more.
    retry: { retries: 0 },
  });
  await producer.connect();
  return producer;
}

async function disconnect(producer: Promise<Producer>, log: Log): Promise<void> {
  try {
    await (await producer).disconnect();
  } catch (error) {
    log.debug({ err: error }, 'a discarded producer did not disconnect cleanly');
  }
}

function byTopic(records: readonly OutRecord[]): TopicMessages[] {
  const topics = new Map<string, TopicMessages>();
  for (const { topic, key, value, headers } of records) {
    const known = topics.get(topic);
    if (known) known.messages.push({ key, value, headers });
    else topics.set(topic, { topic, messages: [{ key, value, headers }] });
  }
  return [...topics.values()];
}

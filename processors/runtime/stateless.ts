/**
 * Drives partitions of a processor without state: its position is the group's committed Kafka offset, written after
 * the output of a batch was acknowledged. What it repeats after a crash is absorbed downstream.
 */
import type { Batch } from './log-record.ts';
import type { Log } from './logger.ts';
import type { LogBoundsOf, Outcome, PartitionDriver } from './partition-driver.ts';
import { type RetryTime, retry } from './retry.ts';
import { admit, decideTakeover, Halted } from './takeover.ts';

export interface StatelessOptions {
  readonly log: Log;
  readonly topic: string;
  /** The group's committed offset per partition; partitions without one are absent. */
  readonly committed: () => Promise<ReadonlyMap<number, bigint>>;
  /** Returns once the output of all records is acknowledged. */
  readonly handler: (batch: Batch) => Promise<void>;
  /** How long a batch is tried again before the process exits; 30,000 ms. */
  readonly retryForMs?: number;
  /** In which the pauses between two tries pass; the machine's unless given. */
  readonly retryTime?: RetryTime;
}

export class StatelessDriver implements PartitionDriver {
  readonly commitsToKafka = 'as truth';
  readonly #options: StatelessOptions;
  /** Lower bounds of where to read on, also of partitions that another member has meanwhile. */
  readonly #next = new Map<number, bigint>();
  #moved = new Set<number>();

  constructor(options: StatelessOptions) {
    this.#options = options;
  }

  /**
   * Reads the committed offsets before kafkajs can: when the first fetch is out of range, it overwrites them without
   * a word, and what was processed would look like never read.
   */
  async remember(): Promise<void> {
    const { committed, log, retryForMs, retryTime } = this.#options;
    // A broker that has only just started does not know yet who coordinates the group.
    const offsets = await retry(committed, {
      ...(retryForMs === undefined ? {} : { forMs: retryForMs }),
      ...(retryTime === undefined ? {} : { time: retryTime }),
      isFinal: (error) => (error as { retriable?: boolean }).retriable !== true,
      onRetry: (error, count) =>
        log.warn({ kind: 'retry', err: error, count }, 'committed offsets are asked again'),
    });
    for (const [partition, offset] of offsets) this.#next.set(partition, offset);
  }

  /** A group without a committed offset reads what the log still keeps: nothing of it was passed on yet. */
  async takeOver(partitions: readonly number[], boundsOf: LogBoundsOf): Promise<Map<number, bigint>> {
    const { committed, topic } = this.#options;
    const [offsets, bounds] = [await committed(), await boundsOf()];
    const seeks = new Map<number, bigint>();
    for (const partition of partitions) {
      const log = bounds.get(partition);
      if (!log) throw new Halted('position_outside_log', topic, partition, 'the log has no such partition');
      const [known, own] = [offsets.get(partition), this.#next.get(partition)];
      const nextOffset = highest(known, own) ?? log.start;
      const decision = decideTakeover({ nextOffset, lastEventId: null }, log);
      if (decision.kind === 'halt') throw new Halted(decision.reason, topic, partition, decision.detail);
      this.#next.set(partition, decision.seek);
      // What this process did before it had to join again, and could not commit.
      if (own !== undefined && (known === undefined || own > known)) this.#moved.add(partition);
      seeks.set(partition, decision.seek);
    }
    return seeks;
  }

  async process(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    const [next, moved] = [this.#next.get(batch.partition), this.#moved];
    if (next === undefined) return 'fenced';
    const admission = admit(
      next,
      batch.records.map((record) => record.offset),
    );
    if (admission.kind === 'below') return 'below';
    if (admission.kind === 'gap') {
      throw new Halted('position_outside_log', batch.topic, batch.partition, admission.detail);
    }
    const records = batch.records.slice(admission.skip);
    const { handler, log, retryForMs, retryTime } = this.#options;
    await retry(() => handler({ ...batch, records }), {
      ...(retryForMs === undefined ? {} : { forMs: retryForMs }),
      ...(retryTime === undefined ? {} : { time: retryTime }),
      signal,
      isFinal: (error) => error instanceof Halted,
      onRetry: (error, count) => log.warn({ kind: 'retry', err: error, count }, 'batch is tried again'),
    });
    this.#next.set(batch.partition, records.at(-1)!.offset + 1n);
    moved.add(batch.partition);
    return 'done';
  }

  nextOffset(partition: number): bigint | null {
    return this.#next.get(partition) ?? null;
  }

  movedPartitions(): Iterable<number> {
    return this.#moved;
  }

  forget(): void {
    // A batch of the old membership that ends later finds the old set: the partition may be somebody else's by then.
    this.#moved = new Set();
  }
}

function highest(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

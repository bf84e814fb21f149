/**
 * What a consumer asks of whoever keeps the positions of its partitions: the ledger (stateful.ts) or the group's own
 * committed offsets (stateless.ts).
 */
import type { Batch } from './log-record.ts';
import type { LogBounds } from './takeover.ts';

/** Reads first and next offset of every partition of the topic, now. */
export type LogBoundsOf = () => Promise<ReadonlyMap<number, LogBounds>>;

/**
 * done: durable, go on. fenced: somebody else holds the partition; nothing was written. below: all records were
 * applied before; the partition must be taken over again, which also checks the log.
 */
export type Outcome = 'done' | 'fenced' | 'below';

export interface PartitionDriver {
  /** As the truth after each batch, or now and then so that lag tools have something to show. */
  readonly commitsToKafka: 'as truth' | 'for lag tools';
  /** @returns where to read on, per partition. @throws Halted */
  takeOver(partitions: readonly number[], boundsOf: LogBoundsOf): Promise<Map<number, bigint>>;
  process(batch: Batch, signal: AbortSignal): Promise<Outcome>;
  /** Offset of the first record not yet processed, or null when the partition is not held. */
  nextOffset(partition: number): bigint | null;
  /** Held partitions whose position Kafka may not know. */
  movedPartitions(): Iterable<number>;
  /** The group was joined anew: nothing is held until it is taken over again. */
  forget(): void;
}

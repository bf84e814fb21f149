/**
 * Drives partitions whose position lives in the ledger: takes them over by epoch, hands each batch to one transaction
 * that moves the position, and finds out what a missed fence or a refused value means.
 */
import type { Database, Db } from '../../ledger/db.ts';
import { errorClass } from '../../ledger/db-errors.ts';
import type { Position } from '../../ledger/sql/position-advance.ts';
import { createPosition } from '../../ledger/sql/position-create.ts';
import { readPosition } from '../../ledger/sql/position-read.ts';
import { type PositionKey, type PositionRow, takePosition } from '../../ledger/sql/position-take.ts';
import type { Clock } from './clock.ts';
import { failPoint } from './fail-point.ts';
import { type Batch, eventIdOf, type LogRecord } from './log-record.ts';
import type { Log } from './logger.ts';
import type { LogBoundsOf, Outcome, PartitionDriver } from './partition-driver.ts';
import { type RetryTime, retry } from './retry.ts';
import {
  admit,
  compareLast,
  decideTakeover,
  explainFence,
  FenceMissed,
  Halted,
  type LastApplied,
  mayStartAtZero,
} from './takeover.ts';

export interface StatefulHandler {
  /** One transaction, its fence first (`advancePosition`). @throws FenceMissed when the fence matches no row */
  apply(batch: Batch, position: Position): Promise<void>;
  /** The database refuses this one record's values: set it aside in one transaction with the same fence. */
  quarantine(record: LogRecord, error: Error, position: Position, partition: Batch): Promise<void>;
}

export interface StatefulOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly group: string;
  readonly topic: string;
  /** Name of this process, shown beside the position. */
  readonly owner: string;
  readonly handler: StatefulHandler;
  /** How long a batch is tried again while the infrastructure fails, before the process exits; 30,000 ms. */
  readonly retryForMs?: number;
  /** In which the pauses between two tries pass; the machine's unless given. */
  readonly retryTime?: RetryTime;
}

interface Held {
  readonly key: PositionKey;
  readonly epoch: bigint;
  nextOffset: bigint;
  /** What the next record read must be, to prove that this is the log we know. */
  verify: LastApplied | null;
}

class Fenced extends Error {
  override name = 'Fenced';
}

export class StatefulDriver implements PartitionDriver {
  readonly commitsToKafka = 'for lag tools';
  readonly #options: StatefulOptions;
  readonly #held = new Map<number, Held>();

  constructor(options: StatefulOptions) {
    this.#options = options;
  }

  /** Epochs first, then the log's bounds: an owner that is just being replaced may still have moved on. */
  async takeOver(partitions: readonly number[], boundsOf: LogBoundsOf): Promise<Map<number, bigint>> {
    const rows = await Promise.all(partitions.map((partition) => this.#take(partition)));
    failPoint('takeover.epoch_taken');
    const bounds = await boundsOf();
    const seeks = new Map<number, bigint>();
    for (const [index, partition] of partitions.entries()) {
      const key = this.#key(partition);
      const log = bounds.get(partition);
      if (!log)
        throw new Halted('position_outside_log', key.topic, partition, 'the log has no such partition');
      const row = rows[index] ?? (await this.#begin(key, mayStartAtZero(log), log.start));
      const decision = decideTakeover(row, log);
      if (decision.kind === 'halt') throw new Halted(decision.reason, key.topic, partition, decision.detail);
      const { epoch, nextOffset } = row;
      this.#held.set(partition, { key, epoch, nextOffset, verify: decision.verify });
      seeks.set(partition, decision.seek);
    }
    return seeks;
  }

  /** @throws Halted, or the error of the infrastructure once it has lasted too long: the process exits */
  async process(batch: Batch, signal: AbortSignal): Promise<Outcome> {
    const held = this.#held.get(batch.partition);
    if (!held) return 'fenced';
    const fresh = this.#verified(held, batch);
    if (fresh.length === 0) return 'done';
    const admission = admit(
      held.nextOffset,
      fresh.map((record) => record.offset),
    );
    if (admission.kind === 'below') return 'below';
    if (admission.kind === 'gap') {
      throw new Halted('position_outside_log', batch.topic, batch.partition, admission.detail);
    }
    try {
      await this.#applyAll({ ...batch, records: fresh.slice(admission.skip) }, held, signal);
      return 'done';
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      this.#held.delete(batch.partition);
      return 'fenced';
    }
  }

  nextOffset(partition: number): bigint | null {
    return this.#held.get(partition)?.nextOffset ?? null;
  }

  movedPartitions(): Iterable<number> {
    return this.#held.keys();
  }

  forget(): void {
    this.#held.clear();
  }

  #key(partition: number): PositionKey {
    return { group: this.#options.group, topic: this.#options.topic, partition };
  }

  #take(partition: number): Promise<PositionRow | null> {
    const { db, owner, clock } = this.#options;
    return takePosition(db, this.#key(partition), owner, clock.now());
  }

  async #begin(key: PositionKey, mayStart: boolean, logStart: bigint): Promise<PositionRow> {
    const { db, owner, clock } = this.#options;
    if (!mayStart) {
      const detail = `the ledger has no position and the log starts at ${logStart}: earlier records are gone`;
      throw new Halted('position_outside_log', key.topic, key.partition, detail);
    }
    const row = (await createPosition(db, key, owner, clock.now())) ?? (await this.#take(key.partition));
    if (!row) throw new Error(`no position row for ${key.topic} ${key.partition}, although it was just made`);
    return row;
  }

  /** Checks the record before the position, once after each takeover, and leaves it out. */
  #verified(held: Held, batch: Batch): readonly LogRecord[] {
    const { records } = batch;
    const first = records[0];
    if (held.verify === null || first === undefined) return records;
    const answer = compareLast(held.verify, { offset: first.offset, eventId: eventIdOf(first) });
    if (answer === 'replaced') {
      const { offset, eventId } = held.verify;
      const detail = `offset ${offset} was event ${eventId}, the log has ${eventIdOf(first)} at ${first.offset}`;
      throw new Halted('log_replaced', batch.topic, batch.partition, detail);
    }
    held.verify = null;
    return answer === 'same' ? records.slice(1) : records;
  }

  /** Applies the records, halving them around values that the database refuses (SQLSTATE 22, 23). */
  async #applyAll(batch: Batch, held: Held, signal: AbortSignal): Promise<void> {
    const { records } = batch;
    const position = positionOf(held, records);
    const { handler, log } = this.#options;
    try {
      await this.#fenced(held, position, signal, () => handler.apply(batch, position));
    } catch (error) {
      if (errorClass(error) !== 'data') throw error;
      if (records.length === 1) {
        const record = records[0]!;
        log.warn({ err: error, partition: batch.partition, offset: `${record.offset}` }, 'record set aside');
        await this.#fenced(held, position, signal, () =>
          handler.quarantine(record, error as Error, position, batch),
        );
        return;
      }
      const middle = records.length >> 1;
      await this.#applyAll({ ...batch, records: records.slice(0, middle) }, held, signal);
      await this.#applyAll({ ...batch, records: records.slice(middle) }, held, signal);
    }
  }

  /** One fenced transaction, tried until its outcome is known. @throws Fenced, Halted, or the last error */
  async #fenced(
    held: Held,
    position: Position,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<void> {
    const { db, log, retryForMs, retryTime } = this.#options;
    const attempt = async () => {
      failPoint('batch.before_claim');
      try {
        await work();
        failPoint('batch.committed');
      } catch (error) {
        if (!(error instanceof FenceMissed)) throw error;
        await resolveMissedFence(db, position);
      }
    };
    await retry(attempt, {
      ...(retryForMs === undefined ? {} : { forMs: retryForMs }),
      ...(retryTime === undefined ? {} : { time: retryTime }),
      signal,
      isFinal: (error) => error instanceof Fenced || error instanceof Halted || errorClass(error) === 'data',
      onRetry: (error, count) => log.warn({ kind: 'retry', err: error, count }, 'batch is tried again'),
    });
    held.nextOffset = position.endOffset;
  }
}

function positionOf(held: Held, records: readonly LogRecord[]): Position {
  const last = records.at(-1)!;
  const { epoch, nextOffset } = held;
  return { ...held.key, epoch, nextOffset, endOffset: last.offset + 1n, lastEventId: eventIdOf(last) };
}

/** Returns when the batch turns out to be committed already. */
async function resolveMissedFence(db: Db, position: Position): Promise<void> {
  const row = await readPosition(db, position);
  const answer = explainFence(row, { epoch: position.epoch, end: position.endOffset });
  if (answer === 'applied') return;
  if (answer === 'fenced') throw new Fenced('the partition was taken over');
  const found = row ? `stands at ${row.nextOffset}` : 'is gone';
  const detail = `the ledger's position ${found}; this owner left it at ${position.nextOffset}`;
  throw new Halted('position_lost', position.topic, position.partition, detail);
}

/**
 * What waits to be published: first in, first out, bounded; cut into batches by number and size. Keeps who waits for
 * which records; knows nothing of Kafka.
 */
import { PublishTimeout, QueueFull, RecordTooLarge } from './publish-errors.ts';

export interface OutRecord {
  readonly topic: string;
  /** UTF-8 text; decides the partition. */
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
}

export interface Batch {
  readonly records: readonly OutRecord[];
  readonly parts: readonly { readonly call: Call; readonly count: number }[];
}

interface Call {
  readonly records: readonly OutRecord[];
  /** Records handed out in batches, and those of them acknowledged. */
  sent: number;
  acknowledged: number;
  /** Set once its caller has an answer; what was not sent by then is not sent any more. */
  answered: boolean;
  /** After a refused batch: sent without others, so that only the culprit is refused. */
  alone: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout | undefined;
}

/** Brokers take 1 MiB per request of one partition by default; a record's framing and headers need some of it. */
const MAX_BYTES = 900_000;
const FRAMING_BYTES = 100;

export class PublishQueue {
  readonly #maxBatch: number;
  readonly #maxQueued: number;
  #calls: Call[] = [];
  #inFlight: Batch | null = null;
  /** Calls in the queue whose caller has given up. */
  #dead = 0;
  #depth = 0;

  constructor(options: { maxBatch: number; maxQueued: number }) {
    this.#maxBatch = options.maxBatch;
    this.#maxQueued = options.maxQueued;
  }

  /** Records accepted and not yet acknowledged, refused or dropped. */
  get depth(): number {
    return this.#depth;
  }

  add(records: readonly OutRecord[], deadlineMs: number | undefined): Promise<void> {
    const large = records.find((record) => sizeOf(record) > MAX_BYTES);
    if (large) {
      const text = `a record of ${sizeOf(large)} bytes for topic ${large.topic} is over ${MAX_BYTES} bytes`;
      return Promise.reject(new RecordTooLarge(text));
    }
    if (this.#depth + records.length > this.#maxQueued) {
      return Promise.reject(new QueueFull(`${this.#depth} records wait to be published already`));
    }
    this.#depth += records.length;
    return new Promise((resolve, reject) => {
      const fresh = { sent: 0, acknowledged: 0, answered: false, alone: false, timer: undefined };
      const call: Call = { records, resolve, reject, ...fresh };
      if (deadlineMs !== undefined) {
        const late = () => this.#fail(call, new PublishTimeout(`not acknowledged within ${deadlineMs} ms`));
        call.timer = setTimeout(late, deadlineMs);
      }
      this.#calls.push(call);
    });
  }

  /** The next batch, or null when nothing waits. The batch before must have been acknowledged or refused. */
  next(): Batch | null {
    const records: OutRecord[] = [];
    const parts: { call: Call; count: number }[] = [];
    let bytes = 0;
    while (this.#calls.length > 0 && records.length < this.#maxBatch) {
      const call = this.#calls[0]!;
      if (call.alone && parts.length > 0) break;
      const from = call.sent;
      let full = false;
      while (!call.answered && call.sent < call.records.length && records.length < this.#maxBatch) {
        const record = call.records[call.sent]!;
        bytes += sizeOf(record);
        full = bytes > MAX_BYTES && records.length > 0;
        if (full) break;
        records.push(record);
        call.sent += 1;
      }
      if (call.sent > from) parts.push({ call, count: call.sent - from });
      if (!call.answered && call.sent < call.records.length) break;
      this.#calls.shift();
      if (call.answered) this.#dead -= 1;
      if (full || call.alone) break;
    }
    this.#inFlight = records.length === 0 ? null : { records, parts };
    return this.#inFlight;
  }

  acknowledge(batch: Batch): void {
    this.#inFlight = null;
    for (const { call, count } of batch.parts) {
      call.acknowledged += count;
      this.#depth -= count;
      if (call.acknowledged < call.records.length || call.answered) continue;
      clearTimeout(call.timer);
      call.answered = true;
      call.resolve();
    }
  }

  /** A batch of one call ends with that call; one of several is queued again, in order, each call by itself. */
  refuse(batch: Batch, error: Error): void {
    this.#inFlight = null;
    if (batch.parts.length === 1) {
      const { call, count } = batch.parts[0]!;
      this.#depth -= count;
      this.#fail(call, error);
      return;
    }
    const again: Call[] = [];
    for (const { call, count } of batch.parts) {
      call.sent -= count;
      call.alone = true;
      // A caller that has given up is not waiting for these; as they may be durable already, nothing is lost by
      // not sending them again, and their place in the count was given back when it gave up or is now.
      if (call.answered) this.#depth -= count;
      else again.push(call);
    }
    this.#calls = [...again, ...this.#calls.filter((call) => !call.answered && !again.includes(call))];
    this.#dead = 0;
  }

  /** Answers everybody who still waits; used when closing. */
  abandon(error: Error): void {
    for (const { call } of this.#inFlight?.parts ?? []) this.#fail(call, error);
    for (const call of [...this.#calls]) this.#fail(call, error);
    this.#calls = [];
    this.#dead = 0;
  }

  #fail(call: Call, error: Error): void {
    if (call.answered) return;
    clearTimeout(call.timer);
    call.answered = true;
    // What was not sent is dropped here; what is in flight is counted until its batch is known.
    this.#depth -= call.records.length - call.sent;
    call.reject(error);
    if (call.sent === call.records.length) return;
    // While brokers are away, callers give up faster than the queue moves: let go of what they left behind.
    this.#dead += 1;
    if (this.#dead < 64 || this.#dead * 2 < this.#calls.length) return;
    this.#calls = this.#calls.filter((waiting) => !waiting.answered);
    this.#dead = 0;
  }
}

function sizeOf(record: OutRecord): number {
  let bytes = FRAMING_BYTES + record.key.length * 3 + record.value.length;
  for (const name in record.headers) bytes += name.length + record.headers[name]!.length;
  return bytes;
}

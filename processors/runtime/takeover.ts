/**
 * The decisions of a consumer about its place in the log, without I/O: may this partition be taken over, do the
 * records continue where the ledger stands, and what does a missed fence mean (engine.md, "Taking over a partition").
 */

/** Reasons to halt; a halted process exits and says why, it never resets a position by itself. */
export type HaltReason = 'position_outside_log' | 'log_replaced' | 'position_lost' | 'partitions_changed';

export interface LogBounds {
  /** First offset still kept. */
  readonly start: bigint;
  /** Offset after the last record (the high watermark). */
  readonly end: bigint;
}

/** Offset and event id of the record before the position, as the ledger remembers it. */
export interface LastApplied {
  readonly offset: bigint;
  readonly eventId: string;
}

export type Takeover =
  | { readonly kind: 'resume'; readonly seek: bigint; readonly verify: LastApplied | null }
  | { readonly kind: 'halt'; readonly reason: HaltReason; readonly detail: string };

/** @param row the position after its epoch was raised; a fresh one stands at 0 */
export function decideTakeover(
  row: { readonly nextOffset: bigint; readonly lastEventId: string | null },
  log: LogBounds,
): Takeover {
  const { nextOffset, lastEventId } = row;
  if (nextOffset < log.start || nextOffset > log.end) {
    const detail = `position ${nextOffset} is outside the log, which holds ${log.start} to ${log.end}`;
    return { kind: 'halt', reason: 'position_outside_log', detail };
  }
  const before = nextOffset - 1n;
  if (lastEventId === null || before < log.start) return { kind: 'resume', seek: nextOffset, verify: null };
  // Reading starts one record early: the first thing seen is then the proof that this is the log we know.
  return { kind: 'resume', seek: before, verify: { offset: before, eventId: lastEventId } };
}

/** Whether a log may be read from the start by a group that has no position yet. */
export function mayStartAtZero(log: LogBounds): boolean {
  return log.start === 0n;
}

/**
 * The first record read after a takeover, against the one applied last.
 * not kept: retention took it since; the records that follow must then begin exactly at the position.
 */
export function compareLast(
  expected: LastApplied,
  first: { readonly offset: bigint; readonly eventId: string | null },
): 'same' | 'replaced' | 'not kept' {
  if (first.offset > expected.offset) return 'not kept';
  return first.offset === expected.offset && first.eventId === expected.eventId ? 'same' : 'replaced';
}

export type Admission =
  | { readonly kind: 'admit'; readonly skip: number }
  | { readonly kind: 'below' }
  | { readonly kind: 'gap'; readonly detail: string };

/**
 * Which of these records continue the position: those below it were applied before; the others must follow without
 * a gap. below: all were applied before, which after a takeover only a silent reset of the client explains.
 */
export function admit(position: bigint, offsets: readonly bigint[]): Admission {
  const skip = offsets.findIndex((offset) => offset >= position);
  if (skip === -1) return { kind: 'below' };
  let expected = position;
  for (let at = skip; at < offsets.length; at += 1) {
    const offset = offsets[at]!;
    if (offset !== expected)
      return { kind: 'gap', detail: `expected offset ${expected}, the log has ${offset}` };
    expected += 1n;
  }
  return { kind: 'admit', skip };
}

/**
 * After a fence that matched no row. applied: it was our own commit whose answer was lost. fenced: somebody else took
 * the partition. exit: neither; the position was changed by something we don't know.
 */
export function explainFence(
  row: { readonly epoch: bigint; readonly nextOffset: bigint } | null,
  mine: { readonly epoch: bigint; readonly end: bigint },
): 'applied' | 'fenced' | 'exit' {
  if (row === null) return 'exit';
  if (row.epoch !== mine.epoch) return 'fenced';
  return row.nextOffset === mine.end ? 'applied' : 'exit';
}

/** Thrown by a batch's transaction when its fence matched no row, so that it is rolled back whole. */
export class FenceMissed extends Error {
  override name = 'FenceMissed';

  constructor() {
    super('the fence of the batch matched no row');
  }
}

/** The process must stop: going on could skip, repeat or invent records. */
export class Halted extends Error {
  override name = 'Halted';
  readonly reason: HaltReason;

  constructor(reason: HaltReason, topic: string, partition: number, detail: string) {
    super(`${reason}: ${topic} partition ${partition}: ${detail}`);
    this.reason = reason;
  }
}

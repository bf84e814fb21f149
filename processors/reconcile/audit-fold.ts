/**
 * The audit of one ledger against its topics, partition by partition: the journal first, then the values in order, each
 * record against the rows that it made. Holds what one partition needs; rows come from sources in the order of the log.
 */
import type { Source } from '../../ledger/cursor.ts';
import type { EntryRow, PayoutHead, SetRow } from '../../ledger/sql/audit-rows.ts';
import type {
  AuditStreams,
  BatchRow,
  ClientAccountLine,
  JournalledRow,
  LegRow,
} from '../../ledger/sql/audit-streams.ts';
import type { JournalRecord, PaymentValued } from '../../schemas/events.ts';
import { TOPIC } from '../../schemas/topology.ts';
import {
  compareBatch,
  compareEntries,
  compareLeg,
  comparePayout,
  compareSet,
  type Difference,
  type RecordRef,
  strayLeg,
  sumLines,
} from './audit-compare.ts';
import { type Booking, clientOfKey, type Place, Recomputation } from './recompute.ts';

/** What the ledger has of a page of the journal. */
export interface JournalRows {
  readonly sets: ReadonlyMap<string, SetRow>;
  readonly entries: ReadonlyMap<string, EntryRow>;
  readonly payouts: ReadonlyMap<string, PayoutHead>;
}

/** A client's balance that the topics and its row say differently, minor units. */
export interface BalanceLine {
  readonly key: string;
  readonly topics: bigint;
  readonly ledger: bigint;
}

export interface AuditScope {
  /** Only this client. */
  readonly client?: string | undefined;
  /** As of this time; what the ledger booked later is left out. */
  readonly at?: Date | undefined;
  /** Topics are read to offsets that a caller chose: what the ledger has beyond them is no difference. */
  readonly isPrefix: boolean;
}

/** More than anyone reads; the count goes on. */
const KEPT = 10_000;

export class AuditFold {
  readonly fold = new Recomputation();
  readonly differences: Difference[] = [];
  readonly counts = { journal: 0, valued: 0, credits: 0, differences: 0 };
  readonly #streams: AuditStreams;
  readonly #scope: AuditScope;
  /** Posting sets seen in this partition's journal, by 16 bytes each. */
  readonly #seen = new Set<string>();
  /** And those of no client, in all partitions: they are few. */
  readonly #seenOfNone = new Set<string>();
  #sums = new Map<string, bigint>();
  /** When the partition's last record was booked: what the ledger has nothing of comes no earlier than what is before it. */
  #reached: Date | undefined;
  #first: RecordRef | undefined;

  constructor(streams: AuditStreams, scope: AuditScope) {
    this.#streams = streams;
    this.#scope = scope;
  }

  /** Whether a record of the journal was seen before: delivery is at least once. */
  isRepeat(record: JournalRecord): boolean {
    const id = packed(record.posting_set_id);
    return this.#seen.has(id) || this.#seenOfNone.has(id);
  }

  /** One record of the journal, its first time. */
  journal(ref: RecordRef, record: JournalRecord, key: string, rows: JournalRows): void {
    const { at } = this.#scope;
    (clientOfKey(key) === undefined ? this.#seenOfNone : this.#seen).add(packed(record.posting_set_id));
    if (at && record.occurred_at > at) return;
    this.counts.journal += 1;
    this.fold.journal(record, key, ref.offset);
    const set = rows.sets.get(record.posting_set_id);
    const bookedAt = set?.at ?? record.occurred_at;
    this.#note(compareSet(ref, record, key, set));
    this.#note(compareEntries(ref, record, bookedAt, rows.entries));
    this.#note(comparePayout(ref, record, key, bookedAt, rows.payouts.get(record.cause_id)));
  }

  /** The next record of payments.valued; every readable one must come, in order. */
  async valued(place: Place, record: PaymentValued): Promise<void> {
    const { legs } = this.#streams;
    const { partition, offset } = place;
    const batch = await this.#batchAt(place);
    await this.#strayLegs(partition, offset);
    const next = await legs.peek();
    const leg = next?.partition === partition && next.offset === offset ? await legs.next() : undefined;
    const bookedAt = batch?.at ?? leg?.at ?? later(record.occurred_at, this.#reached);
    this.#reached = bookedAt;
    if (this.#scope.at && bookedAt > this.#scope.at) return;
    this.counts.valued += 1;
    const ref: RecordRef = { topic: TOPIC.valued, partition, offset, event_id: record.event_id };
    const booking = this.fold.valued(record, place);
    if (booking) this.#booked(ref, record, booking, leg, bookedAt);
    // A redriven one is credited by its set in the journal, which has been compared.
    else if (leg && place.attempt === 0) this.#note(strayLeg(leg, this.#noteOn(record, place)));
    if (booking && this.#streams.batches && !batch) this.#unbatched(ref, record, booking, bookedAt);
  }

  #booked(
    ref: RecordRef,
    record: PaymentValued,
    booking: Booking,
    leg: LegRow | undefined,
    bookedAt: Date,
  ): void {
    this.counts.credits += 1;
    this.#note(compareLeg(ref, record, booking, leg, bookedAt));
    this.#first ??= ref;
    sumLines(linesOf(booking, ref.partition), this.#sums);
  }

  #noteOn(record: PaymentValued, place: Place): RecordRef | undefined {
    const offset = this.fold.noteOn(record, place);
    if (offset === undefined) return undefined;
    return { topic: TOPIC.journal, partition: place.partition, offset, event_id: '' };
  }

  #unbatched(ref: RecordRef, record: PaymentValued, booking: Booking, bookedAt: Date): void {
    this.#note({
      at: bookedAt,
      record: ref,
      what: `posting of payment ${record.payment.payment_id} of client ${booking.client}`,
      topics: 'it books',
      ledger: 'no set of credits covers its offset',
      keys: [],
    });
    this.#sums = new Map();
    this.#first = undefined;
  }

  /** Ends the batches below this record. @returns the one that covers it */
  async #batchAt({ partition, offset }: Pick<Place, 'partition' | 'offset'>): Promise<BatchRow | undefined> {
    const { batches } = this.#streams;
    if (!batches) return undefined;
    for (
      let batch = await batches.peek();
      batch && batch.partition <= partition;
      batch = await batches.peek()
    ) {
      const isBelow = batch.partition < partition || batch.to <= offset;
      if (!isBelow) return batch.from <= offset ? batch : undefined;
      this.#closeBatch(batch);
      await batches.next();
    }
    return undefined;
  }

  #closeBatch(batch: BatchRow): void {
    const { at } = this.#scope;
    if (!at || batch.at <= at) this.#note(compareBatch(batch, this.#sums, this.#first));
    this.#sums = new Map();
    this.#first = undefined;
  }

  async #strayLegs(partition: number, below: bigint): Promise<void> {
    const { legs } = this.#streams;
    const { at } = this.#scope;
    for (let leg = await legs.peek(); leg && isBefore(leg, partition, below); leg = await legs.peek()) {
      if (!at || leg.at <= at) this.#note(strayLeg(leg));
      await legs.next();
    }
  }

  /**
   * Ends a partition: what the ledger has beyond its last record, sets that its journal lacks, balances of its clients.
   * @param end offset up to which its values were read @returns clients whose row says something else
   */
  async endPartition(
    partition: number,
    end: bigint,
  ): Promise<{ lines: BalanceLine[]; balances: Map<string, bigint> }> {
    await this.#batchAt({ partition, offset: end });
    await this.#strayLegs(partition, end);
    // A caller's offset may lie within a batch: that one is not compared.
    this.#sums = new Map();
    this.#first = undefined;
    const { batches, legs, sets } = this.#streams;
    if (batches) await skip(batches, partition, (batch) => this.#beyond(() => this.#closeBatch(batch)));
    await skip(legs, partition, (leg) => this.#beyond(() => this.#note(strayLeg(leg))));
    await skip(sets, partition, (set) => this.#unjournalled(set));
    this.#reached = undefined;
    this.#seen.clear();
    this.fold.forgetPayments();
    const balances = this.fold.takeClients();
    return { lines: await this.#clients(partition, balances), balances };
  }

  #beyond(report: () => void): void {
    if (!this.#scope.isPrefix && !this.#scope.at) report();
  }

  /** Call it when all partitions were read: sets of no client, whose records may stand in any. */
  async end(): Promise<void> {
    const { others } = this.#streams;
    for (let set = await others?.next(); set; set = await others?.next()) this.#unjournalled(set);
  }

  #unjournalled(set: JournalledRow): void {
    const { at, isPrefix } = this.#scope;
    if (isPrefix || (at && set.at > at)) return;
    const seen = set.client_id === null ? this.#seenOfNone : this.#seen;
    if (seen.has(packed(set.id))) return;
    this.#note({
      at: set.at,
      record: null,
      what: `posting ${set.cause_kind} ${set.cause_id}`,
      topics: 'not in the journal',
      ledger: `set ${set.id}`,
      keys: set.client_id === null ? [] : [`client:${set.client_id}`],
    });
  }

  async #clients(partition: number, told: ReadonlyMap<string, bigint>): Promise<BalanceLine[]> {
    if (this.#scope.isPrefix || this.#scope.at) return [];
    const rest = new Map(told);
    const lines: BalanceLine[] = [];
    await skip(this.#streams.accounts, partition, (row) => {
      for (const [key, ledger] of clientBalances(row)) {
        const topics = rest.get(key) ?? 0n;
        rest.delete(key);
        if (topics !== ledger) lines.push({ key, topics, ledger });
      }
    });
    for (const [key, topics] of rest) lines.push({ key, topics, ledger: 0n });
    return lines;
  }

  #note(difference: Difference | undefined): void {
    if (!difference) return;
    this.counts.differences += 1;
    if (this.differences.length < KEPT) this.differences.push(difference);
  }

  note(difference: Difference): void {
    this.#note(difference);
  }
}

function linesOf(booking: Booking, partition: number) {
  return booking.lines.map(({ debit, credit, amount }) => ({
    debit,
    credit,
    partition,
    asset: amount.asset,
    amount: amount.minor.toString(),
  }));
}

/** Liabilities are negative in the general ledger. */
function clientBalances(row: ClientAccountLine): [string, bigint][] {
  const key = (part: string) => `client:${row.client_id}:${part}|${row.asset}`;
  return [
    [key('available'), -BigInt(row.available)],
    [key('reserved'), -BigInt(row.reserved)],
    [key('unvalued'), -BigInt(row.unvalued)],
    [key('debt'), BigInt(row.debt)],
  ];
}

function isBefore(
  row: { readonly partition: number; readonly offset: bigint },
  partition: number,
  below: bigint,
) {
  return row.partition < partition || (row.partition === partition && row.offset < below);
}

/** Takes the rest of a partition from a source. */
async function skip<T extends { readonly partition: number }>(
  source: Source<T>,
  partition: number,
  each: (row: T) => void,
): Promise<void> {
  for (let row = await source.peek(); row && row.partition <= partition; row = await source.peek()) {
    each(row);
    await source.next();
  }
}

function later(one: Date, other: Date | undefined): Date {
  return other && other > one ? other : one;
}

/** A uuid as 16 characters of one byte; what is none stays as it is. */
function packed(id: string): string {
  const hex = id.replaceAll('-', '');
  return /^[0-9a-f]{32}$/.test(hex) ? Buffer.from(hex, 'hex').toString('latin1') : id;
}

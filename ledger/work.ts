/**
 * One transaction's work in memory: the rows it loaded and locked, what the pure transitions changed, and what they
 * want posted, published and done. No I/O here; ledger/store.ts loads it before and writes it after.
 */
import type { LedgerAsset } from '../schemas/assets.ts';
import { eventId } from '../schemas/event-id.ts';
import type { JournalEntry, TopicValues } from '../schemas/events.ts';
import { type Money, money } from '../schemas/money.ts';
import { TOPIC, type TopicName } from '../schemas/topology.ts';
import { ACCOUNTS, type AccountName } from './accounts.ts';
import { appendEntry, type EntryKind } from './entries.ts';
import type { Transfer } from './posting.ts';
import { keyOf, type RowOf, type Table } from './table.ts';
import { clientAccounts, clientEntries, discrepancies, type GlTransferRow, glTransfers } from './tables.ts';

/** What made a posting set; its id is the hash of both, so that the same cause is never posted twice. */
export interface Cause {
  readonly kind: string;
  readonly id: string;
}

export interface OutboxItem {
  readonly topic: TopicName;
  readonly key: string;
  readonly type: string;
  /** A value to encode, or bytes that stood in a log before and go back as they are. */
  readonly value: { readonly event_id: string; readonly bytes?: Buffer };
  readonly headers: Readonly<Record<string, string>>;
}

export interface IntentWish {
  readonly key: string;
  readonly kind: string;
  readonly subject: string;
  readonly dueAt: Date;
}

interface PostOptions {
  readonly clientId?: bigint | undefined;
  /** Partition of the partitioned accounts in the set. */
  readonly partition: number;
  /** False for what payments.valued implies; everything else is journalled. */
  readonly journal?: boolean;
  readonly entries?: readonly JournalEntry[];
}

interface Aggregate {
  readonly setId: string;
  readonly cause: Cause;
  readonly partition: number;
  readonly lines: Map<string, Transfer>;
}

export class Work {
  /** The one time of this transaction; everything in it carries this. */
  readonly now: Date;
  readonly outbox: OutboxItem[] = [];
  readonly intents = new Map<string, IntentWish>();
  /** Signed change of accounts kept in one row, by `account|asset`. */
  readonly walletDeltas = new Map<string, bigint>();
  /** Amounts by `debit|credit|asset|partition|cause kind`. */
  readonly totals = new Map<string, bigint>();
  /** Sums of this transaction's changes of position:open, by partition. */
  readonly positionDeltas = new Map<number, { eth: bigint; usdt: bigint }>();
  readonly partitionCounters = new Map<number, bigint>();
  /** W3C trace context that emitted records carry on. */
  traceparent: string | null = null;

  private readonly tables = new Map<string, Map<string, unknown>>();
  private readonly dirty = new Map<string, Set<string>>();
  private readonly aggregates = new Map<string, Aggregate>();

  constructor(now: Date) {
    this.now = now;
  }

  // rows

  load<T extends Table>(t: T, rows: readonly RowOf<T>[]): void {
    const known = this.rowsOf(t);
    for (const row of rows) known.set(keyOf(t, row as Record<string, unknown>), row);
  }

  get<T extends Table>(t: T, ...key: readonly (string | bigint | number)[]): RowOf<T> | undefined {
    return this.rowsOf(t).get(key.map(String).join('|'));
  }

  /** @throws Error when the row was not loaded: a fault in the loading code, never a state of the world */
  must<T extends Table>(t: T, ...key: readonly (string | bigint | number)[]): RowOf<T> {
    const row = this.get(t, ...key);
    if (!row) throw new Error(`${t.name} ${key.map(String).join('|')} was not loaded`);
    return row;
  }

  all<T extends Table>(t: T): RowOf<T>[] {
    return [...this.rowsOf(t).values()];
  }

  put<T extends Table>(t: T, row: RowOf<T>): RowOf<T> {
    const key = keyOf(t, row as Record<string, unknown>);
    this.rowsOf(t).set(key, row);
    let keys = this.dirty.get(t.name);
    if (!keys) {
      keys = new Set();
      this.dirty.set(t.name, keys);
    }
    keys.add(key);
    return row;
  }

  changed<T extends Table>(t: T): RowOf<T>[] {
    const rows = this.rowsOf(t);
    return [...(this.dirty.get(t.name) ?? [])].map((key) => rows.get(key)!);
  }

  private rowsOf<T extends Table>(t: T): Map<string, RowOf<T>> {
    let rows = this.tables.get(t.name);
    if (!rows) {
      rows = new Map();
      this.tables.set(t.name, rows);
    }
    return rows as Map<string, RowOf<T>>;
  }

  // entries

  /** Appends an entry to a client's sequence, with its row; the posting is the caller's. Returns what the journal needs. */
  entry(kind: EntryKind, clientId: bigint, amount: Money, cause: Cause): JournalEntry {
    const account = this.must(clientAccounts, clientId, amount.asset);
    const next = this.put(clientAccounts, appendEntry(account, kind, amount.minor, this.now));
    if (kind !== 'payment') {
      this.put(clientEntries, {
        client_id: clientId,
        asset: amount.asset,
        seq: next.last_seq,
        kind,
        amount: amount.minor,
        cause_kind: cause.kind,
        cause_id: cause.id,
        at: this.now,
      });
    }
    return { client_id: String(clientId), seq: next.last_seq, kind, amount };
  }

  // postings

  /** Books one posting set and journals it. Changes of position:open get counted into their partition's next credit batch. */
  post(cause: Cause, transfers: readonly Transfer[], options: PostOptions): string {
    const setId = eventId('journal', cause.kind, cause.id);
    transfers.forEach((transfer, line) => {
      this.bookLine(setId, line, cause, transfer, options);
    });
    if (options.journal !== false && (transfers.length > 0 || (options.entries?.length ?? 0) > 0)) {
      this.journal(setId, cause, transfers, options);
    }
    return setId;
  }

  /** Adds to the one posting set of a batch of credits: one line per account pair, whatever the number of payments. */
  postAggregated(cause: Cause, transfers: readonly Transfer[], partition: number): string {
    const key = `${cause.kind}|${cause.id}`;
    let set = this.aggregates.get(key);
    if (!set) {
      set = { setId: eventId('journal', cause.kind, cause.id), cause, partition, lines: new Map() };
      this.aggregates.set(key, set);
    }
    for (const transfer of transfers) {
      const pair = `${transfer.debit}|${transfer.credit}|${transfer.amount.asset}`;
      const before = set.lines.get(pair);
      const minor = (before?.amount.minor ?? 0n) + transfer.amount.minor;
      set.lines.set(pair, { ...transfer, amount: money(transfer.amount.asset, minor) });
    }
    return set.setId;
  }

  /** Books what postAggregated collected. Called once, before the work is written. */
  closeAggregates(): void {
    for (const { cause, partition, lines } of this.aggregates.values()) {
      this.post(cause, [...lines.values()], { partition, journal: false });
    }
    this.aggregates.clear();
  }

  private bookLine(
    setId: string,
    line: number,
    cause: Cause,
    transfer: Transfer,
    options: PostOptions,
  ): void {
    const { debit, credit, amount } = transfer;
    const row: GlTransferRow = {
      posting_set_id: setId,
      line,
      cause_kind: cause.kind,
      cause_id: cause.id,
      debit,
      credit,
      asset: amount.asset,
      partition: options.partition,
      client_id: options.clientId ?? null,
      amount: amount.minor,
      at: this.now,
    };
    this.put(glTransfers, row);
    bump(this.totals, `${debit}|${credit}|${amount.asset}|${options.partition}|${cause.kind}`, amount.minor);
    this.bumpWallet(debit, amount.asset, amount.minor);
    this.bumpWallet(credit, amount.asset, -amount.minor);
    if (!cause.kind.startsWith('conversion')) {
      if (debit === 'position:open') this.bumpPosition(options.partition, amount.asset, amount.minor);
      if (credit === 'position:open') this.bumpPosition(options.partition, amount.asset, -amount.minor);
    }
  }

  private bumpWallet(account: AccountName, asset: LedgerAsset, change: bigint): void {
    if (ACCOUNTS[account].kept === 'row') bump(this.walletDeltas, `${account}|${asset}`, change);
  }

  /** eth: ETH owed to a swap (the ETH leg is negative in the ledger); usdt: USDT expected from it. */
  private bumpPosition(partition: number, asset: LedgerAsset, change: bigint): void {
    const sums = this.positionDeltas.get(partition) ?? { eth: 0n, usdt: 0n };
    this.positionDeltas.set(
      partition,
      asset === 'ETH' ? { ...sums, eth: sums.eth - change } : { ...sums, usdt: sums.usdt + change },
    );
  }

  /** Journals a fact without postings: an input that payments.valued would imply but that was not credited. */
  note(cause: Cause, clientId: bigint): void {
    this.journal(eventId('journal', cause.kind, cause.id), cause, [], { clientId, partition: -1 });
  }

  private journal(setId: string, cause: Cause, transfers: readonly Transfer[], options: PostOptions): void {
    const key =
      options.clientId === undefined ? (transfers[0]?.debit ?? 'platform') : String(options.clientId);
    this.emit(TOPIC.journal, key, cause.kind, {
      event_id: setId,
      occurred_at: this.now,
      posting_set_id: setId,
      cause_kind: cause.kind,
      cause_id: cause.id,
      transfers: transfers.map((transfer) => ({ ...transfer, partition: options.partition })),
      entries: [...(options.entries ?? [])],
    });
  }

  // effects

  /** @param headers beside traceparent, event-id and event-type */
  emit<T extends TopicName>(
    topic: T,
    key: string,
    type: string,
    value: TopicValues[T] | { readonly event_id: string; readonly bytes: Buffer },
    headers: Readonly<Record<string, string>> = {},
  ): void {
    const traceparent = this.traceparent ?? ownTrace(value.event_id);
    this.outbox.push({ topic, key, type, value, headers: { traceparent, ...headers } });
  }

  /** Makes sure that the intent is due at that time or sooner, whether it is new, waiting, running or done. */
  wake(key: string, kind: string, subject: string, dueAt: Date = this.now): void {
    const before = this.intents.get(key);
    if (!before || before.dueAt > dueAt) this.intents.set(key, { key, kind, subject, dueAt });
  }

  /** Something that a person must look at; the same one twice is one row. */
  discrepancy(kind: string, entity: string, detail: string): void {
    const id = eventId('discrepancy', kind, entity, detail);
    if (this.get(discrepancies, id)) return;
    this.put(discrepancies, {
      discrepancy_id: id,
      kind,
      entity,
      detail,
      at: this.now,
      resolved_at: null,
    });
  }
}

function bump(map: Map<string, bigint>, key: string, change: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + change);
}

/** What no webhook caused begins a trace of its own: that of its event, so that a repeat carries the same one. */
function ownTrace(eventId: string): string {
  const hex = eventId.replaceAll('-', '');
  return `00-${hex}-${hex.slice(0, 16)}-00`;
}

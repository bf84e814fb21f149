/**
 * Invariant (7): the ledger recomputed from payments.valued (the first value of a payment wins) and the journal alone.
 * A second, naive bookkeeper: it shares nothing with the processors but the topics. Pure; what one partition of payments
 * claimed is forgotten with it, because a payment's records all stand in one.
 */
import { createHash } from 'node:crypto';
import type { JournalRecord, PaymentValued } from '../../schemas/events.ts';
import { convertFloor, feeOf, type Money, money, Rate } from '../../schemas/money.ts';

/** A payment whose end is open: booked without a value, or credited in part. */
interface Seen {
  /** Received so far, in minor units of its asset. */
  readonly received: bigint;
  /** What of it has its value. */
  readonly credited: bigint;
  readonly status: string;
}

/** Where a record of payments.valued stands. */
export interface Place {
  readonly partition: number;
  readonly offset: bigint;
  /** Above 0 for a redriven one, whose postings the journal has. */
  readonly attempt: number;
}

export interface Line {
  readonly debit: string;
  readonly credit: string;
  readonly amount: Money;
}

/** What one record of payments.valued books. */
export interface Booking {
  readonly client: string;
  /** 0: booked without a value. */
  readonly leg: 0 | 1 | 2;
  readonly received: Money;
  /** In the asset credited; of leg 0 null. */
  readonly fee: Money | null;
  readonly net: Money | null;
  readonly lines: readonly Line[];
}

/** Sums by `account|asset`, and for client accounts also by `client:<id>:<part>|asset`. Debit +, credit -. */
export class Recomputation {
  readonly balances = new Map<string, bigint>();
  /** Causes of the journal's notes, and the offset of the note. */
  private readonly notCredited = new Map<string, bigint>();
  /** Payments of which nothing more can be booked; and the others. By digest: millions of them must fit. */
  private readonly over = new Set<string>();
  private readonly open = new Map<string, Seen>();

  /**
   * All journal records of a partition must be seen before its first value: they name what was not credited.
   * @param key of the record @param offset of the record, for `noteOn`
   */
  journal(record: JournalRecord, key: string, offset = -1n): void {
    if (record.cause_kind === 'not_credited') this.notCredited.set(record.cause_id, offset);
    const client = clientOfKey(key);
    for (const { debit, credit, amount } of record.transfers)
      this.transfer({ debit, credit, amount }, client);
  }

  /** Offset of the journal record that says of this value that it was not credited. */
  noteOn(record: PaymentValued, { partition, offset }: Place): bigint | undefined {
    return this.notCredited.get(`${record.event_id}:${partition}:${offset}`);
  }

  /** @returns what it books; undefined: nothing, or what the journal has */
  valued(record: PaymentValued, place: Place): Booking | undefined {
    if (this.noteOn(record, place) !== undefined) return undefined;
    if (record.kind !== 'valued' && record.kind !== 'unvalued') return undefined;
    const { payment, received } = record;
    if (!received) return undefined;
    const id = digestOf(`${payment.client_id}|${payment.provider}|${payment.payment_id}`);
    if (this.over.has(id)) return undefined;
    const seen = this.open.get(id);
    const status = payment.payment_status;
    const isMore = seen?.status === 'partially_paid' && status === 'finished';
    if (place.attempt > 0) {
      // Its postings are in the journal; how much of the payment has its value now is only here.
      if (seen && !isMore && record.kind === 'unvalued') return undefined;
      const credited = record.kind === 'valued' ? received.minor : (seen?.credited ?? 0n);
      this.remember(id, { received: received.minor, credited, status });
      return undefined;
    }
    if (seen && !isMore && (record.kind === 'unvalued' || seen.credited === seen.received)) return undefined;
    const before = seen ?? { received: 0n, credited: 0n };
    const credited = record.kind === 'valued' ? received.minor : before.credited;
    this.remember(id, { received: received.minor, credited, status });
    const more = money(received.asset, received.minor - before.received);
    if (record.kind === 'unvalued')
      return more.minor > 0n ? this.book(record, 0, more, null, null, [intoUnvalued(more)]) : undefined;
    if (before.credited === received.minor) return undefined;
    const rest = money(received.asset, received.minor - before.credited);
    // Straight to its value, unless a part of it waits for one: then all of it comes from there.
    const waits = before.credited < before.received;
    const from = waits ? 'client:unvalued' : 'wallet:incoming';
    const first = waits && more.minor > 0n ? [intoUnvalued(more)] : [];
    const { net, fee } = before.credited > 0n ? valueOfRest(record, rest) : record;
    return this.credit(record, before.credited > 0n ? 2 : 1, rest, net!, fee!, from, first);
  }

  /** A partition is at its end, and with it the records of its payments. */
  forgetPayments(): void {
    this.notCredited.clear();
    this.over.clear();
    this.open.clear();
  }

  /** @returns the balances of clients so far, which are taken out */
  takeClients(): Map<string, bigint> {
    const clients = [...this.balances].filter(([key]) => isOfClient(key));
    for (const [key] of clients) this.balances.delete(key);
    return new Map(clients);
  }

  private remember(id: string, seen: Seen): void {
    this.open.delete(id);
    if (seen.credited === seen.received && seen.status !== 'partially_paid') this.over.add(id);
    else this.open.set(id, seen);
  }

  private credit(
    record: PaymentValued,
    leg: 1 | 2,
    received: Money,
    net: Money,
    fee: Money,
    from: string,
    first: readonly Line[],
  ): Booking {
    const isLocked = received.asset !== net.asset;
    const source = isLocked ? 'position:open' : from;
    const lines = [
      ...first,
      ...(isLocked ? [{ debit: from, credit: 'position:open', amount: received }] : []),
      { debit: source, credit: 'client:available', amount: net },
      { debit: source, credit: 'platform:fees', amount: fee },
    ];
    return this.book(record, leg, received, fee, net, lines);
  }

  private book(
    record: PaymentValued,
    leg: Booking['leg'],
    received: Money,
    fee: Money | null,
    net: Money | null,
    all: readonly Line[],
  ): Booking {
    const client = record.payment.client_id;
    const lines = all.filter(({ amount }) => amount.minor !== 0n);
    for (const line of lines) this.transfer(line, client);
    return { client, leg, received, fee, net, lines };
  }

  private transfer({ debit, credit, amount }: Line, client: string | undefined): void {
    this.add(debit, amount.asset, amount.minor, client);
    this.add(credit, amount.asset, -amount.minor, client);
  }

  private add(account: string, asset: string, change: bigint, client: string | undefined): void {
    bump(this.balances, `${account}|${asset}`, change);
    if (client !== undefined && account.startsWith('client:')) {
      bump(this.balances, `client:${client}:${account.slice('client:'.length)}|${asset}`, change);
    }
  }
}

function intoUnvalued(amount: Money): Line {
  return { debit: 'wallet:incoming', credit: 'client:unvalued', amount };
}

/** A second leg: what came above the first, at the record's own rate. */
function valueOfRest(record: PaymentValued, rest: Money): { net: Money; fee: Money } {
  const gross =
    record.net!.asset === rest.asset ? rest : convertFloor(rest, new Rate(record.rate!), record.net!.asset);
  const fee = feeOf(gross, record.fee_bps!);
  return { net: money(gross.asset, gross.minor - fee.minor), fee };
}

/** The client of a journal record, or undefined for one of the platform's accounts. */
export function clientOfKey(key: string): string | undefined {
  return /^-?\d+$/.test(key) ? key : undefined;
}

function isOfClient(balanceKey: string): boolean {
  return /^client:-?\d/.test(balanceKey);
}

/** 96 bits as 12 characters of one byte each. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest().toString('latin1', 0, 12);
}

function bump(map: Map<string, bigint>, key: string, change: bigint): void {
  const next = (map.get(key) ?? 0n) + change;
  if (next === 0n) map.delete(key);
  else map.set(key, next);
}

/** Where the two differ: `account|asset` and the ledger's figure less the recomputed one. Empty: equal. */
export function differences(
  ledger: ReadonlyMap<string, bigint>,
  recomputed: ReadonlyMap<string, bigint>,
): { key: string; difference: bigint }[] {
  const keys = new Set([...ledger.keys(), ...recomputed.keys()]);
  return [...keys]
    .map((key) => ({ key, difference: (ledger.get(key) ?? 0n) - (recomputed.get(key) ?? 0n) }))
    .filter(({ difference }) => difference !== 0n)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** What one record of a topic says against the rows of the ledger that it made. Pure. */
import type { EntryRow, PayoutHead, SetRow } from '../../ledger/sql/audit-rows.ts';
import type { BatchRow, LegRow, LineRow } from '../../ledger/sql/audit-streams.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import type { JournalRecord, PaymentValued } from '../../schemas/events.ts';
import { formatMoney, type Money, money } from '../../schemas/money.ts';
import { TOPIC, type TopicName } from '../../schemas/topology.ts';
import { type Booking, clientOfKey } from './recompute.ts';

export interface RecordRef {
  readonly topic: TopicName;
  readonly partition: number;
  readonly offset: bigint;
  readonly event_id: string;
}

/** One thing that topics and ledger say differently. */
export interface Difference {
  /** When the ledger booked it, or the record was made where the ledger has nothing. */
  readonly at: Date;
  /** null: no record stands behind it. */
  readonly record: RecordRef | null;
  readonly what: string;
  readonly topics: string;
  readonly ledger: string;
  /** Accounts that it concerns: `account|asset`, of clients `client:<id>:<part>|asset`. */
  readonly keys: readonly string[];
}

export function amountText(asset: string, minor: bigint | string): string {
  const value = BigInt(minor);
  return `${formatMoney(money(asset as LedgerAsset, value))} ${asset}`;
}

const textOf = (amount: Money) => amountText(amount.asset, amount.minor);
const clientKey = (client: string | bigint, part: string, asset: string) =>
  `client:${client}:${part}|${asset}`;

/** A credit in the ledger that no record explains. */
export function strayLeg(leg: LegRow, noted?: RecordRef): Difference {
  return {
    at: leg.at,
    record: noted ?? {
      topic: TOPIC.valued,
      partition: leg.partition,
      offset: leg.offset,
      event_id: leg.event_id,
    },
    what: `credit of payment ${leg.payment_id} of client ${leg.client_id}, leg ${leg.leg}`,
    topics: noted ? 'the journal says that it was not credited' : 'no record there credits it',
    ledger: `${amountText(leg.asset, leg.net)} credited`,
    keys: [clientKey(leg.client_id, 'available', leg.asset)],
  };
}

/**
 * @param leg the row of the sub-ledger that names this record as its source
 * @param bookedAt when the ledger processed the record, where it knows
 */
export function compareLeg(
  ref: RecordRef,
  record: PaymentValued,
  booking: Booking,
  leg: LegRow | undefined,
  bookedAt: Date,
): Difference | undefined {
  const { payment } = record;
  const { net, fee, received } = booking;
  if (booking.leg === 0 || !net || !fee) return leg && strayLeg(leg);
  const told = {
    client: payment.client_id,
    payment: `${payment.provider} ${payment.payment_id}`,
    leg: String(booking.leg),
    received: textOf(received),
    gross: amountText(net.asset, net.minor + fee.minor),
    fee: textOf(fee),
    net: textOf(net),
    event: record.event_id,
  };
  const base = {
    at: leg?.at ?? bookedAt,
    record: ref,
    what: `credit of payment ${payment.payment_id} of client ${payment.client_id}, leg ${booking.leg}`,
    keys: [clientKey(payment.client_id, 'available', net.asset), `platform:fees|${net.asset}`],
  };
  if (!leg) return { ...base, topics: `${told.net} credited`, ledger: 'not in payout_accumulation' };
  const booked = {
    client: String(leg.client_id),
    payment: `${leg.provider} ${leg.payment_id}`,
    leg: String(leg.leg),
    received: amountText(leg.received_asset, leg.received),
    gross: amountText(leg.asset, leg.gross),
    fee: amountText(leg.asset, leg.fee),
    net: amountText(leg.asset, leg.net),
    event: leg.event_id,
  };
  const odd = differing(told, booked);
  return odd && { ...base, ...odd };
}

/** The fields that differ, as two texts. */
function differing(
  told: Readonly<Record<string, string>>,
  booked: Readonly<Record<string, string>>,
): { topics: string; ledger: string } | undefined {
  const names = Object.keys(told).filter((name) => told[name] !== booked[name]);
  if (names.length === 0) return undefined;
  const text = (of: Readonly<Record<string, string>>) =>
    names.map((name) => `${name} ${of[name]}`).join(', ');
  return { topics: text(told), ledger: text(booked) };
}

type Sums = ReadonlyMap<string, bigint>;

/** Adds lines up by account pair, asset and partition of the accounts. */
export function sumLines(lines: readonly LineRow[], into = new Map<string, bigint>()): Map<string, bigint> {
  for (const { debit, credit, asset, partition, amount } of lines) {
    const key = `${debit} > ${credit}|${asset}|${partition}`;
    into.set(key, (into.get(key) ?? 0n) + BigInt(amount));
  }
  return into;
}

interface LineDifference {
  readonly topics: string;
  readonly ledger: string;
  readonly keys: readonly string[];
}

function differingLines(told: Sums, booked: Sums, client: string | undefined): LineDifference | undefined {
  const names = [...new Set([...told.keys(), ...booked.keys()])].filter(
    (name) => told.get(name) !== booked.get(name),
  );
  if (names.length === 0) return undefined;
  const text = (of: Sums) =>
    names
      .map((name) => {
        const [pair, asset, partition] = name.split('|') as [string, string, string];
        const amount = of.get(name);
        return amount === undefined
          ? `nothing ${pair}`
          : `${amountText(asset, amount)} ${pair} in partition ${partition}`;
      })
      .join(', ');
  const keys = names.flatMap((name) => {
    const [pair, asset] = name.split('|') as [string, string];
    return pair.split(' > ').flatMap((account) => keysOf(account, asset, client));
  });
  return { topics: text(told), ledger: text(booked), keys: [...new Set(keys)] };
}

function keysOf(account: string, asset: string, client: string | undefined): string[] {
  const own = `${account}|${asset}`;
  return client !== undefined && account.startsWith('client:')
    ? [own, clientKey(client, account.slice('client:'.length), asset)]
    : [own];
}

const linesOf = (record: JournalRecord): LineRow[] =>
  record.transfers.map(({ debit, credit, partition, amount }) => ({
    debit,
    credit,
    partition,
    asset: amount.asset,
    amount: amount.minor.toString(),
  }));

/** @param set the ledger's set of that id */
export function compareSet(
  ref: RecordRef,
  record: JournalRecord,
  key: string,
  set: SetRow | undefined,
): Difference | undefined {
  const client = clientOfKey(key);
  const base = {
    at: set?.at ?? record.occurred_at,
    record: ref,
    what: `posting ${record.cause_kind} ${record.cause_id}`,
  };
  if (record.transfers.length === 0) return undefined;
  const lines = differingLines(sumLines(linesOf(record)), sumLines(set?.lines ?? []), client);
  if (!set) return { ...base, ...lines!, ledger: `no set ${record.posting_set_id}` };
  if (lines) return { ...base, ...lines };
  const odd = differing(
    { cause: `${record.cause_kind} ${record.cause_id}`, client: client ?? 'none' },
    { cause: `${set.cause_kind} ${set.cause_id}`, client: String(set.client_id ?? 'none') },
  );
  return odd && { ...base, ...odd, keys: [] };
}

export const entryKey = (client: string | bigint, asset: string, seq: bigint) => `${client}|${asset}|${seq}`;

/** The numbered entries of a record; the first that differs. */
export function compareEntries(
  ref: RecordRef,
  record: JournalRecord,
  at: Date,
  rows: ReadonlyMap<string, EntryRow>,
): Difference | undefined {
  for (const { client_id, seq, kind, amount } of record.entries) {
    const row = rows.get(entryKey(client_id, amount.asset, seq));
    const told = `${kind} ${textOf(amount)}`;
    const booked = row ? `${row.kind} ${amountText(row.asset, row.amount)}` : 'not there';
    if (told === booked) continue;
    const what = `entry ${seq} of client ${client_id}`;
    const keys = [clientKey(client_id, 'available', amount.asset)];
    return { at, record: ref, what, topics: told, ledger: booked, keys };
  }
  return undefined;
}

/** @param row the payout that the posting made */
export function comparePayout(
  ref: RecordRef,
  record: JournalRecord,
  key: string,
  at: Date,
  row: PayoutHead | undefined,
): Difference | undefined {
  const [transfer] = record.transfers;
  if (record.cause_kind !== 'payout_created' || !transfer) return undefined;
  const { amount } = transfer;
  const told = `${textOf(amount)} of client ${key}`;
  const booked = row ? `${amountText(row.asset, row.amount)} of client ${row.client_id}` : 'not there';
  if (told === booked) return undefined;
  const keys = [clientKey(key, 'reserved', amount.asset)];
  return { at, record: ref, what: `payout ${record.cause_id}`, topics: told, ledger: booked, keys };
}

/** @param first the first record of the range that books something */
export function compareBatch(
  batch: BatchRow,
  told: Sums,
  first: RecordRef | undefined,
): Difference | undefined {
  const lines = differingLines(told, sumLines(batch.lines), undefined);
  if (!lines) return undefined;
  const record: RecordRef = first ?? {
    topic: TOPIC.valued,
    partition: batch.partition,
    offset: batch.from,
    event_id: '',
  };
  const last = batch.to - 1n;
  const what = `credits of the records ${batch.from}${last > batch.from ? ` to ${last}` : ''} (set ${batch.id})`;
  return { at: batch.at, record, what, ...lines };
}

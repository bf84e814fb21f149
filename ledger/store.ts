/**
 * Loads the rows a transaction needs and writes back what it changed: one statement per table, whatever the number of
 * rows. Lock order everywhere: consumer_position, client rows, payouts, conversions, wallet rows.
 */
import type { Codec } from '../schemas/codec.ts';
import { partitionOf, RELAY_SHARDS } from '../schemas/partition.ts';
import type { Db } from './db.ts';
import { totalsPart } from './sql/add-totals.ts';
import { walletDeltasPart } from './sql/apply-wallet-deltas.ts';
import { creditBatchPart } from './sql/set-credit-batch.ts';
import { INTENTS_CHANNEL, intentsPart } from './sql/wake-intents.ts';
import { runParts, type WritePart } from './sql/write-part.ts';
import { rowsPart, type WriteMode } from './sql/write-rows.ts';
import { columnList, decodeRow, type RowOf, recordset, type Table } from './table.ts';
import * as t from './tables.ts';
import type { Work } from './work.ts';

/** Selects rows of one table into the work. `where` names columns of the table as `r.`; order is part of it when locking. */
export async function load<T extends Table>(
  tx: Db,
  work: Work,
  table: T,
  where: string,
  values: readonly unknown[],
): Promise<RowOf<T>[]> {
  const raw = await tx.query<Record<string, unknown>>(
    `SELECT ${columnList(table, 'r.')} FROM ${table.name} r ${where}`,
    values,
    `load_${table.name}_${hashName(where)}`,
  );
  const rows = raw.map((row) => decodeRow(table, row));
  work.load(table, rows);
  return rows;
}

/** Rows by their whole key, one index probe each, whatever the planner thinks of the table's size (ledger spike, section 3). */
export async function loadByKeys<T extends Table>(
  tx: Db,
  work: Work,
  table: T,
  keys: readonly Readonly<Record<string, string | number | bigint>>[],
): Promise<RowOf<T>[]> {
  if (keys.length === 0) return [];
  const match = table.key.map((name) => `t.${name} = x.${name}`).join(' AND ');
  const raw = await tx.query<Record<string, unknown>>(
    `SELECT ${columnList(table, 'r.')} FROM ${recordset(table, '$1', table.key)}
      CROSS JOIN LATERAL (SELECT * FROM ${table.name} t WHERE ${match} LIMIT 1) r`,
    [JSON.stringify(keys, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))],
    `load_${table.name}_by_keys`,
  );
  const rows = raw.map((row) => decodeRow(table, row));
  work.load(table, rows);
  return rows;
}

/** Prepared statements need a name that stands for their text. */
function hashName(text: string): string {
  let h = 5381;
  for (let i = 0; i < text.length; i++) h = (Math.imul(h, 33) ^ text.charCodeAt(i)) >>> 0;
  return h.toString(36);
}

/** The mutex of each client, in one order, then its policy as it is behind the lock. */
export async function lockClients(tx: Db, work: Work, clientIds: readonly bigint[]): Promise<void> {
  if (clientIds.length === 0) return;
  const ids = [clientIds.map(String)];
  await load(
    tx,
    work,
    t.clientAccounts,
    'WHERE r.client_id = ANY($1::bigint[]) ORDER BY r.client_id, r.asset FOR UPDATE',
    ids,
  );
  await load(tx, work, t.clients, 'WHERE r.client_id = ANY($1::bigint[])', ids);
}

/**
 * For a transaction that changes position:open: the counter of the partition's credit batches, locked. It lives in the
 * position row of accumulate, whose group may carry TOPIC_PREFIX.
 */
export async function lockCreditCounter(tx: Db, work: Work, partition: number): Promise<void> {
  const rows = await tx.query<{ credit_batch: bigint | string | number }>(
    "SELECT credit_batch FROM consumer_position WHERE right(grp, 10) = 'accumulate' AND part = $1 FOR UPDATE",
    [partition],
    'lock_credit_counter',
  );
  if (!rows[0]) throw new Error(`partition ${partition} of accumulate has no position yet`);
  work.partitionCounters.set(partition, BigInt(rows[0].credit_batch));
}

/** Tables in the order in which they are written, and how. Insert: a second row with the key is an error. */
const WRITES: readonly [Table, WriteMode][] = [
  [t.clients, 'upsert'],
  [t.plans, 'upsert'],
  [t.clientAccounts, 'upsert'],
  [t.orders, 'upsert'],
  [t.rates, 'insert'],
  [t.pairLimits, 'upsert'],
  [t.paymentStatus, 'upsert'],
  [t.payoutAccumulation, 'insert'],
  [t.clientEntries, 'insert'],
  [t.payoutBatches, 'upsert'],
  [t.conversions, 'upsert'],
  [t.conversionRanges, 'insert'],
  [t.swapOrders, 'upsert'],
  [t.transfers, 'upsert'],
  [t.transferTxs, 'upsert'],
  [t.chainDeposits, 'upsert'],
  [t.quarantined, 'upsert'],
  [t.discrepancies, 'ignore'],
  [t.glTransfers, 'insert'],
  [t.wallets, 'upsert'],
  [t.missedWebhooks, 'ignore'],
  [t.missedLooks, 'upsert'],
];

/** Writes everything the work holds, as one statement. Nothing of it is visible before the caller's COMMIT. */
export async function write(tx: Db, work: Work, codec: Codec): Promise<void> {
  work.closeAggregates();
  const parts: WritePart[] = creditBatchParts(work);
  for (const [table, mode] of WRITES) {
    const rows = work.changed(table);
    if (rows.length > 0) parts.push(rowsPart(table, rows, mode));
  }
  if (work.totals.size > 0) parts.push(totalsPart(work.totals));
  const deltas = new Map([...work.walletDeltas].filter(([, delta]) => delta !== 0n));
  if (deltas.size > 0) parts.push(walletDeltasPart(deltas));
  const notify: string[] = [];
  if (work.outbox.length > 0) {
    parts.push(rowsPart(t.outbox, outboxRows(work, codec), 'insert'));
    notify.push('outbox');
  }
  if (work.intents.size > 0) {
    parts.push(intentsPart([...work.intents.values()], work.now));
    notify.push(INTENTS_CHANNEL);
  }
  await runParts(tx, parts, notify);
}

function creditBatchParts(work: Work): WritePart[] {
  const rows: RowOf<typeof t.creditBatches>[] = [];
  for (const [partition, sums] of work.positionDeltas) {
    if (sums.eth === 0n && sums.usdt === 0n) continue;
    const counter = work.partitionCounters.get(partition);
    if (counter === undefined) throw new Error(`credit counter of partition ${partition} was not locked`);
    rows.push({ partition, number: counter + 1n, eth: sums.eth, usdt: sums.usdt, at: work.now });
  }
  return rows.length === 0 ? [] : [creditBatchPart(rows), rowsPart(t.creditBatches, rows, 'insert')];
}

/** Ids are drawn as the rows are written, after every lock, so that id order is commit order per key. */
function outboxRows(work: Work, codec: Codec): RowOf<typeof t.outbox>[] {
  return work.outbox.map((item) => ({
    shard: partitionOf(item.key, RELAY_SHARDS),
    topic: item.topic,
    key: item.key,
    event_id: item.value.event_id,
    event_type: item.type,
    value:
      'bytes' in item.value && item.value.bytes
        ? item.value.bytes
        : codec.encode(item.topic, item.value as never),
    headers: JSON.stringify(item.headers),
    created_at: work.now,
  }));
}

/** Locks and loads what a batch of payments.valued names, in a fixed number of statements whatever its size. */
import type { Db } from '../../ledger/db.ts';
import { load, loadByKeys, lockClients, lockCreditCounter } from '../../ledger/store.ts';
import {
  clients,
  pairLimits,
  paymentStatus,
  payoutAccumulation,
  payoutBatches,
  quarantined,
  type RateRow,
  rates,
  transfers,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { LEDGER_ASSETS } from '../../schemas/assets.ts';
import { paymentEntity } from './facts.ts';
import type { ValuedRecord } from './record.ts';

/** The caller holds the partition's position already; statements after the lock see what was committed before it. */
export async function loadBatch(
  tx: Db,
  work: Work,
  partition: number,
  records: readonly ValuedRecord[],
): Promise<void> {
  await lockCreditCounter(tx, work, partition);
  await lockClients(tx, work, distinct(records.map((record) => BigInt(record.value.payment.client_id))));
  const payments = new Map(records.map(({ value }) => [paymentEntity(value.payment), value.payment]));
  const rows = await loadByKeys(
    tx,
    work,
    paymentStatus,
    [...payments.values()].map(({ client_id, provider, payment_id }) => ({
      client_id,
      provider,
      payment_id,
    })),
  );
  const credited = rows.filter((row) => row.legs > 0);
  await loadByKeys(
    tx,
    work,
    payoutAccumulation,
    credited.flatMap(({ client_id, provider, payment_id, legs }) =>
      Array.from({ length: legs }, (_, index) => ({ client_id, provider, payment_id, leg: index + 1 })),
    ),
  );
  await loadLimits(tx, work);
  if (records.some((record) => record.attempt > 0)) await loadParked(tx, work, [...payments.keys()]);
  const refunded = records.filter(({ value }) => value.payment.payment_status === 'refunded');
  if (refunded.length > 0) {
    await loadOpenPayouts(tx, work, distinct(refunded.map(({ value }) => BigInt(value.payment.client_id))));
  }
}

/** The provider's minimum for what each loaded client takes. */
export async function loadLimits(tx: Db, work: Work): Promise<void> {
  const pairs = new Map(
    work
      .all(clients)
      .flatMap(({ payout_currency: currency, payout_network: network }) =>
        LEDGER_ASSETS.map(
          (asset) => [`${asset}|${currency}|${network}`, { asset, currency, network }] as const,
        ),
      ),
  );
  await loadByKeys(tx, work, pairLimits, [...pairs.values()]);
}

async function loadParked(tx: Db, work: Work, entities: readonly string[]): Promise<void> {
  await load(tx, work, quarantined, 'WHERE r.entity = ANY($1::text[]) AND r.redriven_at IS NULL', [entities]);
}

/** What a refund may have to stop. */
export async function loadOpenPayouts(tx: Db, work: Work, clientIds: readonly bigint[]): Promise<void> {
  const open = await load(
    tx,
    work,
    payoutBatches,
    `WHERE r.client_id = ANY($1::bigint[]) AND r.state NOT IN ('completed', 'cancelled')
     ORDER BY r.client_id, r.payout_id FOR UPDATE`,
    [clientIds.map(String)],
  );
  await load(
    tx,
    work,
    transfers,
    "WHERE r.owner_kind = 'payout' AND r.owner_id = ANY($1::text[]) ORDER BY r.transfer_id FOR UPDATE",
    [open.map((row) => row.payout_id)],
  );
}

/** The latest snapshot, if it may be used at this time. @param maxAgeMs RATE_MAX_AGE */
export async function usableRate(tx: Db, work: Work, maxAgeMs: number): Promise<RateRow | undefined> {
  const [latest] = await load(tx, work, rates, 'WHERE r.at <= $1::timestamptz ORDER BY r.at DESC LIMIT 1', [
    work.now,
  ]);
  if (!latest?.usable) return undefined;
  return work.now.getTime() - latest.at.getTime() <= maxAgeMs ? latest : undefined;
}

function distinct(ids: readonly bigint[]): bigint[] {
  return [...new Set(ids)];
}

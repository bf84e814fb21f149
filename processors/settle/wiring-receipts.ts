/** The intents `receipts`, one per partition: due payments are asked for by GET and looked up among the deposits. */

import type { Db } from '../../ledger/db.ts';
import { nextReceiptDue } from '../../ledger/sql/next-receipt-due.ts';
import { load, loadByKeys, lockClients, lockCreditCounter, write } from '../../ledger/store.ts';
import { type PaymentStatusRow, paymentStatus, payoutAccumulation } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { NowPayments } from '../../providers/nowpayments/client.ts';
import type { Codec } from '../../schemas/codec.ts';
import { loadOpenPayouts } from '../accumulate/load.ts';
import { type CallOutcome, type EffectKind, toFailure } from '../runtime/intent-steps.ts';
import type { Next } from '../runtime/schedule.ts';
import { loadDeposits, wakeWaiting } from '../swap/load.ts';
import { applyReceipt, bookReceipts, compareReceipt, type PaymentNow } from './transition-receipts.ts';

export interface ReceiptsDeps {
  readonly codec: Codec;
  readonly payments: Pick<NowPayments, 'payment'>;
  readonly warn: (message: string) => void;
  /** Milliseconds that only go forward; the machine's unless given. */
  readonly elapsed?: () => number;
}

/** Key of a payment. */
interface PaymentKey {
  readonly client_id: bigint;
  readonly provider: string;
  readonly payment_id: string;
}

interface Told {
  readonly key: PaymentKey;
  /** null: the provider does not know it. */
  readonly got: PaymentNow | null;
}

interface Asked {
  readonly told: readonly Told[];
  /** Of the first question that went unanswered. */
  readonly failure: string | null;
}

const PAGE = 200;
/** A new receipt wakes its partition; this only finds what was missed. */
const IDLE_MS = 30_000;
const AFTER_FAILURE_MS = 5_000;
const AT_ONCE = 8;
/** No new question after this, so that what was answered is still applied under the lease. */
const ASKING_MS = 12_000;

export function receiptsKind(deps: ReceiptsDeps): EffectKind<readonly PaymentKey[], Asked> {
  return {
    kind: 'receipts',
    async plan(tx, intent, now) {
      const partition = Number.parseInt(intent.subject, 10);
      const due = await dueReceipts(tx, partition, now);
      if (due.length > 0) return { call: due };
      const idle = new Date(now.getTime() + IDLE_MS);
      const next = await nextReceiptDue(tx, partition);
      return { next: { pollAt: next !== null && next < idle ? next : idle } };
    },
    perform: (keys, signal) => askAll(deps, keys, signal),
    isEffect: () => false,
    apply: (tx, intent, _call, outcome, now) =>
      applyAll(tx, deps, Number.parseInt(intent.subject, 10), outcome, new Work(now)),
  };
}

async function dueReceipts(tx: Db, partition: number, now: Date): Promise<PaymentKey[]> {
  return load(
    tx,
    new Work(now),
    paymentStatus,
    `WHERE r.partition = $1::int AND r.receipt_due_at <= $2::timestamptz ORDER BY r.receipt_due_at LIMIT ${PAGE}`,
    [partition, now],
  );
}

async function askAll(
  { payments, elapsed = () => performance.now() }: ReceiptsDeps,
  keys: readonly PaymentKey[],
  signal: AbortSignal,
): Promise<Asked> {
  const queue = [...keys];
  const told: Told[] = [];
  let failure: string | null = null;
  const until = elapsed() + ASKING_MS;
  const worker = async (): Promise<void> => {
    for (let key = queue.shift(); key; key = queue.shift()) {
      if (failure !== null || signal.aborted || elapsed() > until) return;
      try {
        told.push({ key, got: await payments.payment(key.payment_id) });
      } catch (error) {
        const { code, message } = toFailure(error);
        failure = `${code}: ${message}`;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { told, failure };
}

async function applyAll(
  tx: Db,
  deps: ReceiptsDeps,
  partition: number,
  outcome: CallOutcome<Asked>,
  work: Work,
): Promise<Next> {
  const asked = 'ok' in outcome ? outcome.ok : { told: [], failure: outcome.error.message };
  if (asked.failure !== null) deps.warn(`receipts of partition ${partition}: ${asked.failure}`);
  await loadTold(tx, work, partition, asked.told);
  const confirmed: { row: PaymentStatusRow; minor: bigint }[] = [];
  for (const { key, got } of asked.told) {
    const row = work.get(paymentStatus, key.client_id, key.provider, key.payment_id);
    // Refunded or confirmed by another way meanwhile.
    if (!row || row.receipt_due_at === null || row.confirmed === row.incoming) continue;
    confirmed.push({ row, minor: applyReceipt(work, row, compareReceipt(row, got)) });
  }
  bookReceipts(work, partition, confirmed);
  for (const asset of ['ETH', 'USDT'] as const) {
    if (confirmed.some(({ row, minor }) => minor > 0n && row.received_asset === asset)) {
      await wakeWaiting(tx, work, asset);
    }
  }
  await write(tx, work, deps.codec);
  const wait = asked.failure === null ? 0 : AFTER_FAILURE_MS;
  return { pollAt: new Date(work.now.getTime() + wait) };
}

async function loadTold(tx: Db, work: Work, partition: number, told: readonly Told[]): Promise<void> {
  const refunded = told.filter(({ got }) => got?.status === 'refunded').map(({ key }) => key);
  if (refunded.length > 0) await lockCreditCounter(tx, work, partition);
  await lockClients(tx, work, [...new Set(told.map(({ key }) => key.client_id))]);
  const keys = told.map(({ key }) => ({
    client_id: key.client_id,
    provider: key.provider,
    payment_id: key.payment_id,
  }));
  const rows = await loadByKeys(tx, work, paymentStatus, keys);
  if (refunded.length > 0) {
    const legs = refunded.flatMap(({ client_id, provider, payment_id }) =>
      [1, 2].map((leg) => ({ client_id, provider, payment_id, leg })),
    );
    await loadByKeys(tx, work, payoutAccumulation, legs);
    await loadOpenPayouts(tx, work, [...new Set(refunded.map((key) => key.client_id))]);
  }
  await loadDeposits(tx, work, [
    ...told.map(({ got }) => got?.payoutHash ?? null),
    ...rows.map((row) => row.receipt_hash),
  ]);
}

/** Books the value of one payment leg: entry, postings, sub-ledger row, event, and the payout that it may trigger. */

import { availableOf } from '../../ledger/entries.ts';
import {
  creditHeld,
  creditLocked,
  creditUnvalued,
  recovery,
  type Transfer,
  valueHeld,
  valueLocked,
} from '../../ledger/posting.ts';
import {
  clientAccounts,
  clients,
  type PaymentStatusRow,
  paymentStatus,
  payoutAccumulation,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { eventId } from '../../schemas/event-id.ts';
import { type Money, money, negate, subtract } from '../../schemas/money.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { factsDigest } from './facts.ts';
import { payoutIfDue } from './payout.ts';
import type { BatchContext, ValuedRecord } from './record.ts';
import { withFacts } from './status.ts';

/** A complete value: what convert proposed, or what is left of it for a second leg. */
export interface LegValue {
  readonly strategy: string;
  readonly received: Money;
  readonly gross: Money;
  readonly fee: Money;
  readonly net: Money;
  readonly rate_id: string | null;
  readonly rate: string | null;
}

/** First or second leg, straight to the free balance. @param access whether the whole price was paid */
export function creditLeg(
  work: Work,
  record: ValuedRecord,
  context: BatchContext,
  before: PaymentStatusRow,
  value: LegValue,
  access: boolean,
): void {
  const leg = before.legs + 1;
  const { received, net, fee } = value;
  const transfers =
    received.asset === net.asset
      ? creditHeld(net, fee)
      : creditLocked(received as Money<'ETH'>, net as Money<'USDT'>, fee as Money<'USDT'>);
  book(work, record, context, value, leg, transfers, access);
  const row = withFacts(before, record);
  work.put(paymentStatus, {
    ...row,
    state: 'credited',
    legs: leg,
    facts_digest: factsDigest(record.value.payment),
    received_asset: received.asset,
    incoming: row.incoming + received.minor,
    receipt_due_at: receiptDue(work, context),
  });
  work.wake(
    `receipts:${context.partition}`,
    'receipts',
    String(context.partition),
    receiptDue(work, context),
  );
}

/**
 * No usable rate: the money is the client's, its value is still open.
 * @param received above what was booked before; 0: only the facts are others
 */
export function bookUnvalued(
  work: Work,
  record: ValuedRecord,
  context: BatchContext,
  before: PaymentStatusRow,
  received: Money,
): void {
  if (received.minor > 0n) {
    const account = work.must(clientAccounts, before.client_id, received.asset);
    work.put(clientAccounts, { ...account, unvalued: account.unvalued + received.minor });
    postCredit(work, record, context, creditUnvalued(received), []);
  }
  work.put(paymentStatus, {
    ...withFacts(before, record),
    state: 'unvalued',
    facts_digest: factsDigest(record.value.payment),
    received_asset: received.asset,
    incoming: before.incoming + received.minor,
    receipt_due_at: receiptDue(work, context),
    unvalued_offset: record.offset,
  });
  work.wake(
    `receipts:${context.partition}`,
    'receipts',
    String(context.partition),
    receiptDue(work, context),
  );
  work.wake(`cure:${context.partition}`, 'cure', String(context.partition));
}

/** The first value of a payment that was booked without one. */
export function creditValuedLater(
  work: Work,
  record: ValuedRecord,
  context: BatchContext,
  before: PaymentStatusRow,
  value: LegValue,
): void {
  const { received, net, fee } = value;
  const held = work.must(clientAccounts, before.client_id, received.asset);
  work.put(clientAccounts, { ...held, unvalued: held.unvalued - received.minor });
  const transfers =
    received.asset === net.asset
      ? valueHeld(net, fee)
      : valueLocked(received as Money<'ETH'>, net as Money<'USDT'>, fee as Money<'USDT'>);
  const leg = before.legs + 1;
  book(work, record, context, value, leg, transfers, before.status === 'finished');
  work.put(paymentStatus, {
    ...before,
    state: 'credited',
    legs: leg,
    unvalued_offset: null,
    updated_at: work.now,
  });
}

function receiptDue(work: Work, context: BatchContext): Date {
  return new Date(work.now.getTime() + context.receiptDelayMs);
}

/** What payments.valued implies is one aggregated set per batch; a redriven record is journalled on its own. */
function postCredit(
  work: Work,
  record: ValuedRecord,
  context: BatchContext,
  transfers: readonly Transfer[],
  entries: Parameters<Work['post']>[2]['entries'],
): string {
  if (record.attempt === 0) {
    return work.postAggregated({ kind: 'credits', id: context.batchId }, transfers, context.partition);
  }
  return work.post({ kind: 'credit', id: record.value.event_id }, transfers, {
    clientId: BigInt(record.value.payment.client_id),
    partition: context.partition,
    ...(entries ? { entries } : {}),
  });
}

function book(
  work: Work,
  record: ValuedRecord,
  context: BatchContext,
  value: LegValue,
  leg: number,
  transfers: readonly Transfer[],
  access: boolean,
): void {
  const { payment, event_id } = record.value;
  const clientId = BigInt(payment.client_id);
  const asset = value.net.asset;
  const entry = work.entry('payment', clientId, value.net, { kind: 'credit', id: event_id });
  const postingSetId = postCredit(work, record, context, transfers, [entry]);
  work.put(payoutAccumulation, {
    client_id: clientId,
    provider: payment.provider,
    payment_id: payment.payment_id,
    leg,
    asset,
    seq: entry.seq,
    strategy: value.strategy,
    gross: value.gross.minor,
    fee: value.fee.minor,
    net: value.net.minor,
    received_asset: value.received.asset,
    received: value.received.minor,
    rate_id: value.rate_id,
    rate: value.rate,
    order_id: payment.order_id,
    facts_digest: factsDigest(payment),
    event_id,
    source_partition: record.partition,
    source_offset: record.offset,
    posting_set_id: postingSetId,
    credited_at: work.now,
  });
  const available = availableOf(work.must(clientAccounts, clientId, asset));
  recoverDebt(work, clientId, asset, event_id);
  const payout = payoutIfDue(work, clientId, asset, context.usdtPerEth);
  const client = work.must(clients, clientId);
  work.emit(TOPIC.credited, payment.client_id, 'payment.credited', {
    event_id: eventId('credited', clientId, asset, entry.seq),
    occurred_at: work.now,
    client_id: payment.client_id,
    provider: payment.provider,
    payment_id: payment.payment_id,
    leg,
    order_id: payment.order_id,
    seq: entry.seq,
    strategy: value.strategy,
    gross: value.gross,
    fee: value.fee,
    net: value.net,
    rate_id: value.rate_id,
    available,
    threshold_usd: client.payout_strategy === 'threshold' ? client.payout_threshold_usd : null,
    payout_id: payout?.payout_id ?? null,
    access,
  });
}

/** A debt from a refund after payout is taken from the credits that follow (money.md, entries). */
export function recoverDebt(work: Work, clientId: bigint, asset: LedgerAsset, causeId: string): void {
  const account = work.must(clientAccounts, clientId, asset);
  const amount = account.debt < account.available ? account.debt : account.available;
  if (amount <= 0n) return;
  const taken = money(asset, amount);
  const cause = { kind: 'recovery', id: causeId };
  const entry = work.entry('recovery', clientId, negate(taken), cause);
  const after = work.must(clientAccounts, clientId, asset);
  work.put(clientAccounts, { ...after, debt: after.debt - amount });
  work.post(cause, recovery(taken), { clientId, partition: account.partition, entries: [entry] });
}

/** The complete value in a record, or undefined when a part is missing or the parts do not add up. */
export function legValueOf(record: ValuedRecord): LegValue | undefined {
  const { strategy, received, gross, fee, net, fee_bps, rate_id, rate } = record.value;
  if (strategy === null || !received || !gross || !fee || !net) return undefined;
  if (fee_bps === null || fee_bps < 0 || fee_bps > 2_000) return undefined;
  if (rate !== null && !/^\d{1,60}(\.\d{1,80})?$/.test(rate)) return undefined;
  if (gross.asset !== net.asset || fee.asset !== net.asset) return undefined;
  if (subtract(gross, fee).minor !== net.minor || net.minor <= 0n || fee.minor < 0n || received.minor <= 0n)
    return undefined;
  if (received.asset === net.asset && gross.minor !== received.minor) return undefined;
  if (received.asset !== net.asset && (received.asset !== 'ETH' || rate === null)) return undefined;
  return { strategy, received, gross, fee, net, rate_id, rate };
}

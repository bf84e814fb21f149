/**
 * accumulate: decides, record by record in log order, what each proposal of payments.valued does to the ledger. Pure:
 * it reads and changes the rows in Work, nothing else. Every record ends applied, duplicate, rejected or quarantined.
 */

import {
  type CreditRow,
  clients,
  type PaymentStatusRow,
  paymentStatus,
  payoutAccumulation,
  quarantined,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { money } from '../../schemas/money.ts';
import { REASONS, type ReasonCode } from '../../schemas/reasons.ts';
import { valuePayment } from '../convert/value.ts';
import { bookUnvalued, creditLeg, creditValuedLater, type LegValue, legValueOf } from './credit.ts';
import { factsDigest, paymentEntity, rankOf } from './facts.ts';
import { byArrival, notCredited, quarantine, reject, sendBack, sendOn } from './quarantine.ts';
import { APPLIED, type BatchContext, type Ending, type ValuedRecord } from './record.ts';
import { holdUnsignedPayouts, refundPayment } from './refund.ts';
import { newStatus, statusOf, withFacts } from './status.ts';

/** Reject reasons in order of precedence; then the status decides. */
export function accumulate(work: Work, record: ValuedRecord, context: BatchContext): Ending {
  work.traceparent = record.traceparent;
  const { value } = record;
  const { payment } = value;
  if (record.key !== payment.client_id)
    return quarantine(work, record, 'key_mismatch', `key ${record.key}, client ${payment.client_id}`);
  if (statusOf(work, record)?.quarantined && record.attempt === 0) {
    return quarantine(
      work,
      record,
      'behind_quarantined',
      `behind an earlier record of ${paymentEntity(payment)}`,
    );
  }
  const ending = decide(work, record, context);
  if (record.lastOfRedrive && ending.end !== 'quarantined') reopen(work, record);
  return ending;
}

function decide(work: Work, record: ValuedRecord, context: BatchContext): Ending {
  const { value } = record;
  const { payment } = value;
  if (!work.get(clients, payment.client_id))
    return quarantine(work, record, 'unknown_client', `client ${payment.client_id}`);
  if (value.kind === 'rejected') return rejected(work, record);
  const row = newStatus(work, record);
  switch (payment.payment_status) {
    case 'refunded':
      // Reported refunded when we held its coins, and then cured: they are the client's still.
      if (value.kind === 'valued' && row.state === 'unvalued') return valueLater(work, record, context, row);
      return refunded(work, record, row);
    case 'failed':
    case 'expired':
      return ended(work, record, row);
    case 'finished':
      return valuable(work, record, context, row, finishedUnvaluedOrFirst);
    case 'partially_paid':
      if (value.kind === 'status') return partiallyPaid(work, record, context, row);
      return valuable(work, record, context, row, firstCredit);
    default:
      return rankOf(payment.payment_status) === undefined
        ? quarantine(work, record, 'status_unknown', `status ${payment.payment_status}`)
        : progressed(work, record, row);
  }
}

/**
 * The last record of a redrive: the payment takes records again, unless others of it are parked still. Those that were
 * only behind it follow by themselves, one after the other, so that their order holds on every way back.
 */
function reopen(work: Work, record: ValuedRecord): void {
  const entity = paymentEntity(record.value.payment);
  const parked = work.all(quarantined).filter((row) => row.entity === entity && row.redriven_at === null);
  const row = statusOf(work, record);
  if (parked.length === 0) {
    if (row) work.put(paymentStatus, { ...row, quarantined: false });
  } else if (parked.every(({ reason }) => reason === 'behind_quarantined')) {
    sendOn(work, record.value.payment.client_id, parked.sort(byArrival)[0]!);
  }
}

function rejected(work: Work, record: ValuedRecord): Ending {
  const reason = record.value.reason as ReasonCode;
  // The client appeared after convert looked: nobody else will send this one back.
  if (reason === 'unknown_client') return sendBack(work, record);
  if (!(reason in REASONS)) return quarantine(work, record, 'field_invalid', `reason ${record.value.reason}`);
  if (REASONS[reason].end === 'quarantined') return quarantine(work, record, reason, outcomeText(record));
  const row = newStatus(work, record);
  // What is booked keeps the facts that it was booked by.
  if (row.state === 'open') work.put(paymentStatus, withFacts(row, record));
  return reject(work, record, reason, outcomeText(record));
}

function outcomeText(record: ValuedRecord): string {
  const { outcome_amount, outcome_currency } = record.value.payment;
  return `outcome ${outcome_amount ?? 'none'} ${outcome_currency ?? ''}`.trim();
}

// statuses without a value

function progressed(work: Work, record: ValuedRecord, row: PaymentStatusRow): Ending {
  if (!statusOf(work, record)) {
    work.put(paymentStatus, row);
    return APPLIED;
  }
  const { payment_status } = record.value.payment;
  if (row.status === payment_status) return reject(work, record, 'duplicate');
  const before = rankOf(row.status);
  if (before === undefined || before > rankOf(payment_status)! || row.state !== 'open')
    return reject(work, record, 'stale_status');
  work.put(paymentStatus, withFacts(row, record));
  return APPLIED;
}

function partiallyPaid(
  work: Work,
  record: ValuedRecord,
  context: BatchContext,
  row: PaymentStatusRow,
): Ending {
  const ending = progressed(work, record, row);
  if (ending.end === 'applied') {
    wakeConfirmation(work, row, context.partialAfterMs);
    const subject = subjectOf(row);
    work.wake(
      `forward:${subject}`,
      'partial',
      subject,
      new Date(work.now.getTime() + context.receiptDelayMs),
    );
  }
  return ending;
}

function wakeConfirmation(work: Work, row: PaymentStatusRow, delayMs: number): void {
  const subject = subjectOf(row);
  work.wake(`confirm:${subject}`, 'partial', subject, new Date(work.now.getTime() + delayMs));
}

function subjectOf(row: PaymentStatusRow): string {
  return `${row.client_id}|${row.provider}|${row.payment_id}`;
}

/** failed or expired: nothing was credited and nothing is, unless a finished follows that the provider confirms. */
function ended(work: Work, record: ValuedRecord, row: PaymentStatusRow): Ending {
  const { payment_status } = record.value.payment;
  if (statusOf(work, record) && row.status === payment_status) return reject(work, record, 'duplicate');
  if (row.state !== 'open') {
    return reject(work, record, 'stale_status', `${payment_status} after ${row.status}`);
  }
  work.put(paymentStatus, withFacts(row, record));
  return APPLIED;
}

function refunded(work: Work, record: ValuedRecord, row: PaymentStatusRow): Ending {
  if (row.status === 'refunded')
    return statusOf(work, record) ? reject(work, record, 'duplicate') : closeUncredited(work, row, record);
  if (row.state === 'open' || row.state === 'confirming') return closeUncredited(work, row, record);
  if (row.state === 'closed') return reject(work, record, 'duplicate');
  if (row.confirmed > 0n) {
    // The coins are in our wallet: only our own transfer moves them (money.md). A person decides.
    holdUnsignedPayouts(work, row.client_id, 'client_debt');
    work.put(paymentStatus, { ...row, status: 'refunded' });
    return reject(work, record, 'refund_after_receipt', 'reported refunded after the receipt was confirmed');
  }
  work.discrepancy(
    'refund_after_credit',
    paymentEntity(record.value.payment),
    'refunded by the provider after the credit',
  );
  refundPayment(work, row, 'wallet:incoming');
  return APPLIED;
}

function closeUncredited(work: Work, row: PaymentStatusRow, record: ValuedRecord): Ending {
  work.put(paymentStatus, { ...withFacts(row, record), state: 'closed' });
  return APPLIED;
}

// statuses with a value

type FirstCredit = (work: Work, record: ValuedRecord, context: BatchContext, row: PaymentStatusRow) => Ending;

/** What is common to finished and partially paid: repeats, clashes, values that come later. */
function valuable(
  work: Work,
  record: ValuedRecord,
  context: BatchContext,
  row: PaymentStatusRow,
  first: FirstCredit,
): Ending {
  const same = row.facts_digest === factsDigest(record.value.payment);
  // A confirmed partial value that a finished overtook on its way is late, not a contradiction.
  if (!same && row.facts_digest !== null && isBelow(record.value.payment.payment_status, row.status))
    return reject(work, record, 'stale_status');
  switch (row.state) {
    case 'closed':
      return reject(
        work,
        record,
        'closed_by_refund',
        `${record.value.payment.payment_status} after ${row.status}`,
      );
    case 'credited':
      if (same) return reject(work, record, repeatReason(work, record, row));
      return upgrade(work, record, context, row);
    case 'unvalued':
      if (!same) return upgrade(work, record, context, row);
      if (record.value.kind === 'unvalued') return reject(work, record, 'duplicate');
      return valueLater(work, record, context, row);
    default:
      return first(work, record, context, row);
  }
}

function isBelow(status: string, before: string): boolean {
  const rank = rankOf(before);
  return rank !== undefined && rankOf(status)! < rank;
}

function repeatReason(work: Work, record: ValuedRecord, row: PaymentStatusRow): ReasonCode {
  const leg = work.get(payoutAccumulation, row.client_id, row.provider, row.payment_id, row.legs);
  const { rate_id, strategy, kind } = record.value;
  const sameValue = kind === 'valued' && leg?.rate_id === rate_id && leg.strategy === strategy;
  return sameValue ? 'duplicate' : 'duplicate_revalued';
}

function clash(work: Work, record: ValuedRecord, row: PaymentStatusRow): Ending {
  const was = `${row.status} ${row.outcome_amount} ${row.outcome_currency} ${row.order_id}`;
  const { payment } = record.value;
  const now = `${payment.payment_status} ${payment.outcome_amount} ${payment.outcome_currency} ${payment.order_id}`;
  return reject(work, record, 'content_clash', `credited as ${was}; now ${now}`);
}

/** A finished after failed or expired needs the provider's word by GET; everything else is credited at once. */
function finishedUnvaluedOrFirst(
  work: Work,
  record: ValuedRecord,
  context: BatchContext,
  row: PaymentStatusRow,
): Ending {
  const revived = row.status === 'failed' || row.status === 'expired' || row.state === 'confirming';
  if (!revived || row.get_confirmed) return firstCredit(work, record, context, row);
  if (row.state === 'confirming') {
    // Not a repeat of something credited: a recomputation must not take it for the first value.
    notCredited(work, record);
    return reject(work, record, 'duplicate');
  }
  work.put(paymentStatus, { ...withFacts(row, record), state: 'confirming' });
  wakeConfirmation(work, row, 0);
  return reject(work, record, 'awaiting_confirmation');
}

function firstCredit(work: Work, record: ValuedRecord, context: BatchContext, row: PaymentStatusRow): Ending {
  const { value } = record;
  if (value.kind === 'unvalued') {
    if (!value.received || value.received.minor <= 0n)
      return quarantine(work, record, 'field_invalid', 'unvalued without an amount');
    bookUnvalued(work, record, context, row, value.received);
    return APPLIED;
  }
  const leg = legValueOf(record);
  if (!leg) return quarantine(work, record, 'field_invalid', 'the value is incomplete or does not add up');
  creditLeg(work, record, context, row, leg, value.payment.payment_status === 'finished');
  return APPLIED;
}

function valueLater(work: Work, record: ValuedRecord, context: BatchContext, row: PaymentStatusRow): Ending {
  const whole = legValueOf(record);
  if (!whole || whole.received.minor !== row.incoming || whole.received.asset !== row.received_asset) {
    return quarantine(work, record, 'field_invalid', 'the later value is not of the amount that was booked');
  }
  const leg = row.legs === 0 ? whole : valueOfRest(record, firstLeg(work, row).received);
  if (!leg) return reject(work, record, 'value_too_small', outcomeText(record));
  creditValuedLater(work, record, context, row, leg);
  return APPLIED;
}

/**
 * finished with no less than the partial outcome that was booked: the difference is booked, too. Where the part has its
 * value and there is a rate, it is credited at its own rate as leg 2; otherwise what has no value yet gets one together.
 */
function upgrade(work: Work, record: ValuedRecord, context: BatchContext, row: PaymentStatusRow): Ending {
  const { value } = record;
  const { payment, received } = value;
  const isUpgrade =
    row.status === 'partially_paid' &&
    payment.payment_status === 'finished' &&
    row.legs <= 1 &&
    payment.order_id === row.order_id &&
    payment.outcome_currency === row.outcome_currency;
  if (!isUpgrade || !received || received.asset !== row.received_asset || received.minor < row.incoming)
    return clash(work, record, row);
  const more = money(received.asset, received.minor - row.incoming);
  if (row.state === 'credited' && more.minor === 0n) {
    work.put(paymentStatus, { ...withFacts(row, record), facts_digest: factsDigest(payment) });
    return APPLIED;
  }
  if (value.kind === 'valued' && !legValueOf(record))
    return quarantine(work, record, 'field_invalid', 'the value is incomplete or does not add up');
  if (row.state === 'credited' && value.kind === 'valued') {
    const rest = valueOfRest(record, row.incoming);
    if (!rest) return reject(work, record, 'value_too_small', outcomeText(record));
    creditLeg(work, record, context, row, rest, true);
    return APPLIED;
  }
  bookUnvalued(work, record, context, row, more);
  return value.kind === 'valued' ? valueLater(work, record, context, statusOf(work, record)!) : APPLIED;
}

function firstLeg(work: Work, row: PaymentStatusRow): CreditRow {
  return work.must(payoutAccumulation, row.client_id, row.provider, row.payment_id, 1);
}

/** What came above a part that has its value, at the record's own rate; undefined: it is worth nothing. */
function valueOfRest({ value }: ValuedRecord, already: bigint): LegValue | undefined {
  const rate =
    value.rate === null || value.rate_id === null
      ? undefined
      : { rate_id: value.rate_id, usdt_per_eth: value.rate };
  const rest = valuePayment(
    value.payment,
    { strategy: value.strategy!, feeBps: value.fee_bps!, rate },
    already,
  );
  return rest.kind === 'valued' ? rest : undefined;
}

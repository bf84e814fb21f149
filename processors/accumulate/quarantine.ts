/** Parks a record that cannot be processed: durable, visible, redrivable; its payment is closed to later records. */

import { paymentStatus, type QuarantinedRow, quarantined } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { eventId } from '../../schemas/event-id.ts';
import type { PaymentReceived, PaymentValued } from '../../schemas/events.ts';
import { REASONS, type ReasonCode } from '../../schemas/reasons.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { paymentEntity } from './facts.ts';
import { ATTEMPT_HEADER, type Ending, LAST_HEADER, type ValuedRecord } from './record.ts';
import { newStatus } from './status.ts';

/** @param detail which value it was, for people; never a secret */
export function quarantine(work: Work, record: ValuedRecord, reason: ReasonCode, detail: string): Ending {
  const { value } = record;
  const entity = paymentEntity(value.payment);
  const id = quarantineId(record);
  work.put(quarantined, {
    event_id: id,
    topic: record.topic,
    part: record.partition,
    source_offset: record.offset,
    attempt: record.attempt,
    entity,
    reason,
    detail,
    key: record.key,
    value: record.bytes,
    signature_form: null,
    at: work.now,
    redriven_at: null,
  });
  work.emit(TOPIC.quarantine, record.key, `quarantine.${reason}`, {
    event_id: id,
    occurred_at: work.now,
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    attempt: record.attempt,
    entity,
    reason,
    detail,
    key: record.key,
    value: record.bytes,
  });
  // A record under a wrong key says nothing reliable about the payment that it names.
  if (reason !== 'key_mismatch') work.put(paymentStatus, { ...newStatus(work, record), quarantined: true });
  notCredited(work, record);
  return { end: 'quarantined', reason };
}

function quarantineId(record: ValuedRecord): string {
  return eventId('quarantine', record.topic, record.partition, record.offset, record.attempt);
}

/** Parks a record whose cause is gone already, and sends it back to be valued anew; its payment waits for it. */
export function sendBack(work: Work, record: ValuedRecord): Ending {
  const { value, attempt } = record;
  const ending = quarantine(work, record, 'unknown_client', 'the client was added meanwhile: sent back');
  work.put(quarantined, { ...work.must(quarantined, quarantineId(record)), redriven_at: work.now });
  const headers = { [ATTEMPT_HEADER]: String(attempt + 1), [LAST_HEADER]: '1' };
  work.emit(TOPIC.received, value.payment.client_id, 'payment.received', receivedAgain(value), headers);
  return ending;
}

/** Sends a parked record of payments.valued on as it was; it opens the door for the next one of its payment. */
export function sendOn(work: Work, clientId: string, row: QuarantinedRow): void {
  const headers = { [ATTEMPT_HEADER]: String(row.attempt + 1), [LAST_HEADER]: '1' };
  const same = { event_id: row.event_id, bytes: row.value };
  work.emit(TOPIC.valued, clientId, 'payment.redriven', same, headers);
  work.put(quarantined, { ...row, redriven_at: work.now });
}

/** Parked records in the order in which they came. */
export function byArrival(a: QuarantinedRow, b: QuarantinedRow): number {
  return a.at.getTime() - b.at.getTime() || (a.source_offset < b.source_offset ? -1 : 1);
}

/** What convert needs to propose a value anew; the raw bytes are long gone. */
export function receivedAgain(
  value: Pick<PaymentValued, 'received_id' | 'occurred_at' | 'payment'>,
): PaymentReceived {
  return {
    event_id: value.received_id,
    occurred_at: value.occurred_at,
    payment: value.payment,
    raw_digest: '',
    signature_form: 'none',
    source: 'redrive',
  };
}

/** Tells whoever recomputes the ledger from the topics that this value was not booked. */
export function notCredited(work: Work, record: ValuedRecord): void {
  const { value } = record;
  if (value.kind !== 'valued' && value.kind !== 'unvalued') return;
  work.note(
    { kind: 'not_credited', id: `${value.event_id}:${record.partition}:${record.offset}` },
    BigInt(value.payment.client_id),
  );
}

/** An input that has no effect on balances: named, counted, and where a person should look, a discrepancy. */
export function reject(work: Work, record: ValuedRecord, reason: ReasonCode, detail?: string): Ending {
  const end = REASONS[reason].end;
  if (detail !== undefined) work.discrepancy(reason, paymentEntity(record.value.payment), detail);
  if (end !== 'duplicate') notCredited(work, record);
  return { end: end === 'duplicate' ? 'duplicate' : 'rejected', reason };
}

/** Parks a record that cannot be processed: durable, visible, redrivable; its payment is closed to later records. */

import { paymentStatus, quarantined } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { eventId } from '../../schemas/event-id.ts';
import { REASONS, type ReasonCode } from '../../schemas/reasons.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { paymentEntity } from './facts.ts';
import type { Ending, ValuedRecord } from './record.ts';
import { newStatus } from './status.ts';

/** @param detail which value it was, for people; never a secret */
export function quarantine(work: Work, record: ValuedRecord, reason: ReasonCode, detail: string): Ending {
  const { value } = record;
  const entity = paymentEntity(value.payment);
  const id = eventId('quarantine', record.topic, record.partition, record.offset, record.attempt);
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

/** Tells whoever recomputes the ledger from the topics that this value was not booked. */
export function notCredited(work: Work, record: ValuedRecord): void {
  const { value } = record;
  if (value.kind !== 'valued' && value.kind !== 'unvalued') return;
  work.note(
    { kind: 'not_credited', id: `${value.event_id}:${record.offset}` },
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

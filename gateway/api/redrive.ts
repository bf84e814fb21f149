/**
 * Sends parked records back to where they can be processed now, oldest first and all of an entity together. The last
 * one of an entity carries a mark that opens its door again.
 */
import { createHash } from 'node:crypto';
import type { QuarantinedRow } from '../../ledger/tables.ts';
import { quarantined } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { ATTEMPT_HEADER, LAST_HEADER } from '../../processors/accumulate/wiring.ts';
import { type Codec, CodecError } from '../../schemas/codec.ts';
import { eventId } from '../../schemas/event-id.ts';
import type { PaymentReceived } from '../../schemas/events.ts';
import type { OrderKeys } from '../../schemas/order-id.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { printedValue } from '../ipn/canonical.ts';
import { JsonError, parseJson } from '../ipn/json.ts';
import { readIpn } from '../ipn/parse.ts';

export interface Redriven {
  readonly row: QuarantinedRow;
  /** Where it went, or why it stays parked. */
  readonly outcome: { readonly to: string } | { readonly stays: string };
}

/** Puts what can go back into the work's outbox and marks it. @param orders needed for raw webhook bodies only */
export function redriveRows(
  work: Work,
  codec: Codec,
  rows: readonly QuarantinedRow[],
  orders?: OrderKeys,
): Redriven[] {
  const last = new Map(rows.map((row) => [row.entity ?? row.event_id, row.event_id]));
  return rows.map((row) => {
    const headers: Record<string, string> = { [ATTEMPT_HEADER]: String(row.attempt + 1) };
    if (last.get(row.entity ?? row.event_id) === row.event_id) headers[LAST_HEADER] = '1';
    const outcome = redriveOne(work, codec, row, headers, orders);
    if ('to' in outcome) work.put(quarantined, { ...row, redriven_at: work.now });
    return { row, outcome };
  });
}

function redriveOne(
  work: Work,
  codec: Codec,
  row: QuarantinedRow,
  headers: Record<string, string>,
  orders: OrderKeys | undefined,
): Redriven['outcome'] {
  if (row.topic === TOPIC.valued) return redriveValued(work, codec, row, headers);
  if (row.topic === TOPIC.received) {
    work.emit(
      TOPIC.received,
      row.key ?? '',
      'payment.received',
      { event_id: row.event_id, bytes: row.value },
      headers,
    );
    return { to: TOPIC.received };
  }
  return redriveBody(work, row, headers, orders);
}

/** A proposal without a value is made again from what was received; others go back as they were. */
function redriveValued(
  work: Work,
  codec: Codec,
  row: QuarantinedRow,
  headers: Record<string, string>,
): Redriven['outcome'] {
  try {
    const value = codec.decode(TOPIC.valued, row.value);
    if (value.kind === 'rejected' || value.kind === 'unvalued') {
      const received: PaymentReceived = {
        event_id: value.received_id,
        occurred_at: value.occurred_at,
        payment: value.payment,
        raw_digest: '',
        signature_form: 'none',
        source: 'redrive',
      };
      work.emit(TOPIC.received, value.payment.client_id, 'payment.received', received, headers);
      return { to: TOPIC.received };
    }
    const same = { event_id: value.event_id, bytes: row.value };
    work.emit(TOPIC.valued, value.payment.client_id, `payment.${value.kind}`, same, headers);
    return { to: TOPIC.valued };
  } catch (error) {
    if (error instanceof CodecError) return { stays: error.message };
    throw error;
  }
}

/** A raw webhook body, authentic when it was parked: read again under the form that its signature vouched for. */
function redriveBody(
  work: Work,
  row: QuarantinedRow,
  headers: Record<string, string>,
  orders: OrderKeys | undefined,
): Redriven['outcome'] {
  if (!orders) return { stays: 'a webhook body needs ORDER_SECRET to be read' };
  try {
    const json = parseJson(row.value);
    const meant = row.signature_form === 'javascript' ? printedValue(json) : json;
    if (meant === undefined) return { stays: 'its numbers cannot be kept exactly' };
    const reading = readIpn(meant, orders);
    if (reading.kind !== 'payment')
      return {
        stays: reading.kind === 'quarantine' ? `${reading.reason}: ${reading.detail}` : 'a payout notice',
      };
    const received: PaymentReceived = {
      event_id: eventId('received', row.value),
      occurred_at: work.now,
      payment: reading.facts,
      raw_digest: createHash('sha256').update(row.value).digest('hex'),
      signature_form: row.signature_form ?? 'none',
      source: 'redrive',
    };
    work.emit(TOPIC.received, reading.facts.client_id, 'payment.received', received, headers);
    return { to: TOPIC.received };
  } catch (error) {
    if (error instanceof JsonError) return { stays: error.message };
    throw error;
  }
}

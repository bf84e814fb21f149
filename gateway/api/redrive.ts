/**
 * Sends parked records back to where they can be processed now, oldest first and all of an entity together. The last
 * one of an entity carries a mark that opens its door again.
 */
import { createHash } from 'node:crypto';
import type { QuarantinedRow } from '../../ledger/tables.ts';
import { quarantined } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { receivedAgain } from '../../processors/accumulate/quarantine.ts';
import { ATTEMPT_HEADER, LAST_HEADER } from '../../processors/accumulate/record.ts';
import { type Codec, CodecError } from '../../schemas/codec.ts';
import { eventId } from '../../schemas/event-id.ts';
import type { PaymentReceived } from '../../schemas/events.ts';
import type { OrderKeys } from '../../schemas/order-id.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { readIpn } from '../ipn/parse.ts';
import { readAuthenticated, type SignatureForm } from '../ipn/signature.ts';

export interface Redriven {
  readonly row: QuarantinedRow;
  /** Where it went, or why it stays parked. */
  readonly outcome: { readonly to: string } | { readonly stays: string };
}

/**
 * Puts what can go back into the work's outbox and marks it. Records of one entity that would go different ways do not
 * overtake each other: the first way only is taken, and accumulate sends on what was behind.
 * @param orders needed for raw webhook bodies only
 */
export function redriveRows(
  work: Work,
  codec: Codec,
  rows: readonly QuarantinedRow[],
  orders?: OrderKeys,
): Redriven[] {
  const last = new Map<string, string>();
  const ways = new Map<string, string>();
  const planned = rows.map((row) => {
    const entity = row.entity ?? row.event_id;
    const way = wayOf(codec, row, orders);
    if ('stays' in way) return { row, way };
    const first = ways.get(entity) ?? way.to;
    ways.set(entity, first);
    if (way.to !== first) return { row, way: { stays: 'it follows the one before it of its payment' } };
    last.set(entity, row.event_id);
    return { row, way };
  });
  return planned.map(({ row, way }) => {
    if ('stays' in way) return { row, outcome: way };
    const headers: Record<string, string> = { [ATTEMPT_HEADER]: String(row.attempt + 1) };
    if (last.get(row.entity ?? row.event_id) === row.event_id) headers[LAST_HEADER] = '1';
    way.send(work, headers);
    work.put(quarantined, { ...row, redriven_at: work.now });
    return { row, outcome: { to: way.to } };
  });
}

type Stays = { readonly stays: string };
type Way =
  | Stays
  | {
      readonly to: string;
      readonly send: (work: Work, headers: Readonly<Record<string, string>>) => void;
    };

function wayOf(codec: Codec, row: QuarantinedRow, orders: OrderKeys | undefined): Way {
  if (row.topic === TOPIC.valued) return wayOfValued(codec, row);
  if (row.topic === TOPIC.received) {
    const same = { event_id: row.event_id, bytes: row.value };
    return toReceived(row.key ?? '', same);
  }
  return wayOfBody(row, orders);
}

function toReceived(key: string, value: PaymentReceived | { event_id: string; bytes: Buffer }): Way {
  return {
    to: TOPIC.received,
    send: (work, headers) => work.emit(TOPIC.received, key, 'payment.received', value, headers),
  };
}

/** A proposal without a value is made again from what was received; others go back as they were. */
function wayOfValued(codec: Codec, row: QuarantinedRow): Way {
  try {
    const value = codec.decode(TOPIC.valued, row.value);
    const key = value.payment.client_id;
    if (value.kind === 'rejected' || value.kind === 'unvalued') return toReceived(key, receivedAgain(value));
    const same = { event_id: value.event_id, bytes: row.value };
    return {
      to: TOPIC.valued,
      send: (work, headers) => work.emit(TOPIC.valued, key, `payment.${value.kind}`, same, headers),
    };
  } catch (error) {
    if (error instanceof CodecError) return { stays: error.message };
    throw error;
  }
}

/** A raw webhook body, authentic when it was parked: read again under the form that its signature vouched for. */
function wayOfBody(row: QuarantinedRow, orders: OrderKeys | undefined): Way {
  if (!orders) return { stays: 'a webhook body needs ORDER_SECRET to be read' };
  const form = FORMS.find((name) => name === row.signature_form);
  if (!form) return { stays: `the form of its signature is ${row.signature_form ?? 'not known'}` };
  const body = readAuthenticated(row.value, form);
  if (!('json' in body)) return { stays: `${body.reason}: ${body.detail}` };
  const reading = readIpn(body.json, orders);
  if (reading.kind === 'notice') return { stays: 'a payout notice' };
  if (reading.kind === 'quarantine') return { stays: `${reading.reason}: ${reading.detail}` };
  return toReceived(reading.facts.client_id, {
    event_id: eventId('received', row.value),
    occurred_at: row.at,
    payment: reading.facts,
    raw_digest: createHash('sha256').update(row.value).digest('hex'),
    signature_form: form,
    source: 'redrive',
  });
}

const FORMS: readonly SignatureForm[] = ['raw', 'sorted', 'javascript'];

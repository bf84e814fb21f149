/**
 * One webhook from bytes to an answer and the record to make durable first. No I/O: the server publishes the record
 * and only then gives the answer.
 */
import { createHash } from 'node:crypto';
import type { Codec } from '../../schemas/codec.ts';
import { eventId } from '../../schemas/event-id.ts';
import type { PaymentFacts } from '../../schemas/events.ts';
import type { OrderKeys } from '../../schemas/order-id.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { TOPIC, type TopicName } from '../../schemas/topology.ts';
import { readIpn } from './parse.ts';
import { type IpnSecrets, type SignatureForm, type Verified, verifySignature } from './signature.ts';

/** A record for the publisher, topic without prefix. */
export interface IntakeRecord {
  readonly topic: TopicName;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Intake {
  readonly status: number;
  /** What is counted: `received`, or a code of schemas/reasons.ts. */
  readonly reason: ReasonCode | 'received';
  /** Set when the body was authentic. */
  readonly signature?: { readonly form: SignatureForm; readonly secret: 'current' | 'previous' };
  /** To be durable before the answer; absent when there is nothing to keep. */
  readonly record?: IntakeRecord;
}

export interface IntakeOptions {
  readonly secrets: IpnSecrets;
  readonly orders: OrderKeys;
  readonly codec: Pick<Codec, 'encode'>;
}

export interface Webhook {
  readonly raw: Buffer;
  /** Value of x-nowpayments-sig. */
  readonly signature: unknown;
  readonly traceparent: string;
  readonly at: Date;
}

/** Where a quarantined webhook says it comes from; its record key, too, so that all of them keep their order. */
const WEBHOOK = 'webhook';

/** Decides one webhook. Total: a defect of ours parks an authentic body, it never loses it. */
export function takeIn(webhook: Webhook, options: IntakeOptions): Intake {
  const verified = verifySignature(webhook.raw, webhook.signature, options.secrets);
  if (!verified.authentic) return { status: 401, reason: 'not_authentic' };
  try {
    return decide(webhook, verified, options);
  } catch (error) {
    return park(
      webhook,
      verified,
      options,
      'gateway_defect',
      error instanceof Error ? error.message : 'unknown',
    );
  }
}

type Authentic = Extract<Verified, { authentic: true }>;

function decide(webhook: Webhook, verified: Authentic, options: IntakeOptions): Intake {
  if (!('json' in verified.body)) {
    return park(webhook, verified, options, verified.body.reason, verified.body.detail);
  }
  const reading = readIpn(verified.body.json, options.orders);
  if (reading.kind === 'quarantine') {
    return park(webhook, verified, options, reading.reason, reading.detail);
  }
  const signature = { form: verified.form, secret: verified.secret };
  if (reading.kind === 'notice') return { status: 200, reason: 'payout_notice', signature };
  return {
    status: 200,
    reason: 'received',
    signature,
    record: received(webhook, verified, reading.facts, options),
  };
}

function received(
  webhook: Webhook,
  verified: Authentic,
  payment: PaymentFacts,
  options: IntakeOptions,
): IntakeRecord {
  const event_id = eventId('received', webhook.raw);
  const value = options.codec.encode(TOPIC.received, {
    event_id,
    occurred_at: webhook.at,
    payment,
    raw_digest: createHash('sha256').update(webhook.raw).digest('hex'),
    signature_form: verified.form,
    source: WEBHOOK,
  });
  return {
    topic: TOPIC.received,
    key: payment.client_id,
    value,
    headers: headersOf(webhook, event_id, 'payment.received'),
  };
}

function park(
  webhook: Webhook,
  verified: Authentic,
  options: IntakeOptions,
  reason: ReasonCode,
  detail: string,
): Intake {
  const event_id = eventId('quarantine', webhook.raw);
  const value = options.codec.encode(TOPIC.quarantine, {
    event_id,
    occurred_at: webhook.at,
    topic: WEBHOOK,
    partition: -1,
    offset: -1n,
    attempt: 0,
    entity: null,
    reason,
    detail: detail.slice(0, 500),
    key: null,
    value: webhook.raw,
  });
  // The form goes along: a redrive must read the value that this signature vouched for, and no other.
  const headers = { ...headersOf(webhook, event_id, 'record.quarantined'), 'signature-form': verified.form };
  return {
    status: 200,
    reason,
    signature: { form: verified.form, secret: verified.secret },
    record: { topic: TOPIC.quarantine, key: WEBHOOK, value, headers },
  };
}

function headersOf(webhook: Webhook, id: string, type: string): Record<string, string> {
  return { traceparent: webhook.traceparent, 'event-id': id, 'event-type': type };
}

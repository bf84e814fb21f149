/**
 * convert: an authentic IPN becomes a proposal of what it is worth. Stateless and pure; whether it is credited is
 * decided by accumulate.
 */
import { eventId } from '../../schemas/event-id.ts';
import type { PaymentReceived, PaymentValued } from '../../schemas/events.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { type UsableRate, type Value, valuePayment } from './value.ts';

export interface ConvertContext {
  readonly now: Date;
  /** undefined: no such client. */
  readonly strategy: string | undefined;
  readonly feeBps: number;
  readonly rate: UsableRate | undefined;
}

/** The record for payments.valued; its id follows from the received id and the kind, so that a repeat is recognised. */
export function convert(received: PaymentReceived, context: ConvertContext): PaymentValued {
  const { payment } = received;
  if (context.strategy === undefined) return proposal(received, context.now, rejected('unknown_client'));
  // Only a finished payment has a value; what is partially paid gets one when the provider confirms it later.
  if (payment.payment_status !== 'finished') return proposal(received, context.now, { kind: 'status' });
  const value = valuePayment(payment, { ...context, strategy: context.strategy });
  return proposal(received, context.now, value);
}

type Proposal =
  | Value
  | { readonly kind: 'status' }
  | { readonly kind: 'rejected'; readonly reason: ReasonCode };

function rejected(reason: ReasonCode): Proposal {
  return { kind: 'rejected', reason };
}

/** @param cause what makes the event id: the kind, or `confirmed` where a GET made it possible */
export function proposal(
  received: Pick<PaymentReceived, 'event_id' | 'payment'>,
  now: Date,
  value: Proposal,
  cause: string = value.kind,
): PaymentValued {
  const full = 'received' in value ? value : undefined;
  return {
    event_id: eventId('valued', received.event_id, cause),
    occurred_at: now,
    received_id: received.event_id,
    kind: value.kind,
    payment: received.payment,
    strategy: full?.strategy ?? null,
    received: full?.received ?? null,
    gross: full?.gross ?? null,
    fee: full?.fee ?? null,
    net: full?.net ?? null,
    fee_bps: full?.fee_bps ?? null,
    rate_id: full?.rate_id ?? null,
    rate: full?.rate ?? null,
    reason: 'reason' in value ? value.reason : null,
  };
}

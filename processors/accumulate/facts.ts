/** What identifies a payment and its facts, and how its statuses rank. */
import { createHash } from 'node:crypto';
import type { PaymentFacts } from '../../schemas/events.ts';
import { formatUnits, parseUnits } from '../../schemas/money.ts';

/** Statuses in the order in which a payment lives; a lower one later is stale. */
const RANK: ReadonlyMap<string, number> = new Map([
  ['waiting', 0],
  ['confirming', 1],
  ['confirmed', 2],
  ['sending', 3],
  ['partially_paid', 4],
  ['finished', 5],
]);

/** undefined for failed, expired and refunded, which have rules of their own. */
export function rankOf(status: string): number | undefined {
  return RANK.get(status);
}

/**
 * The provider facts that make two records the same (flow.md): payment id, client, order, outcome amount and currency,
 * status. Rate and strategy are not among them.
 */
export function factsDigest(facts: PaymentFacts): string {
  let digest = digests.get(facts);
  if (digest === undefined) {
    digest = digestOf(facts);
    digests.set(facts, digest);
  }
  return digest;
}

/** One record asks for its digest several times; facts never change. */
const digests = new WeakMap<PaymentFacts, string>();

function digestOf(facts: PaymentFacts): string {
  const parts = [
    facts.provider,
    facts.payment_id,
    facts.client_id,
    facts.order_id,
    sameNumber(facts.outcome_amount),
    facts.outcome_currency ?? '',
    facts.payment_status,
  ];
  return createHash('sha256').update(parts.join('\u0000')).digest('hex');
}

/** An amount by its value: a redelivery may write 0.0014 for 0.00140. */
function sameNumber(text: string | null): string {
  return text === null ? '' : formatUnits(parseUnits(text, 36), 36);
}

/** Name of a payment in quarantine, discrepancies and on the command line. */
export function paymentEntity(facts: Pick<PaymentFacts, 'client_id' | 'provider' | 'payment_id'>): string {
  return `payment:${facts.client_id}:${facts.provider}:${facts.payment_id}`;
}

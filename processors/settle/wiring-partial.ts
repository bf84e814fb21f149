/**
 * The intents `partial`: a partially paid payment after PARTIAL_AFTER, and a finished one after failed or expired, are
 * valued only when the provider says the same by GET. The valued record goes through the outbox like any other. Those
 * under the key `forward:` only learn by which transaction a part came.
 */
import type { Db } from '../../ledger/db.ts';
import { feeInForce } from '../../ledger/sql/fee-in-force.ts';
import { loadByKeys, lockClients, write } from '../../ledger/store.ts';
import { clients, paymentStatus } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { NowPayments } from '../../providers/nowpayments/client.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { Settings } from '../../schemas/settings.ts';
import { usableRate } from '../accumulate/load.ts';
import type { CallOutcome, EffectKind } from '../runtime/intent-steps.ts';
import { type Next, nextAfter } from '../runtime/schedule.ts';
import { confirmValue, keepForward, lacksForward, stillWaits } from './transition-partial.ts';
import type { PaymentNow } from './transition-receipts.ts';

export interface PartialDeps {
  readonly codec: Codec;
  readonly payments: Pick<NowPayments, 'payment'>;
  readonly settings: Pick<Settings, 'RATE_MAX_AGE'>;
}

/** Subject: `<client>|<provider>|<payment>`. */
export function partialKind(deps: PartialDeps): EffectKind<string, PaymentNow | null> {
  return {
    kind: 'partial',
    async plan(tx, intent, now) {
      const work = new Work(now);
      const key = keyOf(intent.subject);
      const [row] = await loadByKeys(tx, work, paymentStatus, [key]);
      const isWanted = row && (isForward(intent.key) ? lacksForward(row) : stillWaits(row));
      return isWanted ? { call: key.payment_id } : { next: { done: true } };
    },
    perform: (paymentId) => deps.payments.payment(paymentId),
    isEffect: () => false,
    apply: (tx, intent, _call, outcome, now) =>
      (isForward(intent.key) ? applyForward : apply)(tx, deps, intent.subject, outcome, new Work(now)),
  };
}

function isForward(intentKey: string): boolean {
  return intentKey.startsWith('forward:');
}

async function applyForward(
  tx: Db,
  deps: PartialDeps,
  subject: string,
  outcome: CallOutcome<PaymentNow | null>,
  work: Work,
): Promise<Next> {
  if ('error' in outcome) return nextAfter(outcome.error);
  const key = keyOf(subject);
  await lockClients(tx, work, [BigInt(key.client_id)]);
  const [row] = await loadByKeys(tx, work, paymentStatus, [key]);
  if (!row || !lacksForward(row)) return { done: true };
  const next = keepForward(work, row, outcome.ok);
  await write(tx, work, deps.codec);
  return next;
}

async function apply(
  tx: Db,
  deps: PartialDeps,
  subject: string,
  outcome: CallOutcome<PaymentNow | null>,
  work: Work,
): Promise<Next> {
  if ('error' in outcome) return nextAfter(outcome.error);
  const key = keyOf(subject);
  await lockClients(tx, work, [BigInt(key.client_id)]);
  const [row] = await loadByKeys(tx, work, paymentStatus, [key]);
  const client = work.get(clients, key.client_id);
  if (!row || !client || !stillWaits(row)) return { done: true };
  const next = confirmValue(work, row, outcome.ok, {
    strategy: client.payout_strategy,
    feeBps: await feeInForce(tx, work.now),
    rate: await usableRate(tx, work, deps.settings.RATE_MAX_AGE),
  });
  await write(tx, work, deps.codec);
  return next;
}

function keyOf(subject: string): { client_id: string; provider: string; payment_id: string } {
  const [client_id, provider, payment_id] = subject.split('|');
  if (!client_id || !provider || !payment_id) throw new Error(`not a payment: ${subject}`);
  return { client_id, provider, payment_id };
}

/** Says why a scenario does not come to its end: payouts and conversions with their reasons, failing intents, what is parked. */
import type { Database } from '../../ledger/db.ts';
import { ask, type SimulatedPayment } from './control.ts';
import type { LedgerView } from './ledger-view.ts';
import { amountText } from './plan.ts';
import type { RegisteredClient } from './register.ts';
import type { World } from './world.ts';

const INTENTS = `SELECT key, state, attempt, last_error_class, last_error FROM intents
  WHERE state <> 'done' AND (last_error IS NOT NULL OR state = 'parked') ORDER BY created_at LIMIT 10`;
const QUARANTINE = `SELECT reason, count(*)::int AS count, min(detail) AS detail FROM quarantined
  WHERE redriven_at IS NULL AND (key = ANY($1::text[]) OR key IS NULL) GROUP BY reason`;
const DISCREPANCIES = `SELECT kind, count(*)::int AS count, min(entity || ': ' || detail) AS detail FROM discrepancies
  WHERE resolved_at IS NULL GROUP BY kind`;
const RECEIPTS = `SELECT count(*)::int AS count FROM payment_status
  WHERE client_id = ANY($1::bigint[]) AND incoming > confirmed`;

/** One line per finding, most telling first. */
export async function explainStuck(
  world: World,
  clients: readonly RegisteredClient[],
  view: LedgerView,
): Promise<string[]> {
  return [
    ...view.payouts
      .filter((payout) => payout.state !== 'completed')
      .map((payout) => {
        const owner = clients.find((client) => client.id === payout.clientId)?.title ?? payout.clientId;
        return `payout ${payout.id} (${owner}, ${amountText(payout.amount)}) is ${payout.state}${why(payout.reason)}${payout.parked ? ', parked' : ''}`;
      }),
    ...view.conversions
      .filter((conversion) => conversion.state !== 'completed')
      .map((one) => `conversion ${one.id} (${amountText(one.eth)}) is ${one.state}${why(one.reason)}`),
    ...(await fromLedger(world.db, clients)),
    ...(await fromProvider(world, clients)),
  ];
}

const why = (reason: string | null) => (reason === null ? '' : `: ${reason}`);

interface Counted {
  readonly count: number;
  readonly detail: string;
}

async function fromLedger(db: Database, clients: readonly RegisteredClient[]): Promise<string[]> {
  const ids = [`{${clients.map(({ id }) => id).join(',')}}`];
  const intents =
    await db.query<Record<'key' | 'state' | 'last_error_class' | 'last_error', string>>(INTENTS);
  const quarantined = await db.query<Counted & { reason: string }>(QUARANTINE, ids);
  const discrepancies = await db.query<Counted & { kind: string }>(DISCREPANCIES);
  const [receipts] = await db.query<{ count: number }>(RECEIPTS, ids);
  return [
    ...((receipts?.count ?? 0) > 0 ? [`${receipts?.count} payments have no confirmed receipt yet`] : []),
    ...intents.map((one) => `intent ${one.key} is ${one.state}: ${one.last_error_class} ${one.last_error}`),
    ...quarantined.map((one) => `quarantine: ${one.count} x ${one.reason}, such as ${one.detail}`),
    ...discrepancies.map((one) => `discrepancy: ${one.count} x ${one.kind}, such as ${one.detail}`),
  ];
}

async function fromProvider(world: World, clients: readonly RegisteredClient[]): Promise<string[]> {
  const payments = await ask<SimulatedPayment[]>(world.nowpayments, '/_control/payments');
  const ours = payments.filter(({ orderId }) => clients.some(({ id }) => orderId?.includes(`.${id}.`)));
  return [
    ...ours
      .filter((one) => one.error !== null)
      .map((one) => `payment ${one.paymentId} stopped: ${one.error}`),
    ...countBy(ours.filter((one) => one.status !== 'finished').map((one) => one.status)),
  ];
}

function countBy(statuses: readonly string[]): string[] {
  return [...new Set(statuses)].map(
    (status) =>
      `${statuses.filter((one) => one === status).length} payments are still ${status} at NOWPayments`,
  );
}

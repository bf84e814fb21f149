/** What a provider says about a funded order: stored as told, compared with the order, and read into our words. */
import { type SwapOrderRow, swapOrders } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { canonical, type Pair } from './order.ts';

/** The provider's present view of an order; amounts are exact decimal text, null = not yet. */
export interface OrderStatus extends Pair {
  readonly id: string;
  readonly status: string;
  readonly amountTo: string | null;
  readonly payinAddress: string;
  readonly payoutAddress: string;
  readonly payoutHash: string | null;
  readonly refundHash: string | null;
  readonly refundAmount: string | null;
}

export type Meaning = 'waiting' | 'working' | 'held' | 'finished' | 'refunded' | 'failed' | 'unknown';

const MEANINGS: Readonly<Record<string, Meaning>> = {
  new: 'waiting',
  waiting: 'waiting',
  confirming: 'working',
  exchanging: 'working',
  sending: 'working',
  verifying: 'held',
  hold: 'held',
  overdue: 'held',
  expired: 'held',
  finished: 'finished',
  refunded: 'refunded',
  failed: 'failed',
};

/** `unknown` for null (not asked yet) and for words that this version does not know. */
export function meaningOf(status: string | null): Meaning {
  return (status === null ? undefined : MEANINGS[status]) ?? 'unknown';
}

/** Each way in which the provider now contradicts the order that we funded. */
export function statusProblems(order: SwapOrderRow, told: OrderStatus): string[] {
  const found: string[] = [];
  const compare = (what: string, known: string | null, got: string): void => {
    if (known !== got) found.push(`${what} is now ${got.slice(0, 80)}, was ${known}`);
  };
  compare('order', order.provider_id, told.id);
  compare('currency', order.to_currency.toLowerCase(), told.toCurrency.toLowerCase());
  compare('network', order.to_network.toLowerCase(), told.toNetwork.toLowerCase());
  compare('payout address', canonical(order.to_address), canonical(told.payoutAddress));
  compare('deposit address', canonical(order.payin_address ?? ''), canonical(told.payinAddress));
  return found;
}

/** Keeps what was told; what is not told (yet) never erases what was. */
export function storeStatus(work: Work, order: SwapOrderRow, told: OrderStatus): SwapOrderRow {
  const next = {
    ...order,
    provider_status: told.status,
    received: told.amountTo ?? order.received,
    payout_hash: told.payoutHash ?? order.payout_hash,
    refund_hash: told.refundHash ?? order.refund_hash,
  };
  const same =
    next.provider_status === order.provider_status &&
    next.received === order.received &&
    next.payout_hash === order.payout_hash &&
    next.refund_hash === order.refund_hash;
  return same ? order : work.put(swapOrders, { ...next, updated_at: work.now });
}

/**
 * How a swap ends in the books: a payout's coins arrived at the client, a conversion's proceeds or a refund arrived in
 * the host wallet. Called only once our own deposit at the provider is final.
 */
import { settleReserved } from '../../ledger/entries.ts';
import {
  conversionCompleted,
  conversionRefunded,
  payoutSwapCompleted,
  payoutSwapRefunded,
  type Transfer,
} from '../../ledger/posting.ts';
import {
  type ChainDepositRow,
  clientAccounts,
  conversions,
  type SwapOrderRow,
  swapOrders,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { formatMoney, type Money, money } from '../../schemas/money.ts';
import { textOf, useDeposit } from './deposit.ts';
import { scopeOf } from './funds.ts';
import { sameAmount } from './order.ts';
import { move, type Owner, payoutOf, wakeOwner } from './owner.ts';
import type { OutPolicy } from './policy.ts';

/** A provider that refunds again and again costs money each time: then a person decides. */
export const ATTEMPTS_MAX = 3;

/** The payout's amount leaves the client's reserved balance, with its postings and its last event. */
export function completePayout(
  work: Work,
  owner: Owner,
  transfersOfIt: readonly Transfer[],
  received: string,
  hash: string,
): void {
  const row = payoutOf(work, owner.id);
  const account = work.must(clientAccounts, row.client_id, row.asset);
  work.put(clientAccounts, settleReserved(account, row.amount));
  work.post({ kind: 'payout_completed', id: owner.id }, transfersOfIt, scopeOf(owner));
  move(work, owner, 'completed', { received, payout_hash: hash, completed_at: work.now });
}

/** The provider paid the client; amount and hash are its word, observed facts that no ledger asset follows from. */
export function payoutSwapped(work: Work, owner: Owner, order: SwapOrderRow): void {
  endOrder(work, order, 'finished');
  completePayout(work, owner, payoutSwapCompleted(owner.amount), order.received!, order.payout_hash!);
}

/** The USDT is in the host wallet: booked at the amount on chain, whatever the provider says. */
export function conversionSwapped(
  work: Work,
  owner: Owner,
  order: SwapOrderRow,
  deposit: ChainDepositRow,
  policy: OutPolicy,
): void {
  const row = work.must(conversions, owner.id);
  const expected = money('USDT', row.usdt_expected);
  const got = money('USDT', deposit.amount);
  if (order.received !== null && !sameAmount(order.received, textOf(deposit))) {
    const detail = `${order.provider} says ${order.received}, on chain came ${textOf(deposit)} in ${deposit.hash}`;
    work.discrepancy('provider_amount', entityOf(owner), detail);
  }
  if (isBeyond(expected.minor, got.minor, policy.varianceMaxBps)) {
    const detail = `expected ${formatMoney(expected)} USDT, got ${formatMoney(got)}`;
    work.discrepancy('rate_variance', entityOf(owner), detail);
  }
  useDeposit(work, deposit, 'proceeds', owner.id);
  endOrder(work, order, 'finished');
  const sent = money('ETH', order.amount);
  work.post(
    { kind: 'conversion_completed', id: owner.id },
    conversionCompleted(sent, expected, got),
    scopeOf(owner),
  );
  move(work, owner, 'completed', { usdt_received: got.minor, completed_at: work.now });
}

function isBeyond(expected: bigint, got: bigint, bps: number): boolean {
  const off = got > expected ? got - expected : expected - got;
  return off * 10_000n > (expected > 0n ? expected : 0n) * BigInt(bps);
}

/** The provider sent our coins back: booked at the amount on chain; then the next attempt, or a person. */
export function swapRefunded(work: Work, owner: Owner, order: SwapOrderRow, deposit: ChainDepositRow): void {
  useDeposit(work, deposit, 'refund', owner.id);
  endOrder(work, order, 'refunded');
  const sent = money(order.asset as LedgerAsset, order.amount);
  const back = money(order.asset as LedgerAsset, deposit.amount);
  const id = `${owner.id}:${order.attempt}`;
  if (back.minor > sent.minor) {
    work.discrepancy(
      'refund_above_deposit',
      entityOf(owner),
      `sent ${formatMoney(sent)}, back ${textOf(deposit)}`,
    );
  }
  const isPayout = owner.kind === 'payout';
  const lines = isPayout
    ? payoutSwapRefunded(sent, back)
    : conversionRefunded(sent as Money<'ETH'>, back as Money<'ETH'>);
  const kind = isPayout ? 'payout_swap_refunded' : 'conversion_refunded';
  work.post({ kind, id }, lines, scopeOf(owner));
  if (!isPayout) {
    const row = work.must(conversions, owner.id);
    work.put(conversions, { ...row, eth_open: back.minor < sent.minor ? back.minor : sent.minor });
  }
  // A failed one waits for a person, who now can decide freely: nothing of it is at the provider any more.
  if (owner.state === 'failed') return;
  move(work, owner, 'refunded');
  if (owner.attempt >= ATTEMPTS_MAX) {
    move(work, owner, 'on_hold', { held_state: 'awaiting_funds', reason: 'provider_refused' });
  } else {
    move(work, owner, 'awaiting_funds');
    wakeOwner(work, owner);
  }
}

function endOrder(work: Work, order: SwapOrderRow, state: 'finished' | 'refunded'): void {
  work.put(swapOrders, { ...order, state, updated_at: work.now });
}

export function entityOf(owner: Pick<Owner, 'kind' | 'id'>): string {
  return `${owner.kind}:${owner.id}`;
}

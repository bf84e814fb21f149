/**
 * What a person (or a provider's minimum) decides about a payout or conversion. Pure functions on loaded rows; each
 * either does it or refuses with one line that says why and what to do instead.
 */
import { settleReserved } from '../../ledger/entries.ts';
import { payoutReturned } from '../../ledger/posting.ts';
import { clientAccounts, conversions, pairLimits, type TransferRow } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { formatMoney } from '../../schemas/money.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { recoverDebt } from '../accumulate/credit.ts';
import { dropTransfer, putTransfer, scopeOf, transferOf, wakeTransfer } from './funds.ts';
import type { PayoutState } from './graph.ts';
import { closeOrder, fundedOrder, openOrder, ordersOf } from './order.ts';
import { move, type Owner, ownerOf, payoutOf, wakeOwner } from './owner.ts';
import { meaningOf } from './status.ts';
import type { Range } from './transition.ts';

export type Decision = 'approve' | 'reject' | 'cancel' | 'hold' | 'release' | 'retry';

export class DecisionRefused extends Error {
  override name = 'DecisionRefused';
}

/** done: it is as decided now; asked: a signed transfer must first be cancelled on chain, which may come too late. */
export type Decided = 'done' | 'asked';

/** @throws DecisionRefused */
export function decide(work: Work, owner: Owner, decision: Decision): Decided {
  switch (decision) {
    case 'approve':
      return approve(work, owner);
    case 'reject':
      if (owner.state !== 'awaiting_approval')
        throw refused(owner, 'reject', 'it does not wait for approval');
      return cancel(work, owner, 'operator');
    case 'cancel':
      return cancelOrAsk(work, owner);
    case 'hold':
      return hold(work, owner);
    case 'release':
      return release(work, owner);
    case 'retry':
      return retry(work, owner);
  }
}

function approve(work: Work, owner: Owner): Decided {
  if (owner.kind !== 'payout' || owner.state !== 'awaiting_approval') {
    throw refused(owner, 'approve', 'it does not wait for approval');
  }
  const { revision } = payoutOf(work, owner.id);
  move(work, owner, 'awaiting_funds', { approved_revision: revision });
  wakeOwner(work, owner);
  return 'done';
}

const CANCELLABLE: readonly PayoutState[] = [
  'requested',
  'awaiting_approval',
  'awaiting_funds',
  'ordered',
  'on_hold',
  'failed',
];

function cancelOrAsk(work: Work, owner: Owner): Decided {
  const transfer = transferOf(work, owner);
  if (owner.state === 'ordered' && transfer && isOut(transfer)) {
    putTransfer(work, { ...transfer, cancel_wanted: true });
    wakeTransfer(work, transfer);
    return 'asked';
  }
  return cancel(work, owner, 'operator');
}

/** Only while nothing signed or at the provider can still move money. @throws DecisionRefused */
export function cancel(work: Work, owner: Owner, reason: ReasonCode): Decided {
  if (!CANCELLABLE.includes(owner.state)) throw refused(owner, 'cancel', `it is ${owner.state}`);
  const moving = stillMoving(work, owner);
  if (moving) throw refused(owner, 'cancel', moving);
  const transfer = transferOf(work, owner);
  if (transfer?.state === 'chosen') dropTransfer(work, transfer, owner);
  for (const order of ordersOf(work, owner)) {
    if (order.state === 'creating' || order.state === 'created') closeOrder(work, order);
  }
  if (owner.kind === 'payout') returnPayout(work, owner, reason);
  else reopenPosition(work, owner, reason);
  return 'done';
}

/** What of the present attempt can still move money, in words; undefined: nothing. */
export function stillMoving(work: Work, owner: Owner): string | undefined {
  const transfer = transferOf(work, owner);
  if (!transfer) return undefined;
  if (isOut(transfer)) return `its transfer ${transfer.hash} is signed: cancel the transfer first`;
  if (transfer.state !== 'final') return undefined;
  const order = fundedOrder(work, owner);
  if (order?.state === 'refunded') return undefined;
  return `its coins are at ${order?.provider ?? 'their destination'}, order ${order?.provider_id ?? 'none'}`;
}

function isOut(transfer: TransferRow): boolean {
  return transfer.state === 'signed' || transfer.state === 'broadcast';
}

/** The amount is free again as one entry; the range stays the payout's for ever (money.md, entries). */
function returnPayout(work: Work, owner: Owner, reason: ReasonCode): void {
  const row = payoutOf(work, owner.id);
  const cause = { kind: 'returned', id: owner.id };
  const entry = work.entry('returned', row.client_id, owner.amount, cause);
  const account = work.must(clientAccounts, row.client_id, row.asset);
  work.put(clientAccounts, settleReserved(account, row.amount));
  work.post(cause, payoutReturned(owner.amount), { ...scopeOf(owner), entries: [entry] });
  move(work, owner, 'cancelled', { reason, returned_seq: entry.seq });
  recoverDebt(work, row.client_id, row.asset as LedgerAsset, owner.id);
}

/** What was to be swapped is an open position again: the next credit batch of the treasury's partition. */
function reopenPosition(work: Work, owner: Owner, reason: ReasonCode): void {
  const row = work.must(conversions, owner.id);
  const before = work.positionDeltas.get(owner.partition) ?? { eth: 0n, usdt: 0n };
  work.positionDeltas.set(owner.partition, {
    eth: before.eth + row.eth_open,
    usdt: before.usdt + row.usdt_expected,
  });
  move(work, owner, 'cancelled', { reason });
}

const UNSIGNED: readonly PayoutState[] = ['requested', 'awaiting_approval', 'awaiting_funds', 'ordered'];

function hold(work: Work, owner: Owner): Decided {
  const transfer = transferOf(work, owner);
  if (owner.state === 'ordered' && transfer && isOut(transfer)) {
    throw refused(owner, 'hold', `its transfer ${transfer.hash} is signed: cancel it instead`);
  }
  const order = fundedOrder(work, owner);
  const held = meaningOf(order?.provider_status ?? null) === 'held';
  const atProvider = owner.state === 'funded' || owner.state === 'exchanging';
  if (!UNSIGNED.includes(owner.state) && !(atProvider && held)) {
    throw refused(owner, 'hold', `it is ${owner.state}`);
  }
  move(work, owner, 'on_hold', { held_state: owner.state, reason: 'operator' });
  return 'done';
}

function release(work: Work, owner: Owner): Decided {
  const held = heldState(work, owner);
  if (owner.state !== 'on_hold' || !held) throw refused(owner, 'release', 'it is not on hold');
  move(work, owner, held as PayoutState, { held_state: null });
  wakeOwner(work, owner);
  const transfer = transferOf(work, owner);
  if (held === 'ordered' && transfer) wakeTransfer(work, transfer);
  return 'done';
}

function heldState(work: Work, owner: Owner): string | null {
  return owner.kind === 'payout'
    ? payoutOf(work, owner.id).held_state
    : work.must(conversions, owner.id).held_state;
}

/** A new attempt; or, while the coins are at the provider, another look at what it says. */
function retry(work: Work, owner: Owner): Decided {
  if (owner.state !== 'failed') throw refused(owner, 'retry', `it is ${owner.state}, not failed`);
  const order = openOrder(work, owner);
  if (order) closeOrder(work, order);
  move(work, owner, stillMoving(work, owner) ? 'exchanging' : 'awaiting_funds');
  wakeOwner(work, owner);
  return 'done';
}

/** The provider's minimum rose above it: the fresh minimum keeps it from being paid out again too early. */
export function giveBack(work: Work, owner: Owner, range: Range): void {
  work.put(pairLimits, {
    asset: owner.amount.asset,
    currency: owner.to.currency,
    network: owner.to.network,
    min_amount: range.min,
    max_amount: range.max,
    at: work.now,
  });
  cancel(work, ownerOf(work, owner.kind, owner.id, owner.to.address), 'below_minimum');
}

function refused(owner: Owner, what: Decision, why: string): DecisionRefused {
  const amount = `${formatMoney(owner.amount)} ${owner.amount.asset}`;
  return new DecisionRefused(`cannot ${what} ${owner.kind} ${owner.id} (${amount}): ${why}`);
}

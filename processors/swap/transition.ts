/**
 * The way of one payout or conversion from free funds to its end, step by step: make an order, fund it, follow it.
 * Pure: reads and changes rows in Work, says which outside call it wants; what that call brought comes in as data.
 */
import { type SwapOrderRow, swapOrders } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import type { CallOutcome } from '../runtime/intent-steps.ts';
import type { Next, ProviderFailure } from '../runtime/schedule.ts';
import { meantDeposit } from './deposit.ts';
import { type Funds, fund, type GasQuote, shortOf, transferOf } from './funds.ts';
import {
  adoptOrder,
  beginOrder,
  CREATE_SETTLED_MS,
  closeOrder,
  contradictions,
  fundedOrder,
  ORDER_MAX_AGE_MS,
  type OrderReply,
  type OrderRequest,
  openOrder,
  requestOf,
} from './order.ts';
import { conversionSwapped, entityOf, payoutSwapped, swapRefunded } from './outcome.ts';
import { explain, move, type Owner, type OwnerKind, ownerOf } from './owner.ts';
import type { OutPolicy } from './policy.ts';
import { meaningOf, type OrderStatus, statusProblems, storeStatus } from './status.ts';

export type SwapCall =
  /** find: only look for an order made before, and make one if there is none. */
  | {
      readonly do: 'create';
      readonly find: boolean;
      readonly request: OrderRequest;
      readonly asset: LedgerAsset;
    }
  | { readonly do: 'quote'; readonly to: string; readonly asset: LedgerAsset; readonly amount: bigint }
  | { readonly do: 'status'; readonly id: string };

/** Range of the provider in minor units of the asset that is sent; asked for right before an order is made. */
export interface Range {
  readonly min: bigint;
  readonly max: bigint | null;
}

export type SwapResult =
  | { readonly do: 'outside'; readonly range: Range }
  | { readonly do: 'created'; readonly order: OrderReply }
  | { readonly do: 'found'; readonly orders: readonly OrderReply[] }
  | { readonly do: 'quote'; readonly quote: GasQuote }
  | { readonly do: 'status'; readonly told: OrderStatus | null };

export type Step = { readonly call: SwapCall } | { readonly next: Next };

const SOON: Step = { next: { pollAt: 'soon' } };
const DONE: Step = { next: { done: true } };
const FAILED_LOOK_MS = 60 * 60_000;

/** What comes next, from `awaiting_funds` on. @param funds read under the wallet's lock when it is awaiting_funds */
export function stepSwap(work: Work, owner: Owner, funds: Funds | undefined, policy: OutPolicy): Step {
  switch (owner.state) {
    case 'awaiting_funds':
      return stepFunds(work, owner, funds!, policy);
    case 'ordered':
    case 'funded':
    case 'exchanging':
    case 'failed':
      return stepFollow(work, owner, policy);
    default:
      return DONE;
  }
}

function stepFunds(work: Work, owner: Owner, funds: Funds, policy: OutPolicy): Step {
  const short = shortOf(owner, funds);
  if (short) {
    explain(work, owner, short);
    return SOON;
  }
  if (owner.direct) return quoteFor(owner, owner.to.address);
  const order = openOrder(work, owner);
  if (order?.state === 'creating') return lookUp(work, order, policy);
  if (order && work.now.getTime() - order.started_at.getTime() < ORDER_MAX_AGE_MS) {
    return quoteFor(owner, order.payin_address!);
  }
  if (order) closeOrder(work, order);
  return createCall(beginOrder(work, owner), policy, false);
}

/** Nothing is done about an order of unknown outcome before every call that made it must have ended. */
function lookUp(work: Work, order: SwapOrderRow, policy: OutPolicy): Step {
  const settledAt = new Date(order.started_at.getTime() + CREATE_SETTLED_MS);
  if (work.now < settledAt) return { next: { pollAt: settledAt } };
  const again = work.put(swapOrders, { ...order, started_at: work.now, updated_at: work.now });
  return createCall(again, policy, true);
}

function createCall(order: SwapOrderRow, policy: OutPolicy, find: boolean): Step {
  const request = requestOf(order, policy.host);
  return { call: { do: 'create', find, request, asset: order.asset as LedgerAsset } };
}

function quoteFor(owner: Owner, to: string): Step {
  return { call: { do: 'quote', to, asset: owner.amount.asset, amount: owner.amount.minor } };
}

function stepFollow(work: Work, owner: Owner, policy: OutPolicy): Step {
  const order = fundedOrder(work, owner);
  if (owner.direct || !order || order.state !== 'created') return DONE;
  if (owner.state === 'ordered') {
    // Nothing can have happened there before our bytes are out.
    return transferOf(work, owner)?.state === 'broadcast' ? statusCall(order) : SOON;
  }
  if (owner.state === 'failed' && transferOf(work, owner)?.state !== 'final') return DONE;
  const next = settle(work, owner, order, policy);
  return next ? { next } : statusCall(order);
}

function statusCall(order: SwapOrderRow): Step {
  return { call: { do: 'status', id: order.provider_id! } };
}

/**
 * Books the end of the swap if what is known suffices; every proceeds and refund that is booked stands on our chain.
 * @returns what is next, or undefined: ask the provider
 */
function settle(work: Work, owner: Owner, order: SwapOrderRow, policy: OutPolicy): Next | undefined {
  const meaning = meaningOf(order.provider_status);
  const canFinish = owner.state !== 'failed';
  if (meaning === 'refunded') {
    const back = meantDeposit(work, order.refund_hash, order.asset as LedgerAsset, null);
    if (!back) return undefined;
    swapRefunded(work, owner, order, back);
    return { done: true };
  }
  if (meaning !== 'finished' || !canFinish || order.payout_hash === null) return undefined;
  if (owner.kind === 'payout') {
    if (order.received === null || isZero(order.received)) return undefined;
    payoutSwapped(work, owner, order);
    return { done: true };
  }
  const proceeds = meantDeposit(work, order.payout_hash, 'USDT', order.received);
  if (!proceeds) return undefined;
  conversionSwapped(work, owner, order, proceeds, policy);
  return { done: true };
}

/** What the call of the plan brought. The rows were locked and loaded again: what no longer fits is dropped. */
export function applySwap(
  work: Work,
  ref: { readonly kind: OwnerKind; readonly id: string },
  call: SwapCall,
  outcome: CallOutcome<SwapResult>,
  funds: Funds | undefined,
  policy: OutPolicy,
  /** Gives a payout or conversion back that the provider cannot carry. */
  tooSmall: (owner: Owner, range: Range) => void,
): Next {
  const owner = ownerOf(work, ref.kind, ref.id, policy.host);
  switch (call.do) {
    case 'create':
      return applyCreate(work, owner, call, outcome, tooSmall);
    case 'quote':
      return applyQuote(work, owner, call, outcome, funds, policy);
    case 'status':
      return applyStatus(work, owner, outcome, policy);
  }
}

type CreateCall = Extract<SwapCall, { do: 'create' }>;

function applyCreate(
  work: Work,
  owner: Owner,
  call: CreateCall,
  outcome: CallOutcome<SwapResult>,
  tooSmall: (owner: Owner, range: Range) => void,
): Next {
  const order = openOrder(work, owner);
  const isOurs = order?.state === 'creating' && order.reference === call.request.reference;
  if (!isOurs || owner.state !== 'awaiting_funds') {
    // Held meanwhile: the row stays `creating`, so that a release looks the order up. Cancelled: nobody ever will.
    if (!isOurs && 'ok' in outcome && outcome.ok.do === 'created') {
      work.discrepancy('stray_order', entityOf(owner), `${outcome.ok.order.id}: made for what was given up`);
    }
    return { pollAt: 'soon' };
  }
  if ('error' in outcome) return createFailed(work, owner, order, call, outcome.error);
  const result = outcome.ok;
  if (result.do === 'outside') return outsideRange(work, owner, order, result.range, tooSmall);
  const replies = result.do === 'found' ? result.orders : result.do === 'created' ? [result.order] : [];
  return adopt(work, owner, order, call.request, replies);
}

function adopt(
  work: Work,
  owner: Owner,
  order: SwapOrderRow,
  request: OrderRequest,
  replies: readonly OrderReply[],
): Next {
  const fitting = replies.filter((reply) => contradictions(request, reply).length === 0);
  const chosen = fitting[0];
  for (const reply of replies) {
    if (reply === chosen) continue;
    const why = contradictions(request, reply).join('; ') || 'one more of the same attempt';
    work.discrepancy('stray_order', entityOf(owner), `${reply.id}: ${why}`);
  }
  if (!chosen) return contradicted(work, owner, order);
  if (isTaken(work, chosen.id, order)) {
    work.discrepancy('order_reused', entityOf(owner), `${chosen.id} belongs to another payout or conversion`);
    return contradicted(work, owner, order);
  }
  adoptOrder(work, order, chosen);
  return { pollAt: work.now };
}

function isTaken(work: Work, providerId: string, order: SwapOrderRow): boolean {
  return work
    .all(swapOrders)
    .some((one) => one.provider_id === providerId && one.reference !== order.reference);
}

/** Nothing was funded: a person looks at what the provider answered. */
function contradicted(work: Work, owner: Owner, order: SwapOrderRow): Next {
  closeOrder(work, order);
  move(work, owner, 'failed', { reason: 'provider_contradiction' });
  return { done: true };
}

function createFailed(
  work: Work,
  owner: Owner,
  order: SwapOrderRow,
  call: CreateCall,
  error: ProviderFailure,
): Next {
  const text = `${error.code}: ${error.message}`;
  if (error.kind === 'unknown_outcome') {
    // It may exist: the row stays, and is looked up when the call must have ended.
    return { pollAt: new Date(order.started_at.getTime() + CREATE_SETTLED_MS) };
  }
  if (error.kind === 'permanent') {
    explain(work, owner, 'provider_refused', true);
    // A look-up that is refused says nothing about an order made before.
    if (!call.find) closeOrder(work, order);
    return { park: text };
  }
  explain(work, owner, 'provider_unavailable');
  return { retry: text };
}

function outsideRange(
  work: Work,
  owner: Owner,
  order: SwapOrderRow,
  range: Range,
  tooSmall: (owner: Owner, range: Range) => void,
): Next {
  closeOrder(work, order);
  if (order.amount < range.min) {
    tooSmall(owner, range);
    return { done: true };
  }
  explain(work, owner, 'provider_refused', true);
  return { park: `above the provider's maximum of ${range.max} minor units` };
}

type QuoteCall = Extract<SwapCall, { do: 'quote' }>;

function applyQuote(
  work: Work,
  owner: Owner,
  call: QuoteCall,
  outcome: CallOutcome<SwapResult>,
  funds: Funds | undefined,
  policy: OutPolicy,
): Next {
  const order = owner.direct ? undefined : openOrder(work, owner);
  const address = owner.direct ? owner.to.address : order?.payin_address;
  if (owner.state !== 'awaiting_funds' || address !== call.to || !funds) return { pollAt: 'soon' };
  if ('error' in outcome) return quoteFailed(work, owner, outcome.error);
  if (outcome.ok.do !== 'quote') return { retry: 'fault: a quote was expected' };
  const target = {
    kind: owner.direct ? ('direct' as const) : ('swap' as const),
    address,
    attempt: order?.attempt ?? owner.attempt + 1,
  };
  const result = fund(work, owner, target, outcome.ok.quote, funds, policy);
  if (typeof result !== 'string') return owner.direct ? { done: true } : { pollAt: 'soon', startOver: true };
  explain(work, owner, result);
  return { pollAt: 'soon' };
}

function quoteFailed(work: Work, owner: Owner, error: ProviderFailure): Next {
  if (error.code === 'insufficient_funds') {
    explain(work, owner, 'gas_low');
    return { pollAt: 'soon' };
  }
  if (error.kind !== 'permanent') return { retry: `${error.code}: ${error.message}` };
  const reason: ReasonCode = error.code === 'would_revert' ? 'transfer_reverted' : 'provider_refused';
  move(work, owner, 'failed', { reason });
  return { done: true };
}

function applyStatus(work: Work, owner: Owner, outcome: CallOutcome<SwapResult>, policy: OutPolicy): Next {
  const order = fundedOrder(work, owner);
  if (order?.state !== 'created') return { pollAt: 'soon' };
  if ('error' in outcome) return statusFailed(work, owner, outcome.error);
  if (outcome.ok.do !== 'status') return { retry: 'fault: a status was expected' };
  const { told } = outcome.ok;
  if (told === null) {
    work.discrepancy(
      'order_unknown',
      entityOf(owner),
      `${order.provider} does not know order ${order.provider_id}`,
    );
    return later(work, owner);
  }
  const problems = statusProblems(order, told);
  if (problems.length > 0) return statusContradicts(work, owner, `${told.id}: ${problems.join('; ')}`);
  const stored = storeStatus(work, order, told);
  // Seen early: kept, and applied once our deposit is final.
  if (owner.state === 'ordered') return { pollAt: 'soon' };
  const next = settle(work, owner, stored, policy);
  if (next) return next;
  reflect(work, owner, stored);
  return later(work, owner);
}

/** The provider's state as ours; money moves in `settle` only. */
function reflect(work: Work, owner: Owner, order: SwapOrderRow): void {
  if (owner.state !== 'funded' && owner.state !== 'exchanging') return;
  const meaning = meaningOf(order.provider_status);
  if (meaning === 'failed') {
    move(work, owner, 'failed', { reason: 'provider_refused' });
    return;
  }
  if (meaning === 'finished' && order.received !== null && isZero(order.received)) {
    work.discrepancy('nothing_received', entityOf(owner), `${order.provider_id} finished with nothing`);
    move(work, owner, 'failed', { reason: 'provider_contradiction' });
    return;
  }
  if (meaning === 'unknown') {
    const detail = `${order.provider} says ${JSON.stringify(order.provider_status)} of ${order.provider_id}`;
    work.discrepancy('provider_status_unknown', entityOf(owner), detail);
  }
  const isMoving = meaning === 'working' || meaning === 'finished' || meaning === 'refunded';
  if (owner.state === 'funded' && isMoving) move(work, owner, 'exchanging');
  else explain(work, owner, meaning === 'held' ? 'provider_hold' : null);
}

function statusFailed(work: Work, owner: Owner, error: ProviderFailure): Next {
  const text = `${error.code}: ${error.message}`;
  if (error.kind !== 'permanent') return { retry: text };
  if (owner.state !== 'failed') explain(work, owner, 'provider_refused', true);
  return { park: text };
}

function statusContradicts(work: Work, owner: Owner, detail: string): Next {
  work.discrepancy('order_changed', entityOf(owner), detail);
  if (owner.state === 'funded' || owner.state === 'exchanging') {
    move(work, owner, 'failed', { reason: 'provider_contradiction' });
  }
  return later(work, owner);
}

/** A failed one is only looked at, hourly: its coins may still come back. */
function later(work: Work, owner: Owner): Next {
  const failed = ownerOf(work, owner.kind, owner.id, '').state === 'failed';
  return failed ? { pollAt: new Date(work.now.getTime() + FAILED_LOOK_MS) } : { pollAt: 'soon' };
}

function isZero(decimalText: string): boolean {
  return /^0(\.0*)?$/.test(decimalText);
}

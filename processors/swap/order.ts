/**
 * Swap orders: one row per attempt, written before the provider is asked, so that an unknown outcome is looked up and
 * never repeated blindly. Only the order stored here is ever funded; whatever it says is compared with the request.
 */
import { type SwapOrderRow, swapOrders } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { ASSETS, type LedgerAsset } from '../../schemas/assets.ts';
import { formatMoney, MoneyError, money, parseUnits } from '../../schemas/money.ts';
import type { Owner } from './owner.ts';

export interface Pair {
  readonly fromCurrency: string;
  readonly fromNetwork: string;
  readonly toCurrency: string;
  readonly toNetwork: string;
}

/** What the provider is asked for. */
export interface OrderRequest {
  readonly pair: Pair;
  /** Exact decimal text. */
  readonly fromAmount: string;
  readonly address: string;
  readonly memo: string | null;
  readonly refundAddress: string;
  readonly reference: string;
}

/** What it answered; the same fields whether created or found again. */
export interface OrderReply extends Pair {
  readonly id: string;
  readonly fromAmount: string;
  readonly toAmount: string | null;
  readonly payinAddress: string;
  readonly payinExtraId: string | null;
  readonly payoutAddress: string;
  readonly payoutExtraId: string | null;
  readonly refundAddress: string | null;
  readonly reference: string;
}

export const PROVIDER = 'changenow';

/** Two calls of 20 s each may be under way after an order was marked: only then its outcome can be looked up. */
export const CREATE_SETTLED_MS = 45_000;
/** Providers let unfunded orders lapse; ours is replaced well before that. */
export const ORDER_MAX_AGE_MS = 20 * 60_000;

export function ordersOf(work: Work, owner: Pick<Owner, 'kind' | 'id'>): SwapOrderRow[] {
  return work
    .all(swapOrders)
    .filter((order) => order.owner_kind === owner.kind && order.owner_id === owner.id)
    .sort((a, b) => a.attempt - b.attempt);
}

/** The order that was or is to be funded in the owner's present attempt. */
export function fundedOrder(work: Work, owner: Owner): SwapOrderRow | undefined {
  return work.get(swapOrders, owner.kind, owner.id, owner.attempt);
}

/** The order of the next attempt, if one is being made or waits to be funded. */
export function openOrder(work: Work, owner: Owner): SwapOrderRow | undefined {
  const latest = ordersOf(work, owner).at(-1);
  if (!latest || latest.attempt <= owner.attempt) return undefined;
  return latest.state === 'creating' || latest.state === 'created' ? latest : undefined;
}

/** Marks the order of the next attempt as being made; committed before the provider is asked. */
export function beginOrder(work: Work, owner: Owner): SwapOrderRow {
  const attempt = Math.max(owner.attempt, ordersOf(work, owner).at(-1)?.attempt ?? 0) + 1;
  return work.put(swapOrders, {
    owner_kind: owner.kind,
    owner_id: owner.id,
    attempt,
    state: 'creating',
    reference: `${owner.kind}-${owner.id}-${attempt}`,
    started_at: work.now,
    provider: PROVIDER,
    provider_id: null,
    asset: owner.amount.asset,
    amount: owner.amount.minor,
    to_currency: owner.to.currency,
    to_network: owner.to.network,
    to_address: owner.to.address,
    to_memo: owner.to.memo,
    expected: null,
    payin_address: null,
    payin_memo: null,
    provider_status: null,
    received: null,
    payout_hash: null,
    refund_hash: null,
    updated_at: work.now,
  });
}

export function requestOf(order: SwapOrderRow, host: string): OrderRequest {
  const { ticker, network } = ASSETS[order.asset as LedgerAsset];
  return {
    pair: {
      fromCurrency: ticker,
      fromNetwork: network,
      toCurrency: order.to_currency.toLowerCase(),
      toNetwork: order.to_network.toLowerCase(),
    },
    fromAmount: formatMoney(money(order.asset as LedgerAsset, order.amount)),
    address: order.to_address,
    memo: order.to_memo,
    refundAddress: host,
    reference: order.reference,
  };
}

const EVM_ADDRESS = /^0x[0-9a-fA-F]{40}$/;

/** Each way in which the reply is not what was asked for; empty = it may be funded. */
export function contradictions(request: OrderRequest, reply: OrderReply): string[] {
  const found: string[] = [];
  const compare = (what: string, asked: string, got: string): void => {
    if (asked !== got) found.push(`${what} ${got.slice(0, 80)}, asked for ${asked}`);
  };
  for (const field of ['fromCurrency', 'fromNetwork', 'toCurrency', 'toNetwork'] as const) {
    compare(field, request.pair[field], reply[field].toLowerCase());
  }
  if (!sameAmount(request.fromAmount, reply.fromAmount)) {
    found.push(`amount ${reply.fromAmount}, asked for ${request.fromAmount}`);
  }
  compare('payout address', canonical(request.address), canonical(reply.payoutAddress));
  compare('payout memo', request.memo ?? '', reply.payoutExtraId ?? '');
  compare('reference', request.reference, reply.reference);
  if (reply.refundAddress !== null) {
    compare('refund address', canonical(request.refundAddress), canonical(reply.refundAddress));
  }
  return [...found, ...payinProblems(request, reply)];
}

/** Where we would send our coins: an address on our chain, of the provider, that needs no memo. */
function payinProblems(request: OrderRequest, reply: OrderReply): string[] {
  const { payinAddress, payinExtraId } = reply;
  if (!EVM_ADDRESS.test(payinAddress) || /^0x0{40}$/.test(payinAddress)) {
    return [`deposit address ${payinAddress.slice(0, 80)} is none of our chain`];
  }
  const own = [request.refundAddress, request.address].map(canonical);
  if (own.includes(canonical(payinAddress))) return ['the deposit address is not the provider’s own'];
  return payinExtraId === null ? [] : ['the deposit needs a memo, which our transfers cannot carry'];
}

/** EVM addresses are the same in any case; others are compared as they are. */
export function canonical(address: string): string {
  return EVM_ADDRESS.test(address) ? address.toLowerCase() : address;
}

export function sameAmount(a: string, b: string): boolean {
  try {
    return parseUnits(a, 30) === parseUnits(b, 30);
  } catch (error) {
    if (error instanceof MoneyError) return false;
    throw error;
  }
}

/** The reply was compared: this order is ours. */
export function adoptOrder(work: Work, order: SwapOrderRow, reply: OrderReply): SwapOrderRow {
  return work.put(swapOrders, {
    ...order,
    state: 'created',
    provider_id: reply.id,
    payin_address: reply.payinAddress,
    payin_memo: reply.payinExtraId,
    expected: reply.toAmount,
    updated_at: work.now,
  });
}

/** Never funded and never will be. */
export function closeOrder(work: Work, order: SwapOrderRow): void {
  work.put(swapOrders, { ...order, state: 'closed', updated_at: work.now });
}

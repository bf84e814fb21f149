/**
 * Setting funds aside for one chosen transfer: value and the most that its gas can cost, in the transaction that
 * chooses it. First come, first served per queue, without overtaking.
 */
import { setAside, setAsideUndone, transferUndone } from '../../ledger/posting.ts';
import { type TransferRow, transfers } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { eventId } from '../../schemas/event-id.ts';
import { money } from '../../schemas/money.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { assertEdge, type TransferState } from './graph.ts';
import { move, type Owner, wakeOwner } from './owner.ts';
import type { OutPolicy } from './policy.ts';

/** Read while the wallet row is locked, so that nobody else sets funds aside meanwhile. Minor units. */
export interface Funds {
  /** Settled and free, in the asset that goes out. */
  readonly host: bigint;
  /** What older ones of the same queue wait for. */
  readonly ahead: bigint;
  readonly gas: bigint;
  /** Payments behind this payout whose receipt is not confirmed. */
  readonly unconfirmed: number;
}

/** Current prices, wei per gas. */
export interface GasQuote {
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly baseFee: bigint;
}

export interface Fees {
  readonly maxFee: bigint;
  readonly priorityFee: bigint;
}

/** Why it has to wait; undefined = there is enough. */
export function shortOf(owner: Owner, funds: Funds): ReasonCode | undefined {
  if (funds.unconfirmed > 0) return 'awaiting_confirmation';
  if (funds.host < funds.ahead + owner.amount.minor) return 'awaiting_funds';
  return undefined;
}

/** Fee caps within GAS_MAX_GWEI; undefined: what a block costs now is above it already. */
export function feesOf(quote: GasQuote, gasMax: bigint): Fees | undefined {
  if (quote.baseFee + quote.maxPriorityFeePerGas > gasMax) return undefined;
  const maxFee = quote.maxFeePerGas < gasMax ? quote.maxFeePerGas : gasMax;
  return { maxFee, priorityFee: quote.maxPriorityFeePerGas };
}

/**
 * Sets the owner's amount aside, chooses the transfer and moves to `ordered`.
 * @param attempt of the order that is funded, or the next one of a direct transfer
 * @returns why it has to wait instead, or the transfer
 */
export function fund(
  work: Work,
  owner: Owner,
  target: { readonly kind: 'swap' | 'direct'; readonly address: string; readonly attempt: number },
  quote: GasQuote,
  funds: Funds,
  policy: OutPolicy,
): ReasonCode | TransferRow {
  const short = shortOf(owner, funds);
  if (short) return short;
  const fees = feesOf(quote, policy.gasMax);
  if (!fees) return 'gas_price_high';
  const gas = quote.gasLimit * fees.maxFee;
  if (funds.gas - gas < policy.gasReserve) return 'gas_low';
  const transfer = choose(work, owner, target, quote.gasLimit, fees);
  work.post(
    { kind: 'set_aside', id: transfer.transfer_id },
    setAside(owner.amount, money('ETH', gas)),
    scopeOf(owner),
  );
  const seen = owner.kind === 'payout' ? { funds_seen: true } : {};
  move(work, owner, 'ordered', { attempt: target.attempt, ...seen });
  wakeTransfer(work, transfer);
  return transfer;
}

function choose(
  work: Work,
  owner: Owner,
  target: { readonly kind: string; readonly address: string; readonly attempt: number },
  gasLimit: bigint,
  fees: Fees,
): TransferRow {
  return work.put(transfers, {
    transfer_id: eventId('transfer', owner.kind, owner.id, target.attempt),
    owner_kind: owner.kind,
    owner_id: owner.id,
    client_id: owner.clientId ?? null,
    attempt: target.attempt,
    asset: owner.amount.asset,
    amount: owner.amount.minor,
    to_address: target.address,
    kind: target.kind,
    state: 'chosen',
    nonce: null,
    gas_limit: gasLimit,
    max_fee: fees.maxFee,
    priority_fee: fees.priorityFee,
    gas_held: gasLimit * fees.maxFee,
    hash: null,
    block: null,
    gas_spent: null,
    cancel_wanted: false,
    reason: null,
    revision: 1n,
    created_at: work.now,
    updated_at: work.now,
  });
}

export function scopeOf(owner: Pick<Owner, 'clientId' | 'partition'>) {
  return owner.clientId === undefined
    ? { partition: owner.partition }
    : { clientId: owner.clientId, partition: owner.partition };
}

export function transferOf(work: Work, owner: Owner): TransferRow | undefined {
  return work.get(transfers, eventId('transfer', owner.kind, owner.id, owner.attempt));
}

export function wakeTransfer(work: Work, transfer: TransferRow): void {
  work.wake(`transfer:${transfer.transfer_id}`, 'transfer', transfer.transfer_id);
}

/** @throws IllegalMove */
export function moveTransfer(
  work: Work,
  transfer: TransferRow,
  to: TransferState,
  change: Partial<TransferRow> = {},
): TransferRow {
  assertEdge('transfer', transfer.state, to);
  return putTransfer(work, { ...transfer, reason: null, ...change, state: to });
}

export function putTransfer(work: Work, row: TransferRow): TransferRow {
  return work.put(transfers, { ...row, revision: row.revision + 1n, updated_at: work.now });
}

/** Nothing was signed: the funds are free again. */
export function dropTransfer(work: Work, transfer: TransferRow, owner: Owner): void {
  moveTransfer(work, transfer, 'dropped');
  work.post(
    { kind: 'set_aside_undone', id: transfer.transfer_id },
    setAsideUndone(amountOf(transfer), money('ETH', transfer.gas_held)),
    scopeOf(owner),
  );
}

/** Reverted or cancelled at finality: the value never left; the gas is booked by the caller. */
export function valueBack(transfer: TransferRow) {
  return transferUndone(amountOf(transfer));
}

export function amountOf(transfer: TransferRow) {
  return money(transfer.asset as LedgerAsset, transfer.amount);
}

/** After a failed attempt; the next one is a new order and a new transfer. */
export function backToFunds(work: Work, owner: Owner, reason: ReasonCode | null): void {
  move(work, owner, 'awaiting_funds', { reason });
  wakeOwner(work, owner);
}

/**
 * One transfer from chosen to final: prepare, sign, broadcast, watch. Pure; what the chain says comes in as data, and
 * signing is a function that is passed in. A nonce is drawn only when everything else is checked.
 */
import { feeRaised } from '../../ledger/posting.ts';
import {
  type TransferRow,
  type TransferTxRow,
  transferTxs,
  type WalletRow,
  wallets,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { money } from '../../schemas/money.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import type { Next, ProviderFailure } from '../runtime/schedule.ts';
import {
  backToFunds,
  dropTransfer,
  feesOf,
  type GasQuote,
  moveTransfer,
  putTransfer,
  type scopeOf,
} from '../swap/funds.ts';
import { closeOrder, fundedOrder, ORDER_MAX_AGE_MS } from '../swap/order.ts';
import { move, type Owner } from '../swap/owner.ts';
import type { OutPolicy } from '../swap/policy.ts';
import { replacementFees, STUCK_MS } from './fees.ts';
import { type Signer, signChecked } from './sign.ts';

export interface Target {
  readonly to: string;
  readonly asset: LedgerAsset;
  /** minor units */
  readonly amount: bigint;
}

export type TransferCall =
  | { readonly do: 'prepare'; readonly target: Target }
  | { readonly do: 'broadcast'; readonly raw: string; readonly hash: string }
  /** quote: also ask for current prices, because it is stuck or must be cancelled. */
  | {
      readonly do: 'watch';
      readonly hashes: readonly string[];
      readonly latest: { readonly raw: string; readonly hash: string };
      readonly quote: Target | null;
    };

export interface SeenReceipt {
  readonly hash: string;
  readonly block: bigint;
  readonly status: 0 | 1;
  readonly gasUsed: bigint;
  readonly effectiveGasPrice: bigint;
}

export type TransferResult =
  /** latestNonce: transactions that the chain counts for our address in its newest block. */
  | {
      readonly do: 'prepare';
      readonly latestNonce: bigint;
      readonly quote: GasQuote;
      readonly balance: bigint;
    }
  | { readonly do: 'broadcast' }
  | {
      readonly do: 'watch';
      readonly finalized: bigint;
      readonly receipts: readonly SeenReceipt[];
      /** What the node said when the newest bytes were missing and sent again. */
      readonly rebroadcast: ProviderFailure | null;
      readonly quote: GasQuote | null;
    };

/** Everything around one transfer. */
export interface TransferContext {
  readonly transfer: TransferRow;
  /** undefined: a payment that is sent back. */
  readonly owner: Owner | undefined;
  readonly scope: ReturnType<typeof scopeOf>;
  readonly wallet: WalletRow | undefined;
  /** Free gas account, wei. */
  readonly gas: bigint;
  readonly policy: OutPolicy;
  readonly signer: Signer;
}

export type TransferStep = { readonly call: TransferCall } | { readonly next: Next };

/** Our own node is asked often while the transfer is young, then once per block of a slow chain. */
const YOUNG_MS = 60_000;
const YOUNG_POLL_MS = 1_000;
const OLD_POLL_MS = 12_000;

export function pollChain(work: Work, since: Date): Next {
  const age = work.now.getTime() - since.getTime();
  return { pollAt: new Date(work.now.getTime() + (age < YOUNG_MS ? YOUNG_POLL_MS : OLD_POLL_MS)) };
}

export function stepTransfer(work: Work, context: TransferContext): TransferStep {
  const { transfer } = context;
  switch (transfer.state) {
    case 'chosen':
      return stepChosen(work, context);
    case 'signed': {
      const { raw, hash } = latestTx(work, transfer);
      return { call: { do: 'broadcast', raw, hash } };
    }
    case 'broadcast':
      return { call: watchCall(work, context) };
    default:
      return { next: { done: true } };
  }
}

function stepChosen(work: Work, context: TransferContext): TransferStep {
  const { transfer, owner, wallet } = context;
  // On hold: the owner's release wakes it.
  if (owner && owner.state !== 'ordered') return { next: { pollAt: 'soon' } };
  if (owner && isStale(work, transfer)) return giveUp(work, transfer, owner);
  if (wallet?.halted) wait(work, transfer, 'foreign_nonce');
  if (!wallet || wallet.next_nonce === null || wallet.halted) return { next: { pollAt: 'soon' } };
  return { call: { do: 'prepare', target: targetOf(transfer) } };
}

/** It waited so long for gas or a release that the provider may have let its order lapse. */
function isStale(work: Work, transfer: TransferRow): boolean {
  return transfer.kind === 'swap' && work.now.getTime() - transfer.created_at.getTime() > ORDER_MAX_AGE_MS;
}

/** Nothing was signed: the next attempt gets a fresh order. */
function giveUp(work: Work, transfer: TransferRow, owner: Owner): TransferStep {
  dropTransfer(work, transfer, owner);
  const order = fundedOrder(work, owner);
  if (order) closeOrder(work, order);
  backToFunds(work, owner, null);
  return { next: { done: true } };
}

function watchCall(work: Work, context: TransferContext): TransferCall {
  const { transfer, policy } = context;
  const latest = latestTx(work, transfer);
  const hashes = txsOf(work, transfer).map((tx) => tx.hash);
  const isStuck = work.now.getTime() - latest.signed_at.getTime() >= STUCK_MS;
  const mustCancel = transfer.cancel_wanted && latest.kind !== 'cancel';
  const quote = isStuck || mustCancel ? replacementTarget(transfer, policy) : null;
  return { do: 'watch', hashes, latest: { raw: latest.raw, hash: latest.hash }, quote };
}

/** The same recipient and amount again, or nothing to ourselves when it must not go out. */
function replacementTarget(transfer: TransferRow, policy: OutPolicy): Target {
  return transfer.cancel_wanted ? { to: policy.host, asset: 'ETH', amount: 0n } : targetOf(transfer);
}

function targetOf(transfer: TransferRow): Target {
  return { to: transfer.to_address, asset: transfer.asset as LedgerAsset, amount: transfer.amount };
}

export function txsOf(work: Work, transfer: TransferRow): TransferTxRow[] {
  return work
    .all(transferTxs)
    .filter((tx) => tx.transfer_id === transfer.transfer_id)
    .sort((a, b) => (a.max_fee < b.max_fee ? -1 : 1));
}

function latestTx(work: Work, transfer: TransferRow): TransferTxRow {
  return work.must(transferTxs, transfer.hash!);
}

function wait(work: Work, transfer: TransferRow, reason: ReasonCode): Next {
  if (transfer.reason !== reason) putTransfer(work, { ...transfer, reason });
  return { pollAt: 'soon' };
}

// chosen -> signed

export function applyPrepared(
  work: Work,
  context: TransferContext,
  outcome: { readonly ok: TransferResult } | { readonly error: ProviderFailure },
): Next {
  const { transfer, owner, wallet, policy } = context;
  const stillFree = transfer.state === 'chosen' && (!owner || owner.state === 'ordered');
  if (!stillFree || !wallet || wallet.next_nonce === null || wallet.halted) return { pollAt: 'soon' };
  if ('error' in outcome) return prepareFailed(work, context, outcome.error);
  const { ok } = outcome;
  if (ok.do !== 'prepare') return { retry: 'fault: a preparation was expected' };
  if (ok.latestNonce > wallet.next_nonce) {
    halt(work, wallet, `the chain counts ${ok.latestNonce} transactions, we sent ${wallet.next_nonce}`);
    return wait(work, transfer, 'foreign_nonce');
  }
  if (ok.balance < transfer.amount) {
    const detail = `${ok.balance} minor units of ${transfer.asset} on chain, ${transfer.amount} to send`;
    work.discrepancy('wallet_short', `transfer:${transfer.transfer_id}`, detail);
    return wait(work, transfer, 'awaiting_funds');
  }
  const fees = feesOf(ok.quote, policy.gasMax);
  if (!fees) return wait(work, transfer, 'gas_price_high');
  const maxFee = larger(transfer.max_fee, fees.maxFee);
  const plan = {
    kind: 'original',
    target: targetOf(transfer),
    nonce: wallet.next_nonce,
    gasLimit: larger(transfer.gas_limit, ok.quote.gasLimit),
    maxFee,
    priorityFee: fees.priorityFee < maxFee ? fees.priorityFee : maxFee,
    reserve: policy.gasReserve,
  } as const;
  const signed = signNext(work, context, plan);
  if (!signed) return wait(work, transfer, 'gas_low');
  work.put(wallets, { ...wallet, next_nonce: wallet.next_nonce + 1n });
  moveTransfer(work, signed, 'signed');
  return { pollAt: work.now, startOver: true };
}

function prepareFailed(work: Work, context: TransferContext, error: ProviderFailure): Next {
  const { transfer, owner } = context;
  if (error.code === 'insufficient_funds') return wait(work, transfer, 'gas_low');
  if (error.kind !== 'permanent' || !owner) return { retry: `${error.code}: ${error.message}` };
  dropTransfer(work, transfer, owner);
  move(work, owner, 'failed', {
    reason: error.code === 'would_revert' ? 'transfer_reverted' : 'provider_refused',
  });
  return { done: true };
}

/** Somebody else signs with our key: nothing of ours may go out until a person has looked. */
function halt(work: Work, wallet: WalletRow, detail: string, halted = 'foreign_nonce'): void {
  work.put(wallets, { ...wallet, halted });
  work.discrepancy('foreign_nonce', `wallet:${wallet.address}`, detail);
}

/**
 * A node says that another transaction used the nonce of this transfer. Nothing new goes out meanwhile; but a node that is
 * behind says so of our own, too, and then its receipt will tell.
 */
function doubt(work: Work, { transfer, wallet }: TransferContext, detail: string): void {
  if (wallet && wallet.halted === null) halt(work, wallet, detail, doubtAbout(transfer));
}

function doubtAbout(transfer: TransferRow): string {
  return `nonce_in_doubt:${transfer.transfer_id}`;
}

/** It was our own that used the nonce: what was halted for this doubt alone goes on. */
export function settleDoubt(work: Work, { transfer, wallet }: TransferContext): void {
  if (wallet?.halted === doubtAbout(transfer)) work.put(wallets, { ...wallet, halted: null });
}

interface TxPlan {
  readonly kind: 'original' | 'replacement' | 'cancel';
  readonly target: Target;
  readonly nonce: bigint;
  readonly gasLimit: bigint;
  readonly maxFee: bigint;
  readonly priorityFee: bigint;
  /** wei that must stay in the gas account. */
  readonly reserve: bigint;
}

/** Signs, and keeps the bytes with what they can cost at most. @returns undefined when the gas account is too low */
function signNext(work: Work, context: TransferContext, plan: TxPlan): TransferRow | undefined {
  const { transfer, policy, signer, gas, scope } = context;
  const { nonce, gasLimit, maxFee, priorityFee, target } = plan;
  const held = larger(transfer.gas_held, gasLimit * maxFee);
  const raised = held - transfer.gas_held;
  if (raised > 0n && gas - raised < plan.reserve) return undefined;
  const { chainId, host } = policy;
  const request = { chainId, from: host, nonce, ...target, gasLimit, maxFee, priorityFee };
  const { raw, hash } = signChecked(signer, request);
  work.put(transferTxs, {
    hash,
    transfer_id: transfer.transfer_id,
    nonce,
    kind: plan.kind,
    raw,
    max_fee: maxFee,
    priority_fee: priorityFee,
    signed_at: work.now,
  });
  if (raised > 0n) work.post({ kind: 'fee_raised', id: hash }, feeRaised(money('ETH', raised)), scope);
  const limits = plan.kind === 'cancel' ? {} : { gas_limit: gasLimit };
  const fees = { max_fee: maxFee, priority_fee: priorityFee, gas_held: held };
  return putTransfer(work, { ...transfer, ...limits, ...fees, nonce, hash, reason: null });
}

// signed -> broadcast

export function applyBroadcast(
  work: Work,
  context: TransferContext,
  outcome: { readonly ok: TransferResult } | { readonly error: ProviderFailure },
): Next {
  const { transfer } = context;
  if (transfer.state !== 'signed') return { pollAt: work.now };
  const error = 'error' in outcome ? outcome.error : undefined;
  if (error?.kind === 'transient') return { retry: `${error.code}: ${error.message}` };
  if (error?.kind === 'permanent') {
    if (error.code === 'nonce_used') doubt(work, context, error.message);
    else if (error.code === 'insufficient_funds') return wait(work, transfer, 'gas_low');
    else if (!/underpriced/.test(error.code)) {
      work.discrepancy('broadcast_refused', `transfer:${transfer.transfer_id}`, error.message);
      return { park: `${error.code}: ${error.message}` };
    }
  }
  // An unknown outcome may be out there: from here on the hash is watched, and the same bytes sent when missing.
  moveTransfer(work, transfer, 'broadcast');
  return pollChain(work, work.now);
}

// stuck or to be cancelled

/** Nothing is mined: the same nonce again with more fee, once it is time. */
export function applyUnmined(
  work: Work,
  context: TransferContext,
  seen: Extract<TransferResult, { do: 'watch' }>,
): Next {
  const { transfer, policy } = context;
  const latest = latestTx(work, transfer);
  if (seen.rebroadcast?.code === 'nonce_used') {
    doubt(work, context, `nonce ${latest.nonce} of transfer ${transfer.transfer_id} was used by another`);
  }
  if (!seen.quote) return pollChain(work, latest.signed_at);
  const fees = replacementFees(latest, seen.quote, policy.gasMax);
  if (!fees) {
    wait(work, transfer, 'gas_price_high');
    return pollChain(work, latest.signed_at);
  }
  const { cancel_wanted } = transfer;
  const plan = {
    kind: cancel_wanted ? ('cancel' as const) : ('replacement' as const),
    target: replacementTarget(transfer, policy),
    nonce: transfer.nonce!,
    gasLimit: cancel_wanted ? seen.quote.gasLimit : transfer.gas_limit,
    ...fees,
    // The reserve is there to get a stuck nonce moving.
    reserve: 0n,
  };
  if (signNext(work, context, plan)) return { pollAt: work.now };
  wait(work, transfer, 'gas_low');
  return pollChain(work, latest.signed_at);
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

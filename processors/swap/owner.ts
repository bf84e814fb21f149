/**
 * What payouts and conversions have in common: an amount of a held asset that goes out, and where it goes. The steps
 * of swaps and transfers work on this view, so that both kinds follow one set of rules.
 */
import {
  type ConversionRow,
  clientAccounts,
  conversions,
  type PayoutRow,
  payoutBatches,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { ASSETS, heldAssetOf, type LedgerAsset } from '../../schemas/assets.ts';
import type { Destination } from '../../schemas/events.ts';
import { type Money, money } from '../../schemas/money.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { emitPayout } from '../accumulate/payout-event.ts';
import { emitConversion } from './conversion-event.ts';
import { assertEdge, type PayoutState } from './graph.ts';

export type OwnerKind = 'payout' | 'conversion';

export interface Owner {
  readonly kind: OwnerKind;
  readonly id: string;
  readonly state: PayoutState;
  readonly reason: string | null;
  /** What the next attempt sends. */
  readonly amount: Money;
  readonly attempt: number;
  readonly createdAt: Date;
  readonly clientId: bigint | undefined;
  /** Of the partitioned accounts in its postings. */
  readonly partition: number;
  readonly to: Destination;
  /** No swap: the client takes what we hold. */
  readonly direct: boolean;
}

/** Conversions are of no client; their postings of partitioned accounts are kept here and summed when read. */
export const TREASURY_PARTITION = 0;

/** The row of a loaded payout. @throws Error when it was not loaded */
export function payoutOf(work: Work, id: string): PayoutRow {
  const row = work.all(payoutBatches).find((one) => one.payout_id === id);
  if (!row) throw new Error(`payout ${id} was not loaded`);
  return row;
}

/** @param host address of our wallet, where conversions are paid to @throws Error when it was not loaded */
export function ownerOf(work: Work, kind: OwnerKind, id: string, host: string): Owner {
  return kind === 'payout'
    ? fromPayout(work, payoutOf(work, id))
    : fromConversion(work.must(conversions, id), host);
}

function fromPayout(work: Work, row: PayoutRow): Owner {
  const asset = row.asset as LedgerAsset;
  const { currency, network, address, memo } = row;
  return {
    kind: 'payout',
    id: row.payout_id,
    state: row.state as PayoutState,
    reason: row.reason,
    amount: money(asset, row.amount),
    attempt: row.attempt,
    createdAt: row.created_at,
    clientId: row.client_id,
    partition: work.must(clientAccounts, row.client_id, asset).partition,
    to: { currency, network, address, memo },
    direct: heldAssetOf(currency, network) === asset,
  };
}

function fromConversion(row: ConversionRow, host: string): Owner {
  const { ticker: currency, network } = ASSETS.USDT;
  return {
    kind: 'conversion',
    id: row.conversion_id,
    state: row.state as PayoutState,
    reason: row.reason,
    amount: money('ETH', row.eth_open),
    attempt: row.attempt,
    createdAt: row.created_at,
    clientId: undefined,
    partition: TREASURY_PARTITION,
    to: { currency, network, address: host, memo: null },
    direct: false,
  };
}

export interface Change {
  readonly reason?: ReasonCode | null;
  readonly parked?: boolean;
  readonly attempt?: number;
  readonly held_state?: string | null;
}

/**
 * Moves along one edge of the graph, with its event. Reason and parked are cleared unless the change names them.
 * @throws IllegalMove
 */
export function move(
  work: Work,
  owner: Pick<Owner, 'kind' | 'id'>,
  to: PayoutState,
  change: Change & Partial<PayoutRow> & Partial<ConversionRow> = {},
): void {
  const cleared = { reason: null, parked: false, ...change };
  if (owner.kind === 'payout') {
    const row = payoutOf(work, owner.id);
    assertEdge('payout', row.state, to);
    putPayout(work, { ...row, ...cleared, state: to });
  } else {
    const row = work.must(conversions, owner.id);
    assertEdge('conversion', row.state, to);
    putConversion(work, { ...row, ...cleared, state: to });
  }
}

/** Says why it waits, in the state that it is in; an event only when that is news. */
export function explain(
  work: Work,
  owner: Pick<Owner, 'kind' | 'id'>,
  reason: ReasonCode | null,
  parked = false,
): void {
  if (owner.kind === 'payout') {
    const row = payoutOf(work, owner.id);
    if (row.reason !== reason || row.parked !== parked) putPayout(work, { ...row, reason, parked });
  } else {
    const row = work.must(conversions, owner.id);
    if (row.reason !== reason || row.parked !== parked) putConversion(work, { ...row, reason, parked });
  }
}

/** Whether its intent is parked, as downstream sees it; the reason it had before stays. */
export function markParked(work: Work, owner: Pick<Owner, 'kind' | 'id'>, parked: boolean): void {
  const row = owner.kind === 'payout' ? payoutOf(work, owner.id) : work.must(conversions, owner.id);
  if (row.parked === parked) return;
  const reason = parked ? ((row.reason as ReasonCode | null) ?? 'provider_unavailable') : row.reason;
  explain(work, owner, reason as ReasonCode | null, parked);
}

/** Every change of a payout: next revision, event. */
export function putPayout(work: Work, row: PayoutRow): PayoutRow {
  const next = work.put(payoutBatches, { ...row, revision: row.revision + 1n, updated_at: work.now });
  emitPayout(work, next);
  return next;
}

export function putConversion(work: Work, row: ConversionRow): ConversionRow {
  const next = work.put(conversions, { ...row, revision: row.revision + 1n, updated_at: work.now });
  emitConversion(work, next);
  return next;
}

/** Makes the owner's own intent look again. */
export function wakeOwner(work: Work, owner: Pick<Owner, 'kind' | 'id'>): void {
  work.wake(`${owner.kind}:${owner.id}`, owner.kind, owner.id);
}

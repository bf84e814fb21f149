/**
 * When a client's free balance becomes a payout, and the payout that takes it. The same rule serves every credit, the
 * sweep and operators, so that detection is exact wherever it runs.
 */

import { takeRange } from '../../ledger/entries.ts';
import { payoutCreated } from '../../ledger/posting.ts';
import {
  type ClientAccountRow,
  type ClientRow,
  clientAccounts,
  clients,
  type PairLimitRow,
  type PayoutRow,
  pairLimits,
  payoutBatches,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { ASSETS, heldAssetOf, type LedgerAsset } from '../../schemas/assets.ts';
import { eventId } from '../../schemas/event-id.ts';
import { formatMoney, formatUnits, money, parseUnits, Rate } from '../../schemas/money.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { emitPayout } from './payout-event.ts';

export type Due = { readonly due: true } | { readonly due: false; readonly reason: ReasonCode };

const DUE: Due = { due: true };

function not(reason: ReasonCode): Due {
  return { due: false, reason };
}

/**
 * Whether everything that is free in this account goes out now (flow.md, strategy).
 * threshold: the USDT total reached the client's threshold, or the longest wait is over; instant, and what a strategy
 * before left behind: as soon as the provider's minimum is reached.
 */
export function dueNow(
  client: ClientRow,
  account: ClientAccountRow,
  limit: PairLimitRow | undefined,
  now: Date,
): Due {
  if (account.available <= 0n || account.debt > 0n)
    return not(account.debt > 0n ? 'client_debt' : 'below_threshold');
  const minimum = minimumOf(client, account.asset as LedgerAsset, limit);
  if (minimum !== undefined && account.available < minimum) return not('below_minimum');
  if (client.payout_strategy === 'threshold' && account.asset === 'USDT') {
    const threshold = parseUnits(client.payout_threshold_usd!, ASSETS.USDT.decimals);
    if (account.available >= threshold) return DUE;
    if (!waitedLongEnough(client, account, now)) return not('below_threshold');
  }
  return minimum === undefined ? not('minimum_unknown') : DUE;
}

/** Minor units; undefined while the provider has not been asked. A direct transfer has no minimum. */
export function minimumOf(
  client: ClientRow,
  asset: LedgerAsset,
  limit: PairLimitRow | undefined,
): bigint | undefined {
  if (heldAssetOf(client.payout_currency, client.payout_network) === asset) return 0n;
  return limit?.min_amount;
}

function waitedLongEnough(client: ClientRow, account: ClientAccountRow, now: Date): boolean {
  if (client.max_wait_ms === null || account.waiting_since === null) return false;
  return BigInt(now.getTime() - account.waiting_since.getTime()) >= client.max_wait_ms;
}

/** Pays out everything free in the account if it is due. */
export function payoutIfDue(
  work: Work,
  clientId: bigint,
  asset: LedgerAsset,
  usdtPerEth: string | undefined,
): PayoutRow | undefined {
  const client = work.must(clients, clientId);
  const account = work.must(clientAccounts, clientId, asset);
  const limit = work.get(pairLimits, asset, client.payout_currency, client.payout_network);
  if (!dueNow(client, account, limit, work.now).due) return undefined;
  return createPayout(work, client, account, usdtPerEth);
}

function createPayout(
  work: Work,
  client: ClientRow,
  account: ClientAccountRow,
  usdtPerEth: string | undefined,
): PayoutRow {
  const taken = takeRange(account);
  work.put(clientAccounts, taken.account);
  const { range } = taken;
  const payoutId = eventId('payout', client.client_id, account.asset, range.to_seq);
  const row = work.put(payoutBatches, {
    client_id: client.client_id,
    payout_id: payoutId,
    asset: account.asset,
    amount: range.amount.minor,
    from_seq: range.from_seq,
    to_seq: range.to_seq,
    payment_count: range.payment_count,
    strategy: client.payout_strategy,
    state: 'requested',
    held_state: null,
    funds_seen: false,
    currency: client.payout_currency,
    network: client.payout_network,
    address: client.wallet_address,
    memo: client.wallet_memo,
    usd_value: usdValue(account.asset as LedgerAsset, range.amount.minor, usdtPerEth),
    approved_revision: null,
    reason: null,
    parked: false,
    attempt: 0,
    returned_seq: null,
    received: null,
    payout_hash: null,
    revision: 1n,
    created_at: work.now,
    updated_at: work.now,
    completed_at: null,
  });
  const cause = { kind: 'payout_created', id: payoutId };
  work.post(cause, payoutCreated(range.amount), { clientId: client.client_id, partition: account.partition });
  emitPayout(work, row);
  work.wake(`payout:${payoutId}`, 'payout', payoutId);
  work.wake('treasury', 'treasury', 'treasury');
  return row;
}

/** US dollars with two decimals, floored; 1 USDT = 1 USD for limits. null: an ETH amount without a usable rate. */
export function usdValue(asset: LedgerAsset, minor: bigint, usdtPerEth: string | undefined): string | null {
  if (asset === 'USDT') return new Rate(formatUnits(minor / 10_000n, 2)).toFixed(2);
  if (usdtPerEth === undefined) return null;
  return new Rate(formatMoney(money(asset, minor))).times(new Rate(usdtPerEth)).toDecimalPlaces(2).toFixed(2);
}

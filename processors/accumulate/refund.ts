/** The provider took a payment back: the credit is undone as far as it is still there, the rest becomes a debt. */

import { type RefundedFrom, refundHeld, refundLocked, refundUnvalued } from '../../ledger/posting.ts';
import {
  type CreditRow,
  clientAccounts,
  type PaymentStatusRow,
  type PayoutRow,
  paymentStatus,
  payoutAccumulation,
  payoutBatches,
  transfers,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { type Money, money, negate } from '../../schemas/money.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { emitPayout } from './payout-event.ts';

/** States of a payout in which nothing signed can move money yet, if its transfer is not signed. */
const UNSIGNED = new Set(['requested', 'awaiting_approval', 'awaiting_funds', 'ordered']);

/**
 * Undoes everything booked for the payment and closes it. Needs loaded: the client's accounts, the payment's legs, the
 * client's open payouts and their transfers.
 * @param from where the coins are: wallet:incoming while the receipt is not confirmed, wallet:sending after we sent them
 *   back ourselves
 */
export function refundPayment(work: Work, row: PaymentStatusRow, from: RefundedFrom): void {
  const cause = { kind: 'refund', id: `${row.client_id}:${row.provider}:${row.payment_id}` };
  const legs = legsOf(work, row);
  const open = row.incoming - legs.reduce((sum, leg) => sum + leg.received, 0n);
  if (row.state === 'unvalued' && open > 0n) {
    const received = money(row.received_asset as LedgerAsset, open);
    const account = work.must(clientAccounts, row.client_id, received.asset);
    work.put(clientAccounts, { ...account, unvalued: account.unvalued - received.minor });
    work.post(cause, refundUnvalued(received, from), { clientId: row.client_id, partition: row.partition });
  }
  if (legs.length > 0) {
    for (const leg of legs) refundLeg(work, row, leg, from, `${cause.id}:${leg.leg}`);
    holdUnsignedPayouts(work, row.client_id, 'client_debt');
  }
  work.put(paymentStatus, {
    ...row,
    status: 'refunded',
    state: 'closed',
    incoming: 0n,
    confirmed: 0n,
    receipt_due_at: null,
    unvalued_offset: null,
    updated_at: work.now,
  });
}

function legsOf(work: Work, row: PaymentStatusRow): CreditRow[] {
  return work
    .all(payoutAccumulation)
    .filter(
      (leg) =>
        leg.client_id === row.client_id && leg.provider === row.provider && leg.payment_id === row.payment_id,
    );
}

function refundLeg(
  work: Work,
  row: PaymentStatusRow,
  leg: CreditRow,
  from: RefundedFrom,
  causeId: string,
): void {
  const asset = leg.asset as LedgerAsset;
  const account = work.must(clientAccounts, row.client_id, asset);
  const taken = account.available < leg.net ? account.available : leg.net;
  const owed = money(asset, leg.net - taken);
  const cause = { kind: 'refund', id: causeId };
  const entries = taken > 0n ? [work.entry('refund', row.client_id, negate(money(asset, taken)), cause)] : [];
  const after = work.must(clientAccounts, row.client_id, asset);
  work.put(clientAccounts, { ...after, debt: after.debt + owed.minor });
  const net = money(asset, leg.net);
  const fee = money(asset, leg.fee);
  const transfersOfLeg =
    leg.received_asset === asset
      ? refundHeld(net, fee, owed, from)
      : refundLocked(
          money('ETH', leg.received),
          net as Money<'USDT'>,
          fee as Money<'USDT'>,
          owed as Money<'USDT'>,
          from,
        );
  work.post(cause, transfersOfLeg, { clientId: row.client_id, partition: row.partition, entries });
}

/** Stops what can still be stopped; a person decides. */
export function holdUnsignedPayouts(work: Work, clientId: bigint, reason: ReasonCode): PayoutRow[] {
  const held: PayoutRow[] = [];
  for (const payout of work.all(payoutBatches)) {
    if (payout.client_id !== clientId || !UNSIGNED.has(payout.state) || isSigned(work, payout)) continue;
    const row = work.put(payoutBatches, {
      ...payout,
      state: 'on_hold',
      held_state: payout.state,
      reason,
      revision: payout.revision + 1n,
      updated_at: work.now,
    });
    emitPayout(work, row);
    held.push(row);
  }
  return held;
}

function isSigned(work: Work, payout: PayoutRow): boolean {
  return work
    .all(transfers)
    .some(
      (transfer) =>
        transfer.owner_kind === 'payout' &&
        transfer.owner_id === payout.payout_id &&
        transfer.attempt === payout.attempt &&
        transfer.state !== 'chosen' &&
        transfer.state !== 'dropped',
    );
}

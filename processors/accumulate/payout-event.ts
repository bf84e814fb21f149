/** The payout as downstream consumers see it, after each step. */

import {
  type PayoutRow,
  type SwapOrderRow,
  swapOrders,
  type TransferRow,
  transfers,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { eventId } from '../../schemas/event-id.ts';
import type { SwapView, TransferView } from '../../schemas/events.ts';
import { money } from '../../schemas/money.ts';
import { TOPIC } from '../../schemas/topology.ts';

/** Publishes the row as it stands; its revision makes the event id. */
export function emitPayout(work: Work, row: PayoutRow): void {
  const transfer =
    row.attempt === 0
      ? undefined
      : work.get(transfers, eventId('transfer', 'payout', row.payout_id, row.attempt));
  work.emit(TOPIC.payouts, String(row.client_id), `payout.${row.state}`, {
    event_id: eventId('payouts', row.payout_id, row.revision),
    occurred_at: work.now,
    created_at: row.created_at,
    payout_id: row.payout_id,
    client_id: String(row.client_id),
    strategy: row.strategy,
    status: row.state,
    reason: row.reason,
    parked: row.parked,
    amount: money(row.asset as LedgerAsset, row.amount),
    payment_count: row.payment_count,
    from_seq: row.from_seq,
    to_seq: row.to_seq,
    destination: { currency: row.currency, network: row.network, address: row.address, memo: row.memo },
    swap: swapView(work.get(swapOrders, 'payout', row.payout_id, row.attempt)),
    transfer: transferView(transfer),
    attempt: row.attempt,
    revision: row.revision,
  });
}

/** null until the provider gave the order an id. */
export function swapView(order: SwapOrderRow | undefined): SwapView | null {
  if (!order || order.provider_id === null) return null;
  return {
    provider: order.provider,
    id: order.provider_id,
    expected: order.expected,
    received: order.received,
    payout_hash: order.payout_hash,
  };
}

/** null until something was signed. */
export function transferView(transfer: TransferRow | undefined): TransferView | null {
  if (!transfer || transfer.hash === null || transfer.nonce === null) return null;
  return {
    hash: transfer.hash,
    nonce: transfer.nonce,
    to: transfer.to_address,
    amount: money(transfer.asset as LedgerAsset, transfer.amount),
    block: transfer.block,
  };
}

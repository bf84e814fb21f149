/** The conversion as downstream consumers see it, after each step. */
import { type ConversionRow, swapOrders, transfers } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { eventId } from '../../schemas/event-id.ts';
import { money } from '../../schemas/money.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { swapView, transferView } from '../accumulate/payout-event.ts';

/** Publishes the row as it stands; its revision makes the event id. */
export function emitConversion(work: Work, row: ConversionRow): void {
  const id = row.conversion_id;
  const transfer = work.get(transfers, eventId('transfer', 'conversion', id, row.attempt));
  work.emit(TOPIC.conversions, id, `conversion.${row.state}`, {
    event_id: eventId('conversions', id, row.revision),
    occurred_at: work.now,
    created_at: row.created_at,
    conversion_id: id,
    status: row.state,
    reason: row.reason,
    parked: row.parked,
    amount: money('ETH', row.eth),
    expected: money('USDT', row.usdt_expected),
    received: row.usdt_received === null ? null : money('USDT', row.usdt_received),
    swap: swapView(work.get(swapOrders, 'conversion', id, row.attempt)),
    transfer: transferView(transfer),
    attempt: row.attempt,
    revision: row.revision,
  });
}

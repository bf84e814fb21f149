/** A transfer is over: one of its hashes is in a finalized block. Value and gas are booked by what that one did. */
import { gasSpent, transferFinal } from '../../ledger/posting.ts';
import { paymentStatus, type TransferRow, type TransferTxRow } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { formatMoney, money } from '../../schemas/money.ts';
import { refundPayment } from '../accumulate/refund.ts';
import { amountOf, backToFunds, moveTransfer, valueBack } from '../swap/funds.ts';
import { closeOrder, fundedOrder } from '../swap/order.ts';
import { ATTEMPTS_MAX, completePayout } from '../swap/outcome.ts';
import { move, type Owner, ownerOf, wakeOwner } from '../swap/owner.ts';
import { type SeenReceipt, settleDoubt, type TransferContext } from './transition.ts';

/** @param tx the one among its hashes that is final; every other one with that nonce can never be mined any more */
export function finishTransfer(
  work: Work,
  context: TransferContext,
  tx: TransferTxRow,
  receipt: SeenReceipt,
): void {
  const { transfer } = context;
  settleDoubt(work, context);
  const spent = money('ETH', receipt.gasUsed * receipt.effectiveGasPrice);
  const gasLines = gasSpent(spent, money('ETH', transfer.gas_held));
  const facts = { hash: tx.hash, block: receipt.block, gas_spent: spent.minor };
  const isOut = tx.kind !== 'cancel' && receipt.status === 1;
  const id = transfer.transfer_id;
  if (isOut) {
    const swapLines = transfer.kind === 'swap' ? transferFinal('swap', amountOf(transfer)) : [];
    work.post({ kind: 'transfer_final', id }, [...swapLines, ...gasLines], context.scope);
    paid(work, context, moveTransfer(work, transfer, 'final', facts));
  } else {
    work.post({ kind: 'transfer_undone', id }, [...valueBack(transfer), ...gasLines], context.scope);
    const state = tx.kind === 'cancel' ? 'cancelled' : 'reverted';
    if (context.owner) undone(work, context.owner, moveTransfer(work, transfer, state, facts));
    else moveTransfer(work, transfer, state, facts);
  }
}

function paid(work: Work, { owner }: TransferContext, transfer: TransferRow): void {
  if (transfer.kind === 'swap') {
    move(work, owner!, 'funded');
    wakeOwner(work, owner!);
  } else if (transfer.kind === 'direct') {
    const value = amountOf(transfer);
    completePayout(work, owner!, transferFinal('direct', value), formatMoney(value), transfer.hash!);
  } else {
    // Our own transfer moved the coins of a payment that the provider had called refunded.
    const row = work.must(paymentStatus, ...transfer.owner_id.split('|'));
    refundPayment(work, row, 'wallet:sending');
  }
}

/** The next attempt is a new order and a new transfer; who keeps failing, or was cancelled, waits for a person. */
function undone(work: Work, owner: Owner, transfer: TransferRow): void {
  const order = fundedOrder(work, owner);
  if (order) closeOrder(work, order);
  if (transfer.state === 'cancelled') {
    move(work, owner, 'awaiting_funds');
    move(work, owner, 'on_hold', { held_state: 'awaiting_funds', reason: 'operator' });
  } else if (transfer.attempt >= ATTEMPTS_MAX) {
    move(work, owner, 'failed', { reason: 'transfer_reverted' });
  } else {
    backToFunds(work, ownerOf(work, owner.kind, owner.id, owner.to.address), 'transfer_reverted');
  }
}

/**
 * Entries and ranges (money.md): every change of a free balance other than a payout's own is an entry with the next
 * number of its (client, asset); a payout takes all numbers up to the last one, for ever. Pure functions on a row.
 */
import type { LedgerAsset } from '../schemas/assets.ts';
import { type Money, money } from '../schemas/money.ts';
import type { ClientAccountRow } from './tables.ts';

export type EntryKind = 'payment' | 'returned' | 'converted' | 'refund' | 'recovery' | 'dust' | 'adjustment';

export function availableOf(account: ClientAccountRow): Money {
  return money(account.asset as LedgerAsset, account.available);
}

/** An account as it is created with its client. */
export function emptyAccount(clientId: bigint, asset: LedgerAsset, partition: number): ClientAccountRow {
  return {
    client_id: clientId,
    asset,
    available: 0n,
    reserved: 0n,
    unvalued: 0n,
    debt: 0n,
    last_seq: 0n,
    paid_seq: 0n,
    open_payments: 0,
    waiting_since: null,
    partition,
  };
}

/**
 * Appends one entry.
 * @param amount signed change of the free balance in the account's asset
 * @throws RangeError when the balance would go below zero: the caller has to split off a debt first
 */
export function appendEntry(
  account: ClientAccountRow,
  kind: EntryKind,
  amount: bigint,
  at: Date,
): ClientAccountRow {
  const available = account.available + amount;
  if (available < 0n)
    throw new RangeError(
      `${account.client_id} ${account.asset}: ${account.available} + ${amount} is below 0`,
    );
  return {
    ...account,
    available,
    last_seq: account.last_seq + 1n,
    open_payments: account.open_payments + (kind === 'payment' ? 1 : 0),
    waiting_since: available === 0n ? null : (account.waiting_since ?? at),
  };
}

export interface Range {
  readonly from_seq: bigint;
  readonly to_seq: bigint;
  readonly amount: Money;
  readonly payment_count: number;
}

/** All open entries become one payout: the range (paid_seq, last_seq], the amount their sum, which is the free balance. */
export function takeRange(account: ClientAccountRow): { account: ClientAccountRow; range: Range } {
  if (account.available <= 0n || account.last_seq === account.paid_seq) {
    throw new RangeError(`${account.client_id} ${account.asset}: nothing to pay out`);
  }
  return {
    range: {
      from_seq: account.paid_seq,
      to_seq: account.last_seq,
      amount: availableOf(account),
      payment_count: account.open_payments,
    },
    account: {
      ...account,
      available: 0n,
      reserved: account.reserved + account.available,
      paid_seq: account.last_seq,
      open_payments: 0,
      waiting_since: null,
    },
  };
}

/** A payout is over: its amount leaves reserved. */
export function settleReserved(account: ClientAccountRow, amount: bigint): ClientAccountRow {
  if (account.reserved < amount)
    throw new RangeError(`${account.client_id} ${account.asset}: reserved ${account.reserved} < ${amount}`);
  return { ...account, reserved: account.reserved - amount };
}

/** The platform's own money: opening balance, top-ups and withdrawals, and the fee schedule. */
import { setTimeout as pause } from 'node:timers/promises';
import { capitalIn, capitalOut } from '../../ledger/posting.ts';
import { putFee } from '../../ledger/sql/put-fee.ts';
import { load, write } from '../../ledger/store.ts';
import { chainDeposits } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { Money } from '../../schemas/money.ts';
import { formatMoney } from '../../schemas/money.ts';
import type { ApiDeps } from './clients.ts';
import { InputError } from './input-error.ts';

export interface CapitalMove {
  readonly account: 'wallet:gas' | 'wallet:host';
  readonly amount: Money;
  /** The transaction that brought it; without one the reference makes the act unique. */
  readonly tx: string | null;
  readonly reference: string;
}

const SCAN_WAIT_MS = 60_000;

/**
 * Books a top-up. With a transaction it waits until that is final and scanned, and compares the amount.
 * @throws InputError when the transaction brought something else, is used already, or is not seen in a minute
 */
export async function depositCapital(deps: ApiDeps, move: CapitalMove): Promise<void> {
  checkAccount(move);
  const until = performance.now() + SCAN_WAIT_MS;
  while (!(await bookDeposit(deps, move))) {
    if (performance.now() > until)
      throw new InputError(
        'tx',
        move.tx ?? '',
        'not seen in a finalized block yet; is the role `payout` running?',
      );
    await pause(250);
  }
}

/** @returns whether it was booked; false: the transaction is not scanned yet */
async function bookDeposit(deps: ApiDeps, move: CapitalMove): Promise<boolean> {
  return deps.db.transaction(async (tx) => {
    const work = new Work(deps.now());
    if (move.tx !== null) {
      const found = await load(
        tx,
        work,
        chainDeposits,
        'WHERE r.hash = $1::text ORDER BY r.log_index FOR UPDATE',
        [move.tx],
      );
      const deposit = found.find((row) => row.asset === move.amount.asset);
      if (!deposit) return false;
      if (deposit.used_for !== null)
        throw new InputError('tx', move.tx, `already booked as ${deposit.used_for}`);
      if (deposit.amount !== move.amount.minor) {
        throw new InputError(
          'amount',
          formatMoney(move.amount),
          `the transaction brought ${formatMoney({ ...move.amount, minor: deposit.amount })}`,
        );
      }
      work.put(chainDeposits, { ...deposit, used_for: 'capital', used_id: move.reference });
    }
    const cause = { kind: 'capital_in', id: move.tx ?? move.reference };
    work.post(cause, capitalIn(move.account, move.amount), { partition: 0 });
    await write(tx, work, deps.codec);
    return true;
  });
}

/** Books a withdrawal that was made outside. @throws when the account does not hold that much (the ledger refuses) */
export async function withdrawCapital(deps: ApiDeps, move: CapitalMove): Promise<void> {
  checkAccount(move);
  await deps.db.transaction(async (tx) => {
    const work = new Work(deps.now());
    work.post({ kind: 'capital_out', id: move.tx ?? move.reference }, capitalOut(move.account, move.amount), {
      partition: 0,
    });
    await write(tx, work, deps.codec);
  });
}

function checkAccount({ account, amount }: CapitalMove): void {
  if (amount.minor <= 0n) throw new InputError('amount', formatMoney(amount), 'give an amount above 0');
  if (account === 'wallet:gas' && amount.asset !== 'ETH')
    throw new InputError('asset', amount.asset, 'gas is paid in ETH');
}

/** The fee from a time on; earlier payments keep theirs. @throws InputError outside 0 to 2,000 basis points */
export async function setFee(deps: ApiDeps, bps: number, validFrom: Date): Promise<void> {
  if (!Number.isInteger(bps) || bps < 0 || bps > 2_000)
    throw new InputError('fee', String(bps), 'give 0 to 2000 basis points');
  await putFee(deps.db, bps, validFrom);
}

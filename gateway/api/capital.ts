/** The platform's own money: opening balance, top-ups and withdrawals, and the fee schedule. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Db } from '../../ledger/db.ts';
import { sqlState } from '../../ledger/db-errors.ts';
import { capitalIn, capitalOut } from '../../ledger/posting.ts';
import { putFee } from '../../ledger/sql/put-fee.ts';
import { load, write } from '../../ledger/store.ts';
import { type ChainDepositRow, chainDeposits } from '../../ledger/tables.ts';
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
const UNIQUE_VIOLATION = '23505';
const CHECK_VIOLATION = '23514';

/**
 * Books a top-up. With a transaction it waits until that is final and scanned, and compares the amount.
 * @throws InputError when the transaction brought something else, is used already, or is not seen in a minute
 */
export async function depositCapital(deps: ApiDeps, move: CapitalMove, waitMs = SCAN_WAIT_MS): Promise<void> {
  checkMove(move);
  const until = performance.now() + waitMs;
  while (!(await inWords(move, () => bookDeposit(deps, move)))) {
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
    let id = move.reference;
    if (move.tx !== null) {
      const deposit = await depositOf(tx, work, move, move.tx);
      if (!deposit) return false;
      work.put(chainDeposits, { ...deposit, used_for: 'capital', used_id: move.reference });
      id = `${deposit.hash}:${deposit.log_index}`;
    }
    work.post({ kind: 'capital_in', id }, capitalIn(move.account, move.amount), { partition: 0 });
    await write(tx, work, deps.codec);
    return true;
  });
}

/** What the transaction brought of that asset and nobody has booked. @returns undefined: not scanned yet */
async function depositOf(
  tx: Db,
  work: Work,
  { amount }: CapitalMove,
  hash: string,
): Promise<ChainDepositRow | undefined> {
  const found = await load(
    tx,
    work,
    chainDeposits,
    'WHERE r.hash = $1::text ORDER BY r.log_index FOR UPDATE',
    [hash.toLowerCase()],
  );
  const ofAsset = found.filter((row) => row.asset === amount.asset);
  // One transaction may carry several transfers: the one that fits, if there is one.
  const unused = ofAsset.filter((row) => row.used_for === null);
  const deposit = unused.find((row) => row.amount === amount.minor) ?? unused[0];
  if (!deposit) {
    if (ofAsset[0]) throw new InputError('tx', hash, `already booked as ${ofAsset[0].used_for}`);
    return undefined;
  }
  if (deposit.amount === amount.minor) return deposit;
  const brought = formatMoney({ ...amount, minor: deposit.amount });
  throw new InputError('amount', formatMoney(amount), `the transaction brought ${brought}`);
}

/** What the ledger refuses, in words. @throws InputError, or the error as it was */
async function inWords<T>(move: CapitalMove, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const state = sqlState(error);
    if (state === UNIQUE_VIOLATION)
      throw new InputError('reference', move.tx ?? move.reference, 'it is booked already; give another');
    if (state === CHECK_VIOLATION)
      throw new InputError('amount', formatMoney(move.amount), `${move.account} does not hold that much`);
    throw error;
  }
}

/** Books a withdrawal that was made outside. @throws InputError when the account does not hold that much, or it is booked */
export async function withdrawCapital(deps: ApiDeps, move: CapitalMove): Promise<void> {
  checkMove(move);
  const cause = { kind: 'capital_out', id: move.tx?.toLowerCase() ?? move.reference };
  await inWords(move, () =>
    deps.db.transaction(async (tx) => {
      const work = new Work(deps.now());
      work.post(cause, capitalOut(move.account, move.amount), { partition: 0 });
      await write(tx, work, deps.codec);
    }),
  );
}

function checkMove({ account, amount, tx, reference }: CapitalMove): void {
  if (tx !== null && !/^0x[0-9a-f]{64}$/i.test(tx))
    throw new InputError('tx', tx, 'give the hash of the transaction, 0x and 64 hex digits');
  if (!/^[\x20-\x7e]{1,200}$/.test(reference))
    throw new InputError('reference', reference, 'give 1 to 200 printable characters');
  if (amount.minor <= 0n) throw new InputError('amount', formatMoney(amount), 'give an amount above 0');
  if (account === 'wallet:gas' && amount.asset !== 'ETH')
    throw new InputError('asset', amount.asset, 'gas is paid in ETH');
}

/** The fee from a time on; earlier payments keep theirs. @throws InputError outside 0 to 2,000 basis points */
export async function setFee(deps: ApiDeps, bps: number, validFrom: Date): Promise<void> {
  if (Number.isNaN(validFrom.getTime()))
    throw new InputError('from', String(validFrom), 'give a time, such as 2027-01-01T00:00:00Z');
  if (!Number.isInteger(bps) || bps < 0 || bps > 2_000)
    throw new InputError('fee', String(bps), 'give 0 to 2000 basis points');
  await putFee(deps.db, bps, validFrom);
}

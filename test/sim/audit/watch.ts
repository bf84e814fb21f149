/**
 * Looks over the shoulder of every commit, every append and every call to the outside, with books of its own that it
 * keeps from what was written. The first thing that is wrong ends the run.
 */
import type { OutRecord } from '../../../processors/runtime/publisher.ts';
import type { Committed } from '../database.ts';
import { writtenBy } from '../writes.ts';
import { BooksWatch } from './watch-books.ts';
import { LogWatch } from './watch-log.ts';
import { STATE_TABLES, StatesWatch } from './watch-states.ts';
import { WalletWatch } from './watch-wallet.ts';

/** Something that must never be, at the moment it came to be. */
export class InvariantBroken extends Error {
  override name = 'InvariantBroken';
}

const TABLES: ReadonlySet<string> = new Set([
  'gl_transfers',
  'gl_totals',
  'wallet_accounts',
  'client_accounts',
  'client_entries',
  'payout_accumulation',
  'outbox',
  ...STATE_TABLES,
]);

/** What knows more of the world than what was written. Each returns one line per thing that is wrong. */
export interface Observer {
  see(statements: readonly Committed[]): string[];
  appended?(record: OutRecord): string[];
}

export class Watch {
  readonly #onWrong: (error: InvariantBroken) => void;
  readonly #books = new BooksWatch();
  readonly #states = new StatesWatch();
  readonly #wallet = new WalletWatch();
  readonly #log = new LogWatch();
  readonly #observers: readonly Observer[];

  constructor(onWrong: (error: InvariantBroken) => void, ...observers: readonly Observer[]) {
    this.#onWrong = onWrong;
    this.#observers = observers;
  }

  committed(statements: readonly Committed[]): void {
    for (const observer of this.#observers) this.#report(observer.see(statements));
    const written = writtenBy(statements, TABLES);
    if (!written) return;
    this.#report(this.#books.see(written));
    this.#report(this.#states.see(written));
    this.#report(this.#wallet.see(written));
    this.#report(this.#log.see(written));
  }

  appended(record: OutRecord): void {
    this.#report(this.#log.appended(record));
    for (const observer of this.#observers) this.#report(observer.appended?.(record) ?? []);
  }

  /** Bytes go out only when they stand in the ledger: a restart must find them again. */
  broadcast(raw: string): void {
    if (!this.#wallet.isStored(raw))
      this.#report([`signed bytes went out that nobody stored: ${raw.slice(0, 40)}`]);
  }

  /** @param isOpen whether a transaction is open: nobody may wait for the outside while rows are locked */
  called(what: string, isOpen: boolean): void {
    if (isOpen) this.#report([`${what} was called in the middle of a transaction`]);
  }

  /** What a run must have at its end. */
  atEnd(): string[] {
    return this.#log.missing();
  }

  #report(problems: readonly string[]): void {
    if (problems.length > 0) this.#onWrong(new InvariantBroken(problems.join('\n')));
  }
}

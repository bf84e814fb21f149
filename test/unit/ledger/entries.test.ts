/** Entries and ranges: what is free is always the sum of the entries after the last payout, and ranges cut the sequence. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  appendEntry,
  type EntryKind,
  type Range,
  settleReserved,
  takeRange,
} from '../../../ledger/entries.ts';
import type { ClientAccountRow } from '../../../ledger/tables.ts';
import { accountRow, NOW } from '../../fixtures/ledger-rows.ts';

const later = new Date(NOW.getTime() + 60_000);

describe('appending', () => {
  it('numbers entries from 1 and counts only payments', () => {
    const one = appendEntry(accountRow('USDT'), 'payment', 48_500_000n, NOW);
    const two = appendEntry(one, 'dust', -500_000n, later);
    expect(two).toMatchObject({ last_seq: 2n, paid_seq: 0n, open_payments: 1, available: 48_000_000n });
  });

  it('remembers since when money waits, and forgets it when nothing is left', () => {
    const one = appendEntry(accountRow('USDT'), 'payment', 5n, NOW);
    expect(appendEntry(one, 'payment', 5n, later).waiting_since).toEqual(NOW);
    expect(appendEntry(one, 'refund', -5n, later).waiting_since).toBeNull();
    expect(appendEntry(appendEntry(one, 'refund', -5n, later), 'payment', 1n, later).waiting_since).toEqual(
      later,
    );
  });

  it('refuses a balance below zero: a debt has to be split off first', () => {
    expect(() => appendEntry(accountRow('USDT', { available: 5n }), 'refund', -6n, NOW)).toThrow('below 0');
  });
});

describe('taking a range', () => {
  it('takes all open entries: (paid_seq, last_seq], their sum, their payments [failures 2, H6]', () => {
    const before = accountRow('USDT', {
      available: 533_500_000n,
      reserved: 1n,
      last_seq: 13n,
      paid_seq: 2n,
      open_payments: 11,
      waiting_since: NOW,
    });
    const { range, account } = takeRange(before);
    expect(range).toEqual({
      from_seq: 2n,
      to_seq: 13n,
      amount: { asset: 'USDT', minor: 533_500_000n },
      payment_count: 11,
    });
    expect(account).toMatchObject({
      available: 0n,
      reserved: 533_500_001n,
      paid_seq: 13n,
      last_seq: 13n,
      open_payments: 0,
      waiting_since: null,
    });
  });

  it('refuses where there is nothing', () => {
    expect(() => takeRange(accountRow('USDT'))).toThrow('nothing to pay out');
    expect(() => takeRange(accountRow('USDT', { available: 0n, last_seq: 4n, paid_seq: 2n }))).toThrow(
      'nothing to pay out',
    );
  });

  it('refuses a balance that no open entry explains', () => {
    expect(() => takeRange(accountRow('USDT', { available: 5n, last_seq: 4n, paid_seq: 4n }))).toThrow(
      'nothing to pay out',
    );
  });

  it('reserved never goes below zero', () => {
    const account = accountRow('USDT', { reserved: 10n });
    expect(settleReserved(account, 10n).reserved).toBe(0n);
    expect(() => settleReserved(account, 11n)).toThrow('reserved 10 < 11');
  });
});

/** A life of an account: credits, debits as far as there is money, payouts of everything. */
type Step =
  | { readonly do: 'entry'; readonly kind: EntryKind; readonly amount: bigint }
  | { readonly do: 'payout' };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .bigInt({ min: 0n, max: 10n ** 24n })
      .map((amount) => ({ do: 'entry', kind: 'payment', amount }) as const),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom<EntryKind>('refund', 'recovery', 'dust', 'adjustment'),
        fc.bigInt({ min: 1n, max: 10n ** 24n }),
      )
      .map(([kind, amount]) => ({ do: 'entry', kind, amount: -amount }) as const),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'payout' } as const) },
);

interface Life {
  readonly account: ClientAccountRow;
  readonly entries: readonly bigint[];
  readonly ranges: readonly Range[];
}

function live(steps: readonly Step[]): Life {
  let account = accountRow('ETH');
  const entries: bigint[] = [];
  const ranges: Range[] = [];
  for (const one of steps) {
    if (one.do === 'entry') {
      const amount = account.available + one.amount < 0n ? -account.available : one.amount;
      if (amount === 0n && one.amount < 0n) continue;
      account = appendEntry(account, one.kind, amount, NOW);
      entries.push(amount);
    } else if (account.available > 0n) {
      const taken = takeRange(account);
      account = taken.account;
      ranges.push(taken.range);
    }
  }
  return { account, entries, ranges };
}

const sum = (amounts: readonly bigint[]) => amounts.reduce((a, b) => a + b, 0n);

describe('any life of an account', () => {
  it('available is the sum of the entries after paid_seq', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { account, entries } = live(steps);
        expect(account.last_seq).toBe(BigInt(entries.length));
        expect(account.available).toBe(sum(entries.slice(Number(account.paid_seq))));
      }),
    );
  });

  it('ranges partition the sequence up to paid_seq, and each pays exactly its entries [failure H6]', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { account, entries, ranges } = live(steps);
        let end = 0n;
        for (const range of ranges) {
          expect(range.from_seq).toBe(end);
          expect(range.to_seq > range.from_seq).toBe(true);
          expect(range.amount.minor > 0n).toBe(true);
          expect(range.amount.minor).toBe(sum(entries.slice(Number(range.from_seq), Number(range.to_seq))));
          end = range.to_seq;
        }
        expect(account.paid_seq).toBe(end);
        expect(account.reserved).toBe(sum(ranges.map((range) => range.amount.minor)));
      }),
    );
  });

  it('a payout of an account that a cancelled payout was returned to covers the returned entry', () => {
    const paid = takeRange(appendEntry(accountRow('USDT'), 'payment', 500n, NOW));
    const returned = appendEntry(settleReserved(paid.account, 500n), 'returned', 500n, NOW);
    const again = takeRange(returned);
    expect(again.range).toMatchObject({ from_seq: 1n, to_seq: 2n, payment_count: 0 });
    expect(again.range.amount.minor).toBe(500n);
  });
});

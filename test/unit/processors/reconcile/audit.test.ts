/** The audit: after any history it finds nothing; whatever single thing is changed is found, and the record named is that one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Difference } from '../../../../processors/reconcile/audit-compare.ts';
import { differenceText } from '../../../../processors/reconcile/audit-report.ts';
import { eventId } from '../../../../schemas/event-id.ts';
import type { PaymentValued } from '../../../../schemas/events.ts';
import { money } from '../../../../schemas/money.ts';
import { auditOf, type Books, booksOf, type Ledger, ledgerOf } from '../../../fixtures/audit-books.ts';
import { CLIENT, NOW, PARTITION, proposed } from '../../../fixtures/ledger-rows.ts';

const payment = fc.record({
  payment_id: fc.constantFrom(...Array.from({ length: 12 }, (_, index) => String(index + 1))),
  outcome_amount: fc.constantFrom('0.0125', '0.05', '3'),
  outcome_currency: fc.constantFrom('eth', 'eth', 'usdterc20'),
  payment_status: fc.constantFrom(
    'finished',
    'finished',
    'finished',
    'partially_paid',
    'partially_paid',
    'waiting',
    'failed',
    'refunded',
  ),
  strategy: fc.constantFrom('instant', 'threshold', 'threshold'),
  rate: fc.constantFrom('4000', '1234.5678', null),
});
const toValued = ({
  strategy,
  rate,
  ...part
}: typeof payment extends fc.Arbitrary<infer T> ? T : never): PaymentValued => {
  const isPart = part.payment_status === 'partially_paid';
  const value = proposed(isPart ? { ...part, payment_status: 'finished' } : part, { strategy, rate });
  // Only what GET has confirmed has a value as a part.
  return { ...value, payment: { ...value.payment, payment_status: part.payment_status } };
};
/** Batches of proposals; the books are made in each run, because what is spoiled must not be shared with the next. */
const histories = fc.array(fc.array(payment.map(toValued), { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 8,
});

interface Spoiled {
  /** What was changed, for the message of a failure. */
  readonly what: string;
  readonly isNamed: (difference: Difference) => boolean;
}
/** Changes one thing, the nth of its kind; undefined: the history has none. */
type Spoil = (books: Books, ledger: Ledger, nth: number) => Spoiled | undefined;

const at = <T>(rows: readonly T[], nth: number): T | undefined => rows[nth % Math.max(1, rows.length)];
const more = (text: string) => String(BigInt(text) + 1n);
const atValued = (offset: bigint) => (difference: Difference) =>
  difference.record?.topic === 'payments.valued' && difference.record.offset === offset;
const atJournal = (index: number) => (difference: Difference) =>
  difference.record?.topic === 'journal' && difference.record.offset === BigInt(index);
const withTransfers = (books: Books) =>
  books.journal.map((item, index) => ({ ...item, index })).filter(({ value }) => value.transfers.length > 0);

const SPOILS: Record<string, Spoil> = {
  'a credited amount': (_books, ledger, nth) => {
    const leg = at(ledger.legs, nth) as Record<string, unknown> | undefined;
    if (!leg) return undefined;
    Object.assign(leg, { net: more(leg.net as string), gross: more(leg.gross as string) });
    return { what: `leg at ${leg.offset}`, isNamed: atValued(leg.offset as bigint) };
  },
  'a credit that is gone': (_books, ledger, nth) => {
    const leg = at(ledger.legs, nth);
    if (!leg) return undefined;
    ledger.legs = ledger.legs.filter((one) => one !== leg);
    return { what: `leg at ${leg.offset}`, isNamed: atValued(leg.offset) };
  },
  'a posting of a batch': (_books, ledger, nth) => {
    const line = at(
      ledger.lines.filter(({ cause_kind }) => cause_kind === 'credits'),
      nth,
    );
    if (!line) return undefined;
    Object.assign(line, { amount: more(line.amount) });
    const [, from, to] = /:(\d+)-(\d+)$/.exec(line.cause_id)!;
    const isNamed = ({ record }: Difference) =>
      record?.topic === 'payments.valued' && record.offset >= BigInt(from!) && record.offset < BigInt(to!);
    return { what: line.cause_id, isNamed };
  },
  'a posting of its own': (books, ledger, nth) => {
    const item = at(withTransfers(books), nth);
    if (!item) return undefined;
    const line = ledger.lines.find(({ id }) => id === item.value.posting_set_id)!;
    Object.assign(line, { amount: more(line.amount) });
    return { what: `set ${line.id}`, isNamed: atJournal(item.index) };
  },
  'a posting that is gone': (books, ledger, nth) => {
    const item = at(withTransfers(books), nth);
    if (!item) return undefined;
    ledger.lines = ledger.lines.filter(({ id }) => id !== item.value.posting_set_id);
    return { what: `set ${item.value.posting_set_id}`, isNamed: atJournal(item.index) };
  },
  'an entry': (books, ledger, nth) => {
    const entry = at(ledger.entries, nth);
    if (!entry) return undefined;
    entry.amount = more(entry.amount);
    const index = books.journal.findIndex(({ value }) =>
      value.entries.some(({ seq, amount }) => seq === entry.seq && amount.asset === entry.asset),
    );
    return { what: `entry ${entry.seq}`, isNamed: atJournal(index) };
  },
  'a payout': (books, ledger, nth) => {
    const payout = at(ledger.payouts, nth);
    if (!payout) return undefined;
    payout.amount = more(payout.amount);
    const index = books.journal.findIndex(({ value }) => value.cause_id === payout.payout_id);
    return { what: `payout ${payout.payout_id}`, isNamed: atJournal(index) };
  },
  'a balance of a client': (_books, ledger, nth) => {
    const account = at(ledger.accounts, nth)!;
    account.available = more(account.available);
    const key = `client:${account.client_id}:available|${account.asset}`;
    return {
      what: key,
      isNamed: (difference) => difference.record === null && difference.keys.includes(key),
    };
  },
  'an amount in the journal': (books, _ledger, nth) => {
    const item = at(withTransfers(books), nth);
    if (!item) return undefined;
    const { value } = item;
    const [first, ...rest] = value.transfers;
    const changed = { ...first!, amount: money(first!.amount.asset, first!.amount.minor + 1n) };
    books.journal[item.index]!.value = { ...value, transfers: [changed, ...rest] };
    return { what: `journal ${item.index}`, isNamed: atJournal(item.index) };
  },
  'a record of the journal that is gone': (books, _ledger, nth) => {
    const item = at(withTransfers(books), nth);
    if (!item) return undefined;
    books.journal.splice(item.index, 1);
    const { posting_set_id } = item.value;
    const isNamed = ({ record, ledger }: Difference) => record === null && ledger === `set ${posting_set_id}`;
    return { what: `journal ${item.index}`, isNamed };
  },
  'a forged record of the journal': (books) => {
    const id = eventId('journal', 'forged');
    const amount = money('USDT', 1_000_000n);
    const transfers = [
      { debit: 'platform:capital', credit: 'client:available', partition: PARTITION, amount },
    ];
    const about = {
      posting_set_id: id,
      cause_kind: 'adjustment',
      cause_id: 'forged',
      transfers,
      entries: [],
    };
    books.journal.push({ key: String(CLIENT), value: { event_id: id, occurred_at: NOW, ...about } });
    return { what: 'the forged one', isNamed: atJournal(books.journal.length - 1) };
  },
  'a forged note that a credit was none': (books, ledger, nth) => {
    const leg = at(ledger.legs, nth);
    if (!leg) return undefined;
    const { value } = books.valued.find(({ offset }) => offset === leg.offset)!;
    const id = eventId('journal', 'note');
    const cause_id = `${value.event_id}:${PARTITION}:${leg.offset}`;
    const about = { posting_set_id: id, cause_kind: 'not_credited', cause_id, transfers: [], entries: [] };
    books.journal.push({ key: String(CLIENT), value: { event_id: id, occurred_at: NOW, ...about } });
    return { what: `note on ${leg.offset}`, isNamed: atJournal(books.journal.length - 1) };
  },
  'a value in its topic': (books, ledger, nth) => {
    // Of a second leg the rest is computed anew; the net of the whole says nothing.
    const leg = at(
      ledger.legs.filter((row) => row.leg === 1),
      nth,
    );
    if (!leg) return undefined;
    const item = books.valued.find(({ offset }) => offset === leg.offset)!;
    const net = money(item.value.net!.asset, item.value.net!.minor + 1n);
    item.value = { ...item.value, net } satisfies PaymentValued;
    return { what: `value at ${leg.offset}`, isNamed: atValued(leg.offset) };
  },
};

describe('any history', () => {
  it('is free of differences', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (batches) => {
        const books = booksOf(batches);
        const report = await auditOf(books, ledgerOf(books));
        expect(report.differences.map(differenceText)).toEqual([]);
        expect(report.ok).toBe(true);
      }),
    );
  });

  it.each(Object.entries(SPOILS))(
    '%s: noticed, and the first record named is that one',
    async (_name, spoil) => {
      let spoiledOnce = false;
      await fc.assert(
        fc.asyncProperty(histories, fc.nat(), async (batches, nth) => {
          const books = booksOf(batches);
          const ledger = ledgerOf(books);
          const spoiled = spoil(books, ledger, nth);
          if (!spoiled) return;
          spoiledOnce = true;
          const report = await auditOf(books, ledger);
          expect(report.ok).toBe(false);
          const [first] = report.differences;
          expect(spoiled.isNamed(first!), `${spoiled.what}; named was ${differenceText(first!)}`).toBe(true);
        }),
      );
      expect(spoiledOnce).toBe(true);
    },
  );
});

describe('as of a time', () => {
  it('is the balance of what was booked up to it', async () => {
    const books = booksOf([[proposed({ payment_id: '1' })], [proposed({ payment_id: '2' })]]);
    const report = await auditOf(books, ledgerOf(books), { isPrefix: false, at: NOW });
    const line = report.balances.find(({ key }) => key === `client:available|USDT`);
    expect(line?.topics).toBe(-48_500_000n);
  });
});

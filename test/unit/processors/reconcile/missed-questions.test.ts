/** Reading the provider's list to its end, whatever was made at once and whatever is refused meanwhile. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MissedLookRow } from '../../../../ledger/tables.ts';
import { readSpan } from '../../../../processors/reconcile/missed-questions.ts';
import { moved } from '../../../../processors/reconcile/wiring-missed.ts';
import { ProviderError } from '../../../../providers/error.ts';
import type { ListedPayment, ListRequest, NowPayments } from '../../../../providers/nowpayments/client.ts';

const FROM = Date.UTC(2026, 0, 1);
const TO = new Date(FROM + 60_000);

const { signal } = new AbortController();
const ASKING = { signal, elapsed: () => 0 };

type Lister = Pick<NowPayments, 'payments'>;

/** The documented list, of payments made these ms after FROM; the calls of these numbers are refused. */
function lister(madeMs: readonly number[], refused: ReadonlySet<number> = new Set()): Lister {
  const sorted = madeMs
    .map((ms, index) => ({ paymentId: String(index), createdAt: new Date(FROM + ms) }) as ListedPayment)
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
  let calls = 0;
  return {
    async payments({ from, to, page, limit }: ListRequest) {
      calls += 1;
      if (refused.has(calls))
        throw new ProviderError('not now', { provider: 'nowpayments', kind: 'transient', code: 'http_503' });
      const span = sorted.filter(({ createdAt }) => createdAt >= from && createdAt <= to);
      const payments = span.slice(page * limit, (page + 1) * limit);
      return { payments, unreadable: [], isFull: payments.length === limit };
    },
  };
}

/** Looks until the span is read. @returns the ids seen, and how many looks it took */
async function readAll(api: Lister): Promise<{ ids: Set<string>; looks: number }> {
  let row = { seen_to: new Date(FROM), next_page: 0, looked_at: null, refused: false } as MissedLookRow;
  const ids = new Set<string>();
  let looks = 0;
  for (; row.seen_to < TO && looks < 200; looks += 1) {
    const question = { from: row.seen_to, to: TO, page: row.next_page, open: null, isFull: false };
    const seen = await readSpan(api, question, ASKING);
    for (const { paymentId } of seen.payments) ids.add(paymentId);
    row = moved(row, question, seen, TO);
  }
  return { ids, looks };
}

test('more payments in one second than one look reads: the next look goes on where it stopped', async () => {
  const { ids, looks } = await readAll(lister([...Array(3_100).fill(0), 30_000]));
  expect(ids.size).toBe(3_101);
  expect(looks).toBe(4);
});

test('whatever is made when, and whichever calls are refused, every payment is seen', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat({ max: 60_000 }), fc.nat({ max: 1_500 })), { maxLength: 5 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 10 }),
      async (bursts, refused) => {
        const madeMs = bursts.flatMap(([ms, count]) => Array<number>(count).fill(ms));
        const { ids } = await readAll(lister(madeMs, new Set(refused)));
        expect(ids.size).toBe(madeMs.length);
      },
    ),
    { numRuns: 50 },
  ));

test('a provider that answers slowly is asked no more once the time for asking is over', async () => {
  let elapsed = 0;
  const fast = lister([...Array(900).fill(0), 30_000]);
  const slow: Lister = {
    payments: (request) => {
      elapsed += 5_000;
      return fast.payments(request);
    },
  };
  const question = { from: new Date(FROM), to: TO, page: 0, open: null, isFull: false };
  const seen = await readSpan(slow, question, { signal, elapsed: () => elapsed });
  expect(seen.payments.length).toBe(750);
  expect(seen).toMatchObject({ seenTo: null, nextPage: 3, failure: null });
});

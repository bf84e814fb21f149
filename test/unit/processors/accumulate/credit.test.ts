/** Credits: one per payment, exact figures, the threshold tested after every one, wherever the batch is cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clientAccounts,
  clientEntries,
  clients,
  pairLimits,
  paymentStatus,
  payoutAccumulation,
  payoutBatches,
} from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import { LEDGER_ASSETS, type LedgerAsset } from '../../../../schemas/assets.ts';
import type { PaymentCredited, PayoutEvent } from '../../../../schemas/events.ts';
import { formatMoney, money } from '../../../../schemas/money.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import {
  accountRow,
  bookedBy,
  CLIENT,
  CONTEXT,
  eth,
  facts,
  limitRow,
  NOW,
  PARTITION,
  type ProposeOptions,
  proposed,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';

function credit(work: Work, part: Parameters<typeof facts>[0] = {}, options: ProposeOptions = {}) {
  return accumulate(work, recordOf(proposed(part, options)), CONTEXT);
}

/** n payments of $50, each its own payment id. */
function payments(work: Work, count: number, from = 1): void {
  for (let i = from; i < from + count; i++) credit(work, { payment_id: String(i) });
}

const events = (work: Work, topic: string) =>
  work.outbox.filter((item) => item.topic === topic).map((item) => item.value);
const account = (work: Work, asset: LedgerAsset) => work.must(clientAccounts, CLIENT, asset);
const payouts = (work: Work) =>
  work.all(payoutBatches).map((row) => formatMoney(money(row.asset as LedgerAsset, row.amount)));

describe('one payment', () => {
  it('threshold: 0.0125 ETH at 4,000 and 3 % locks 48.50 USDT [failures 7, 8, 21]', () => {
    const work = workWith();
    expect(credit(work)).toEqual({ end: 'applied', reason: null });
    expect(bookedBy(work)).toEqual({
      'wallet:incoming ETH': '0.0125',
      'position:open ETH': '-0.0125',
      'position:open USDT': '50',
      'client:available USDT': '-48.5',
      'platform:fees USDT': '-1.5',
    });
    expect(account(work, 'USDT')).toMatchObject({
      available: usdt('48.5').minor,
      last_seq: 1n,
      open_payments: 1,
    });
    expect(work.must(payoutAccumulation, CLIENT, 'nowpayments', '5077125051', 1)).toMatchObject({
      asset: 'USDT',
      seq: 1n,
      gross: usdt('50').minor,
      fee: usdt('1.5').minor,
      net: usdt('48.5').minor,
      received_asset: 'ETH',
      received: eth('0.0125').minor,
      rate_id: 'r-1',
      rate: '4000',
      source_partition: PARTITION,
    });
    expect(work.must(paymentStatus, CLIENT, 'nowpayments', '5077125051')).toMatchObject({
      state: 'credited',
      legs: 1,
      received_asset: 'ETH',
      incoming: eth('0.0125').minor,
      confirmed: 0n,
      receipt_due_at: new Date(NOW.getTime() + 1_000),
    });
    expect(events(work, TOPIC.credited)).toMatchObject([
      { seq: 1n, leg: 1, available: usdt('48.5'), threshold_usd: '500.00', payout_id: null, access: true },
    ]);
    expect([...work.intents.keys()]).toEqual([`receipts:${PARTITION}`]);
    expect(work.changed(clientEntries)).toEqual([]);
    expect(work.positionDeltas.get(PARTITION)).toEqual({ eth: eth('0.0125').minor, usdt: usdt('50').minor });
  });

  it('instant: 0.012125 ETH credited and paid out at once', () => {
    const work = workWith({ payout_strategy: 'instant', payout_threshold_usd: null });
    credit(work, {}, { strategy: 'instant' });
    expect(bookedBy(work)).toEqual({
      'wallet:incoming ETH': '0.0125',
      'client:reserved ETH': '-0.012125',
      'platform:fees ETH': '-0.000375',
    });
    expect(payouts(work)).toEqual(['0.012125']);
    expect(work.all(payoutBatches)[0]).toMatchObject({
      state: 'requested',
      asset: 'ETH',
      from_seq: 0n,
      to_seq: 1n,
      payment_count: 1,
      usd_value: '48.50',
      currency: 'xmr',
      address: '4AdUndXHHZ',
      revision: 1n,
    });
    const [event] = events(work, TOPIC.credited) as PaymentCredited[];
    expect(event).toMatchObject({ available: eth('0.012125'), threshold_usd: null });
    expect(event!.payout_id).toBe(work.all(payoutBatches)[0]!.payout_id);
    expect([...work.positionDeltas]).toEqual([]);
  });

  it('instant below the minimum collects until the minimum is reached', () => {
    const work = workWith(
      { payout_strategy: 'instant', payout_threshold_usd: null },
      { limits: [limitRow('ETH', '0.02')] },
    );
    credit(work, { payment_id: '1' }, { strategy: 'instant' });
    expect(payouts(work)).toEqual([]);
    credit(work, { payment_id: '2' }, { strategy: 'instant' });
    expect(payouts(work)).toEqual(['0.02425']);
  });

  it('instant, the minimum not yet known: waits for the sweep', () => {
    const work = workWith({ payout_strategy: 'instant', payout_threshold_usd: null }, { limits: [] });
    credit(work, {}, { strategy: 'instant' });
    expect(payouts(work)).toEqual([]);
  });

  it('instant without a rate: credited and requested, its value in dollars still open', () => {
    const work = workWith({ payout_strategy: 'instant', payout_threshold_usd: null });
    accumulate(work, recordOf(proposed({}, { strategy: 'instant', rate: null })), {
      ...CONTEXT,
      usdtPerEth: undefined,
    });
    expect(work.all(payoutBatches)).toMatchObject([{ amount: eth('0.012125').minor, usd_value: null }]);
  });

  it('a client that takes the held asset needs no minimum', () => {
    const work = workWith(
      {
        payout_strategy: 'instant',
        payout_threshold_usd: null,
        payout_currency: 'eth',
        payout_network: 'eth',
      },
      { limits: [] },
    );
    credit(work, { outcome_amount: '0.000000000000000100' }, { strategy: 'instant' });
    expect(payouts(work)).toEqual(['0.000000000000000097']);
  });

  it('an outcome in USDT: no position', () => {
    const work = workWith();
    credit(work, { outcome_amount: '50', outcome_currency: 'usdterc20' }, { rate: null });
    expect(bookedBy(work)).toEqual({
      'wallet:incoming USDT': '50',
      'client:available USDT': '-48.5',
      'platform:fees USDT': '-1.5',
    });
    expect([...work.positionDeltas]).toEqual([]);
  });

  it('access is for the whole price: a partially paid credit gives none [failures 14, 15, 47]', () => {
    const work = workWith();
    const value = { ...proposed(), payment: facts({ payment_status: 'partially_paid' }) };
    accumulate(work, recordOf(value), CONTEXT);
    expect(events(work, TOPIC.credited)).toMatchObject([{ access: false, leg: 1 }]);
  });
});

describe('the threshold', () => {
  it('ten payments stay, the eleventh crosses: 533.50 in one payout [failure 59]', () => {
    const work = workWith();
    payments(work, 10);
    expect(payouts(work)).toEqual([]);
    expect(account(work, 'USDT').available).toBe(usdt('485').minor);
    payments(work, 1, 11);
    expect(payouts(work)).toEqual(['533.5']);
    expect(work.all(payoutBatches)[0]).toMatchObject({
      from_seq: 0n,
      to_seq: 11n,
      payment_count: 11,
      usd_value: '533.50',
    });
    expect(account(work, 'USDT')).toMatchObject({
      available: 0n,
      reserved: usdt('533.5').minor,
      paid_seq: 11n,
      waiting_since: null,
    });
    const credited = events(work, TOPIC.credited) as PaymentCredited[];
    expect(credited.map((event) => event.payout_id !== null)).toEqual([...Array(10).fill(false), true]);
    expect(credited.at(-1)!.available).toEqual(usdt('533.5'));
    expect(events(work, TOPIC.payouts) as PayoutEvent[]).toMatchObject([
      { status: 'requested', revision: 1n, amount: usdt('533.5') },
    ]);
    expect([...work.intents.keys()].toSorted()).toEqual([
      `payout:${work.all(payoutBatches)[0]!.payout_id}`,
      `receipts:${PARTITION}`,
      'treasury',
    ]);
  });

  it('exactly reached counts as reached', () => {
    const work = workWith({ payout_threshold_usd: '48.50' });
    credit(work);
    expect(payouts(work)).toEqual(['48.5']);
  });

  it('one micro-USDT short does not', () => {
    const work = workWith({ payout_threshold_usd: '48.51' });
    credit(work);
    expect(payouts(work)).toEqual([]);
  });

  it('22 x 48.50 with a threshold of 500 make two payouts of 533.50, however they are cut into batches [failure 59]', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 21 }), { maxLength: 21 }), (cuts) => {
        let work = workWith();
        const all: string[] = [];
        let at = 1;
        for (const end of [...cuts.toSorted((a, b) => a - b), 22]) {
          payments(work, end + 1 - at, at);
          at = end + 1;
          all.push(...payouts(work));
          work = nextTransaction(work);
        }
        expect(all).toEqual(['533.5', '533.5']);
        expect(account(work, 'USDT')).toMatchObject({
          available: 0n,
          paid_seq: 22n,
          reserved: usdt('1067').minor,
        });
      }),
    );
  });

  it('below the minimum of the provider it keeps accumulating [failure H17]', () => {
    const work = workWith({ payout_threshold_usd: '48.50' }, { limits: [limitRow('USDT', '60')] });
    credit(work, { payment_id: '1' });
    expect(payouts(work)).toEqual([]);
    credit(work, { payment_id: '2' });
    expect(payouts(work)).toEqual(['97']);
  });

  it('the longest wait pays a smaller total', () => {
    const day = 86_400_000;
    const early = workWith({ max_wait_ms: BigInt(day) });
    early.load(clientAccounts, [
      accountRow('USDT', {
        available: 20_000_000n,
        last_seq: 1n,
        waiting_since: new Date(NOW.getTime() - day + 1),
      }),
    ]);
    credit(early);
    expect(payouts(early)).toEqual([]);
    const due = workWith({ max_wait_ms: BigInt(day) });
    due.load(clientAccounts, [
      accountRow('USDT', {
        available: 20_000_000n,
        last_seq: 1n,
        waiting_since: new Date(NOW.getTime() - day),
      }),
    ]);
    credit(due);
    expect(payouts(due)).toEqual(['68.5']);
  });
});

describe('a debt', () => {
  const owing = (debt: string) => {
    const work = workWith({ payout_threshold_usd: '40.00' });
    work.load(clientAccounts, [accountRow('USDT', { debt: usdt(debt).minor })]);
    return work;
  };

  it('is taken from the next credit, which pays out only what is left', () => {
    const work = owing('8');
    credit(work);
    expect(work.changed(clientEntries)).toMatchObject([{ kind: 'recovery', amount: -8_000_000n, seq: 2n }]);
    expect(account(work, 'USDT').debt).toBe(0n);
    expect(payouts(work)).toEqual(['40.5']);
    expect(work.all(payoutBatches)[0]).toMatchObject({ from_seq: 0n, to_seq: 2n });
    expect(bookedBy(work)).toMatchObject({ 'client:debt USDT': '-8', 'client:reserved USDT': '-40.5' });
    expect(bookedBy(work)['client:available USDT']).toBeUndefined();
  });

  it('larger than the credit takes all of it, and nothing is paid while it lasts', () => {
    const work = owing('60');
    credit(work, { payment_id: '1' });
    expect(account(work, 'USDT')).toMatchObject({ available: 0n, debt: usdt('11.5').minor });
    credit(work, { payment_id: '2' });
    expect(account(work, 'USDT')).toMatchObject({ debt: 0n, available: usdt('37').minor });
    expect(payouts(work)).toEqual([]);
  });
});

describe('any payments', () => {
  const amount = fc.bigInt({ min: 10n ** 12n, max: 10n ** 18n });

  it('what clients hold and what fees took is what payments were worth; entries are gapless [failures 6, H4, H6]', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(amount, fc.boolean()), { minLength: 1, maxLength: 25 }), (list) => {
        const work = workWith({ payout_threshold_usd: '300.00' });
        list.forEach(([wei, locked], index) => {
          const outcome_amount = formatMoney(money('ETH', wei));
          credit(
            work,
            { payment_id: String(index), outcome_amount },
            { strategy: locked ? 'threshold' : 'instant' },
          );
        });
        const legs = work.all(payoutAccumulation);
        expect(legs).toHaveLength(list.length);
        const effect = bookedBy(work);
        for (const asset of LEDGER_ASSETS) {
          const row = account(work, asset);
          const mine = legs.filter((leg) => leg.asset === asset);
          const total = (pick: (leg: (typeof legs)[number]) => bigint) =>
            mine.reduce((sum, leg) => sum + pick(leg), 0n);
          expect(row.available + row.reserved).toBe(total((leg) => leg.net));
          expect(mine.map((leg) => leg.seq)).toEqual(mine.map((_, index) => BigInt(index + 1)));
          expect(effect[`platform:fees ${asset}`] ?? '0').toBe(
            formatMoney(money(asset, -total((leg) => leg.fee))),
          );
          const paid = work.all(payoutBatches).filter((payout) => payout.asset === asset);
          expect(paid.reduce((sum, payout) => sum + payout.amount, 0n)).toBe(row.reserved);
          for (const payout of paid) {
            const inside = mine.filter((leg) => leg.seq > payout.from_seq && leg.seq <= payout.to_seq);
            expect(inside.reduce((sum, leg) => sum + leg.net, 0n)).toBe(payout.amount);
            expect(inside).toHaveLength(payout.payment_count);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** What the next transaction would load: the rows as this one left them. */
function nextTransaction(before: Work): Work {
  const work = workWith();
  for (const t of [clients, clientAccounts, pairLimits, paymentStatus] as const)
    work.load(t as typeof clients, before.all(t as typeof clients));
  return work;
}

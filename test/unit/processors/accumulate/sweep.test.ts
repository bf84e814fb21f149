/** The sweep sees what credits can't; the cure gives unvalued payments their value in order of arrival. */
import { describe, expect, it } from 'vitest';
import {
  clientAccounts,
  clientEntries,
  discrepancies,
  glTransfers,
  type PairLimitRow,
  paymentStatus,
  payoutBatches,
} from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import { proposeValues } from '../../../../processors/accumulate/cure.ts';
import { nextSweep, sweep } from '../../../../processors/accumulate/sweep.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import type { JournalRecord, PaymentValued } from '../../../../schemas/events.ts';
import { formatMoney, money } from '../../../../schemas/money.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import {
  accountRow,
  bookedBy,
  CLIENT,
  CONTEXT,
  eth,
  limitRow,
  NOW,
  PARTITION,
  proposed,
  rateRow,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';

/** A client with free balances that no credit of this transaction made. */
function holding(
  balances: { USDT?: string; ETH?: string },
  client: Parameters<typeof workWith>[0] = {},
  limits?: readonly PairLimitRow[],
): Work {
  const work = workWith(client, limits ? { limits } : {});
  for (const asset of ['ETH', 'USDT'] as const) {
    const text = balances[asset];
    if (text === undefined) continue;
    const available = (asset === 'ETH' ? eth(text) : usdt(text)).minor;
    work.load(clientAccounts, [
      accountRow(asset, { available, last_seq: 1n, open_payments: 1, waiting_since: NOW }),
    ]);
  }
  return work;
}

const payouts = (work: Work) =>
  work.all(payoutBatches).map((row) => `${row.asset} ${formatMoney(money(row.asset as 'ETH', row.amount))}`);
const account = (work: Work, asset: 'ETH' | 'USDT') => work.must(clientAccounts, CLIENT, asset);

describe('the sweep', () => {
  it('pays when the threshold was lowered below the balance [failure H23]', () => {
    const work = holding({ USDT: '97' }, { payout_threshold_usd: '90.00' });
    expect(sweep(work, rateRow())).toBe(1);
    expect(payouts(work)).toEqual(['USDT 97']);
  });

  it('leaves alone what is below the threshold, below the minimum, or owed for', () => {
    const low = holding({ USDT: '97' });
    const small = holding({ USDT: '97' }, { payout_threshold_usd: '90.00' }, [limitRow('USDT', '100')]);
    const owing = holding({ USDT: '600' });
    owing.load(clientAccounts, [{ ...account(owing, 'USDT'), debt: 1n }]);
    for (const work of [low, small, owing]) {
      expect(sweep(work, rateRow())).toBe(0);
      expect(payouts(work)).toEqual([]);
    }
  });

  it('pays once: the next sweep finds nothing', () => {
    const work = holding({ USDT: '600' });
    expect(sweep(work, rateRow())).toBe(1);
    expect(sweep(work, rateRow())).toBe(0);
  });

  it('pays after the longest wait', () => {
    const work = workWith({ max_wait_ms: 1_000n }, { now: new Date(NOW.getTime() + 1_000) });
    work.load(clientAccounts, [
      accountRow('USDT', { available: usdt('20').minor, last_seq: 1n, waiting_since: NOW }),
    ]);
    expect(sweep(work, rateRow())).toBe(1);
  });

  it('pays an instant client once its minimum is known', () => {
    const instant = { payout_strategy: 'instant', payout_threshold_usd: null };
    expect(sweep(holding({ ETH: '0.5' }, instant, []), rateRow())).toBe(0);
    expect(sweep(holding({ ETH: '0.5' }, instant), rateRow())).toBe(1);
  });

  it('instant to threshold, large ETH: paid at once', () => {
    const work = holding({ ETH: '0.5' });
    sweep(work, rateRow());
    expect(payouts(work)).toEqual(['ETH 0.5']);
  });

  it('instant to threshold, small ETH: locked at the current rate in two entries, no fee [failure H23]', () => {
    const work = holding({ ETH: '0.001', USDT: '20' });
    sweep(work, rateRow());
    expect(bookedBy(work)).toEqual({
      'client:available ETH': '0.001',
      'position:open ETH': '-0.001',
      'position:open USDT': '4',
      'client:available USDT': '-4',
    });
    expect(work.changed(clientEntries)).toMatchObject([
      { asset: 'ETH', kind: 'converted', amount: -eth('0.001').minor, seq: 2n },
      { asset: 'USDT', kind: 'converted', amount: usdt('4').minor, seq: 2n },
    ]);
    expect(account(work, 'ETH').available).toBe(0n);
    expect(account(work, 'USDT').available).toBe(usdt('24').minor);
  });

  it('locks nothing of an instant client: its small ETH waits for more', () => {
    const instant = { payout_strategy: 'instant', payout_threshold_usd: null };
    expect(bookedBy(swept(holding({ ETH: '0.001' }, instant)))).toEqual({});
  });

  it('locks for the client, once per balance and rate', () => {
    const work = swept(holding({ ETH: '0.001' }));
    const cause = { cause_kind: 'converted', cause_id: `${CLIENT}:ETH:2:r-1` };
    expect(work.changed(glTransfers)).toMatchObject([
      { ...cause, client_id: CLIENT, partition: PARTITION },
      { ...cause, client_id: CLIENT, partition: PARTITION },
    ]);
    expect(work.changed(clientEntries)).toMatchObject([cause, cause]);
    const [journal] = work.outbox.filter(({ topic }) => topic === TOPIC.journal);
    expect((journal!.value as JournalRecord).entries.map(({ kind }) => kind)).toEqual([
      'converted',
      'converted',
    ]);
  });

  it('passes over accounts whose client is not loaded', () => {
    const work = holding({ USDT: '600' });
    work.load(clientAccounts, [
      accountRow('USDT', { client_id: 7n, available: usdt('600').minor }),
      accountRow('ETH', { client_id: 7n, available: eth('0.001').minor }),
    ]);
    expect(sweep(work, rateRow())).toBe(1);
  });

  it('what is locked can cross the threshold', () => {
    const work = holding({ ETH: '0.001', USDT: '496' });
    expect(sweep(work, rateRow())).toBe(1);
    expect(payouts(work)).toEqual(['USDT 500']);
  });

  it('small ETH waits while there is no rate, no minimum, or a debt', () => {
    const owing = holding({ ETH: '0.001' });
    owing.load(clientAccounts, [{ ...account(owing, 'ETH'), debt: 1n }]);
    for (const [work, rate] of [
      [holding({ ETH: '0.001' }), undefined],
      [holding({ ETH: '0.001' }, {}, [limitRow('USDT', '10')]), rateRow()],
      [owing, rateRow()],
      [holding({ ETH: '0.000000000000000001' }), rateRow()],
    ] as const) {
      sweep(work, rate);
      expect(bookedBy(work)).toEqual({});
    }
  });

  it('threshold to instant, small USDT stays as remainder; large is paid', () => {
    const instant = { payout_strategy: 'instant', payout_threshold_usd: null };
    expect(payouts(swept(holding({ USDT: '9' }, instant)))).toEqual([]);
    expect(payouts(swept(holding({ USDT: '10' }, instant)))).toEqual(['USDT 10']);
  });

  it('runs at every full five minutes', () => {
    expect(nextSweep(new Date('2026-03-01T12:00:00.000Z'))).toEqual(new Date('2026-03-01T12:05:00.000Z'));
    expect(nextSweep(new Date('2026-03-01T12:04:59.999Z'))).toEqual(new Date('2026-03-01T12:05:00.000Z'));
  });
});

function swept(work: Work): Work {
  sweep(work, rateRow());
  return work;
}

describe('the cure', () => {
  const unvalued = (amounts: readonly string[]) => {
    const work = workWith();
    amounts.forEach((outcome_amount, index) => {
      accumulate(
        work,
        recordOf(proposed({ payment_id: String(index), outcome_amount }, { rate: null })),
        CONTEXT,
      );
    });
    return work;
  };
  const proposals = (work: Work) =>
    work.outbox.filter((item) => item.topic === TOPIC.valued).map((item) => item.value as PaymentValued);

  it('proposes each once, in the order given, as convert would have, and the proposal credits it', () => {
    const work = unvalued(['0.0125', '0.025']);
    const rows = work.all(paymentStatus);
    proposeValues(work, rows, rateRow(), 300);
    expect(proposals(work).map((value) => [value.payment.payment_id, value.net])).toEqual([
      ['0', usdt('48.5')],
      ['1', usdt('97')],
    ]);
    expect(work.outbox.at(-1)).toMatchObject({ type: 'payment.valued', key: String(CLIENT) });
    expect(proposals(work)[0]!.event_id).toBe(proposed({ payment_id: '0' }).event_id);
    expect(work.all(paymentStatus).every((row) => row.unvalued_offset === null)).toBe(true);
    for (const value of proposals(work)) {
      expect(accumulate(work, recordOf(value), CONTEXT)).toEqual({ end: 'applied', reason: null });
    }
    expect(account(work, 'USDT').available).toBe(usdt('145.5').minor);
    expect(account(work, 'ETH').unvalued).toBe(0n);
  });

  it('passes over a payment whose client is not loaded', () => {
    const work = unvalued(['0.0125']);
    proposeValues(work, [{ ...work.all(paymentStatus)[0]!, client_id: 7n }], rateRow(), 300);
    expect(proposals(work)).toEqual([]);
  });

  it('what no rate makes worth a minor unit is asked for once, then is for a person', () => {
    const work = unvalued(['0.000000000000000001']);
    proposeValues(work, work.all(paymentStatus), rateRow(), 300);
    expect(proposals(work)).toEqual([]);
    expect(work.all(paymentStatus)[0]).toMatchObject({ state: 'unvalued', unvalued_offset: null });
    expect(work.changed(discrepancies)).toMatchObject([{ kind: 'value_too_small' }]);
  });
});

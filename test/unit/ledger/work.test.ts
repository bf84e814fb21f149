/** One transaction's work: what is loaded, what is changed, and what posting and emitting leave behind. */
import { describe, expect, it } from 'vitest';
import {
  conversionCompleted,
  converted,
  creditHeld,
  creditLocked,
  recovery,
  setAside,
} from '../../../ledger/posting.ts';
import {
  clientAccounts,
  clientEntries,
  clients,
  discrepancies,
  glTransfers,
  payoutAccumulation,
} from '../../../ledger/tables.ts';
import { Work } from '../../../ledger/work.ts';
import type { JournalRecord } from '../../../schemas/events.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import {
  accountRow,
  bookedBy,
  CLIENT,
  clientRow,
  eth,
  NOW,
  usdt,
  workWith,
} from '../../fixtures/ledger-rows.ts';

const P = 3;

describe('rows', () => {
  it('loading is not a change; putting is, once per row and in the order of the first put', () => {
    const work = workWith();
    expect(work.changed(clientAccounts)).toEqual([]);
    work.put(clientAccounts, accountRow('USDT', { available: 1n }));
    work.put(clientAccounts, accountRow('ETH', { available: 2n }));
    work.put(clientAccounts, accountRow('USDT', { available: 3n }));
    expect(work.changed(clientAccounts).map((row) => [row.asset, row.available])).toEqual([
      ['USDT', 3n],
      ['ETH', 2n],
    ]);
  });

  it('a key may be given as text, number or bigint', () => {
    const work = workWith();
    expect(work.get(clients, String(CLIENT))).toBe(work.get(clients, CLIENT));
    expect(work.get(clientAccounts, CLIENT, 'USDT')?.asset).toBe('USDT');
  });

  it('a row that was not loaded is a fault, not an empty account [failures 41, 65]', () => {
    expect(() => new Work(NOW).must(clients, 1n)).toThrow('clients 1 was not loaded');
    expect(() => new Work(NOW).must(payoutAccumulation, 1n, 'nowpayments', '7', 1)).toThrow('was not loaded');
  });
});

describe('entries', () => {
  it('a payment has its row in the sub-ledger; everything else gets one of its own', () => {
    const work = workWith();
    work.entry('payment', CLIENT, usdt('48.5'), { kind: 'credit', id: 'x' });
    work.entry('dust', CLIENT, usdt('-0.5'), { kind: 'dust', id: 'y' });
    expect(work.changed(clientEntries)).toEqual([
      {
        client_id: CLIENT,
        asset: 'USDT',
        seq: 2n,
        kind: 'dust',
        amount: -500_000n,
        cause_kind: 'dust',
        cause_id: 'y',
        at: NOW,
      },
    ]);
  });
});

describe('posting', () => {
  it('numbers the lines of a set and derives its id from the cause', () => {
    const [one, other] = [workWith(), workWith()];
    const lines = creditHeld(eth('0.012125'), eth('0.000375'));
    const id = one.post({ kind: 'a', id: '1' }, lines, { partition: P });
    expect(one.changed(glTransfers).map((row) => [row.posting_set_id, row.line])).toEqual([
      [id, 0],
      [id, 1],
    ]);
    expect(other.post({ kind: 'a', id: '1' }, lines, { partition: P })).toBe(id);
    expect(other.post({ kind: 'a', id: '2' }, lines, { partition: P })).not.toBe(id);
  });

  it('changes kept accounts by the signed amount and adds to the totals', () => {
    const work = workWith();
    work.post({ kind: 'set_aside', id: '1' }, setAside(usdt('5'), eth('1')), { partition: P });
    work.post({ kind: 'set_aside', id: '2' }, setAside(usdt('7'), eth('1')), { partition: P });
    expect(Object.fromEntries(work.walletDeltas)).toEqual({
      'wallet:sending|USDT': 12_000_000n,
      'wallet:host|USDT': -12_000_000n,
      'wallet:gas_held|ETH': 2n * 10n ** 18n,
      'wallet:gas|ETH': -2n * 10n ** 18n,
    });
    expect(work.totals.get(`wallet:sending|wallet:host|USDT|${P}|set_aside`)).toBe(12_000_000n);
  });

  it('counts changes of the open position into its partition, but not those of a conversion itself', () => {
    const work = workWith();
    work.post({ kind: 'credit', id: '1' }, creditLocked(eth('0.0125'), usdt('48.5'), usdt('1.5')), {
      partition: 1,
    });
    work.post({ kind: 'converted', id: '2' }, converted(eth('0.001'), usdt('4')), { partition: 1 });
    work.post({ kind: 'credit', id: '3' }, creditLocked(eth('1'), usdt('4000'), usdt('0')), { partition: 2 });
    work.post(
      { kind: 'conversion_completed', id: '4' },
      conversionCompleted(eth('1'), usdt('3990'), usdt('4000')),
      {
        partition: 2,
      },
    );
    expect([...work.positionDeltas]).toEqual([
      [1, { eth: eth('0.0135').minor, usdt: usdt('54').minor }],
      [2, { eth: eth('1').minor, usdt: usdt('4000').minor }],
    ]);
  });

  it('journals a set with its transfers and entries, keyed by the client', () => {
    const work = workWith();
    work.put(clientAccounts, accountRow('USDT', { available: 48_500_000n, debt: 5n }));
    const entry = work.entry('recovery', CLIENT, usdt('-0.000005'), { kind: 'recovery', id: 'x' });
    work.post({ kind: 'recovery', id: 'x' }, recovery(usdt('0.000005')), {
      clientId: CLIENT,
      partition: P,
      entries: [entry],
    });
    const [item] = work.outbox;
    expect(item).toMatchObject({ topic: TOPIC.journal, key: String(CLIENT), type: 'recovery' });
    expect(item!.value as JournalRecord).toMatchObject({
      cause_kind: 'recovery',
      transfers: [{ debit: 'client:available', credit: 'client:debt', partition: P }],
      entries: [{ kind: 'recovery', seq: 1n }],
    });
  });

  it('aggregates the credits of a batch into one line per account pair, and does not journal them', () => {
    const work = workWith();
    const cause = { kind: 'credits', id: 'batch' };
    const ids = [1, 2, 3].map(() =>
      work.postAggregated(cause, creditLocked(eth('0.0125'), usdt('48.5'), usdt('1.5')), P),
    );
    expect(new Set(ids).size).toBe(1);
    expect(work.changed(glTransfers)).toEqual([]);
    expect(bookedBy(work)).toEqual({
      'wallet:incoming ETH': '0.0375',
      'position:open ETH': '-0.0375',
      'position:open USDT': '150',
      'client:available USDT': '-145.5',
      'platform:fees USDT': '-4.5',
    });
    expect(work.changed(glTransfers)).toHaveLength(3);
    expect(work.outbox).toEqual([]);
    work.closeAggregates();
    expect(work.changed(glTransfers)).toHaveLength(3);
  });
});

describe('effects', () => {
  it('an intent that is wished for twice is due at the earlier time', () => {
    const work = workWith();
    const late = new Date(NOW.getTime() + 5_000);
    work.wake('k', 'payout', 's', late);
    work.wake('k', 'payout', 's');
    work.wake('k', 'payout', 's', late);
    expect(work.intents.get('k')?.dueAt).toEqual(NOW);
    expect(work.intents.size).toBe(1);
  });

  it('the same discrepancy is one row', () => {
    const work = workWith();
    work.discrepancy('content_clash', 'payment:1', 'a');
    work.discrepancy('content_clash', 'payment:1', 'a');
    work.discrepancy('content_clash', 'payment:1', 'b');
    expect(work.changed(discrepancies)).toHaveLength(2);
  });

  it('emitted records carry on the trace of what caused them', () => {
    const work = workWith();
    work.load(clients, [clientRow()]);
    work.traceparent = '00-trace';
    work.note({ kind: 'not_credited', id: '1' }, CLIENT);
    expect(work.outbox[0]).toMatchObject({ headers: { traceparent: '00-trace' }, topic: TOPIC.journal });
  });

  it('what nothing outside caused has a trace of its own, the same one when it is repeated', () => {
    const traces = [workWith(), workWith()].map((work) => {
      work.note({ kind: 'not_credited', id: '1' }, CLIENT);
      return work.outbox[0]!.headers.traceparent;
    });
    expect(traces[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(traces[1]).toBe(traces[0]);
  });
});

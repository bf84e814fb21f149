/** Credits on a real ledger: batches, thresholds, repeats, contradictions, second legs, refunds, values that come later. */
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeRows } from '../../../ledger/sql/write-rows.ts';
import {
  type ClientRow,
  clientEntries,
  creditBatches,
  discrepancies,
  glTransfers,
  paymentStatus,
  payoutAccumulation,
  payoutBatches,
  rates,
} from '../../../ledger/tables.ts';
import { cureKind, sweepPartition } from '../../../processors/accumulate/recurring.ts';
import { systemRandom } from '../../../processors/runtime/clock.ts';
import { startIntents } from '../../../processors/runtime/intents.ts';
import type { PaymentFacts, PaymentValued } from '../../../schemas/events.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { eth, NOW, type ProposeOptions, proposed, rateRow, usdt } from '../../fixtures/ledger-rows.ts';
import { log, until } from '../runtime/support.ts';
import { codec, INSTANT, LedgerBench } from './ledger-bench.ts';

let bench: LedgerBench;
beforeAll(async () => {
  bench = await LedgerBench.open();
});
afterAll(() => bench.close());
beforeEach(() => {
  bench.time = NOW;
});

let lastPayment = 5_000_000_000;
const freshId = () => String(++lastPayment);

function pay(client: ClientRow, part: Partial<PaymentFacts> = {}, options: ProposeOptions = {}) {
  return proposed({ client_id: String(client.client_id), payment_id: freshId(), ...part }, options);
}

const many = (count: number, make: (index: number) => PaymentValued) =>
  Array.from({ length: count }, (_, i) => make(i));
const own = (client: ClientRow) => `client_id = ${client.client_id}`;
const recurring = () => ({ db: bench.db, codec, clock: bench.clock, settings: { RATE_MAX_AGE: 300_000 } });

/** What changed in the endings while something ran. */
async function endingsDuring(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await bench.endings();
  await work();
  const after = await bench.endings();
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
}

/** Everything that says who has what, as text. */
async function balances(): Promise<string> {
  const tables = ['client_accounts', 'wallet_accounts', 'gl_totals', 'credit_batches', 'payout_batches'];
  const parts = await Promise.all(
    tables.map((table) => bench.db.query(`SELECT t::text FROM ${table} t ORDER BY 1`)),
  );
  return JSON.stringify(parts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

describe('a batch', () => {
  test('22 x 48.50 in one batch are two payouts of 533.50, in one aggregated posting set', async () => {
    const client = await bench.addClient();
    expect(await endingsDuring(() => bench.feed(many(22, () => pay(client))))).toEqual({
      'applied/none': 22,
    });
    const payouts = await bench.rows(payoutBatches, own(client), 'to_seq');
    expect(
      payouts.map(({ amount, from_seq, to_seq, payment_count }) => [amount, from_seq, to_seq, payment_count]),
    ).toEqual([
      [usdt('533.5').minor, 0n, 11n, 11],
      [usdt('533.5').minor, 11n, 22n, 11],
    ]);
    expect(await bench.account(client)).toMatchObject({
      available: 0n,
      reserved: usdt('1067').minor,
      last_seq: 22n,
    });
    const [leg] = await bench.rows(payoutAccumulation, own(client));
    const lines = await bench.rows(glTransfers, `posting_set_id = '${leg!.posting_set_id}'`, 'line');
    expect(lines.map(({ debit, credit, amount }) => [debit, credit, amount])).toEqual([
      ['wallet:incoming', 'position:open', eth('0.275').minor],
      ['position:open', 'client:available', usdt('1067').minor],
      ['position:open', 'platform:fees', usdt('33').minor],
    ]);
    const [batch] = await bench.rows(creditBatches, `partition = ${client.partition}`, 'number DESC');
    expect(batch).toMatchObject({ eth: eth('0.275').minor, usdt: usdt('1100').minor });
    const credited = (await bench.emitted(TOPIC.credited)).filter(
      ({ key }) => key === String(client.client_id),
    );
    expect(credited.map(({ value }) => value.seq)).toEqual(
      many(22, () => pay(client)).map((_, i) => BigInt(i + 1)),
    );
    expect(credited[10]!.value).toMatchObject({ payout_id: payouts[0]!.payout_id, available: usdt('533.5') });
    expect(await bench.broken()).toEqual([]);
  });

  test('batch boundaries do not change the result', async () => {
    const [whole, single] = [await bench.addClient(), await bench.addClient()];
    await bench.feed(many(14, () => pay(whole)));
    for (const value of many(14, () => pay(single))) await bench.feed([value]);
    const shape = async (client: ClientRow) => {
      const payouts = await bench.rows(payoutBatches, own(client), 'to_seq');
      const account = await bench.account(client);
      return [
        payouts.map(({ amount, to_seq }) => [amount, to_seq]),
        account.available,
        account.reserved,
        account.last_seq,
      ];
    };
    expect(await shape(single)).toEqual(await shape(whole));
    expect(await bench.broken()).toEqual([]);
  });

  test('an instant client is paid per payment in what came in; less than the minimum collects', async () => {
    const client = await bench.addClient(INSTANT);
    await bench.feed(
      ['0.0125', '0.006', '0.006'].map((outcome_amount) =>
        pay(client, { outcome_amount }, { strategy: 'instant' }),
      ),
    );
    const payouts = await bench.rows(payoutBatches, own(client), 'to_seq');
    expect(payouts.map(({ asset, amount, payment_count }) => [asset, amount, payment_count])).toEqual([
      ['ETH', eth('0.012125').minor, 1],
      ['ETH', eth('0.01164').minor, 2],
    ]);
    expect(await bench.broken()).toEqual([]);
  });

  test('the log replayed from its first offset changes nothing [failure 38]', async () => {
    const client = await bench.addClient();
    const values = [
      ...many(12, () => pay(client)),
      pay(client, { payment_status: 'waiting' }),
      pay(client, {}, { rate: null }),
    ];
    await bench.feed(values);
    const before = await balances();
    const outboxBefore = await bench.count('outbox');
    expect(await endingsDuring(() => bench.feed(values))).toEqual({ 'duplicate/duplicate': 14 });
    expect(await balances()).toBe(before);
    expect(await bench.count('outbox')).toBe(outboxBefore);
    expect(await bench.broken()).toEqual([]);
  });
});

describe('repeats and contradictions', () => {
  test('a repeat, a repeat at another rate or strategy, a clash and a stale status credit nothing [failure 41]', async () => {
    const client = await bench.addClient();
    const payment_id = freshId();
    await bench.feed([pay(client, { payment_id })]);
    const before = await bench.account(client);
    const endings = await endingsDuring(() =>
      bench.feed([
        pay(client, { payment_id }),
        pay(client, { payment_id }, { rate: '4100', rateId: 'r-2' }),
        pay(client, { payment_id }, { strategy: 'instant' }),
        pay(client, { payment_id, outcome_amount: '0.5' }),
        pay(client, { payment_id, payment_status: 'sending' }),
      ]),
    );
    expect(endings).toEqual({
      'duplicate/duplicate': 1,
      'duplicate/duplicate_revalued': 2,
      'rejected/content_clash': 1,
      'rejected/stale_status': 1,
    });
    expect(await bench.account(client)).toEqual(before);
    expect(await bench.rows(discrepancies, `entity LIKE '%${payment_id}'`)).toMatchObject([
      { kind: 'content_clash' },
    ]);
    expect(await bench.broken()).toEqual([]);
  });

  test('finished after failed waits for GET, however often it comes, and is then credited once', async () => {
    const client = await bench.addClient();
    const payment_id = freshId();
    const finished = pay(client, { payment_id });
    const endings = await endingsDuring(() =>
      bench.feed([pay(client, { payment_id, payment_status: 'failed' }), finished, finished]),
    );
    expect(endings).toEqual({
      'applied/none': 1,
      'rejected/awaiting_confirmation': 1,
      'duplicate/duplicate': 1,
    });
    expect(await bench.account(client)).toMatchObject({ available: 0n, last_seq: 0n });
    expect(await bench.broken()).toEqual([]);
    expect(await bench.count('intents', `key LIKE 'confirm:%${payment_id}' AND kind = 'partial'`)).toBe(1);
    // What the intent does once GET agrees.
    await bench.db.query(`UPDATE payment_status SET get_confirmed = true WHERE payment_id = '${payment_id}'`);
    await bench.feed([pay(client, { payment_id }, { rate: '4200', rateId: 'r-3' }), finished]);
    expect(await bench.account(client)).toMatchObject({ available: usdt('50.925').minor, last_seq: 1n });
    expect(await bench.broken()).toEqual([]);
  });

  test('partially paid: recorded, credited when confirmed, the rest of finished as leg 2 at its own rate [failures 14, H21]', async () => {
    const client = await bench.addClient();
    const payment_id = freshId();
    const partial = { payment_id, payment_status: 'partially_paid', outcome_amount: '0.01' };
    await bench.feed([pay(client, partial)]);
    expect(await bench.account(client)).toMatchObject({ available: 0n });
    const confirmed = {
      ...pay(client, { ...partial, payment_status: 'finished' }),
      payment: pay(client, partial).payment,
    };
    await bench.feed([confirmed]);
    expect(await bench.account(client)).toMatchObject({ available: usdt('38.8').minor });
    await bench.feed([
      pay(client, { payment_id, outcome_amount: '0.0125' }, { rate: '4400', rateId: 'r-4' }),
    ]);
    const legs = await bench.rows(payoutAccumulation, `payment_id = '${payment_id}'`, 'leg');
    expect(legs.map(({ leg, received, gross, fee }) => [leg, received, gross, fee])).toEqual([
      [1, eth('0.01').minor, usdt('40').minor, usdt('1.2').minor],
      [2, eth('0.0025').minor, usdt('11').minor, usdt('0.33').minor],
    ]);
    const credited = (await bench.emitted(TOPIC.credited)).filter(
      ({ value }) => value.payment_id === payment_id,
    );
    expect(credited.map(({ value }) => [value.leg, value.access])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(await bench.broken()).toEqual([]);
  });
});

describe('refunds', () => {
  test('before the credit it closes the payment; a later finished is a discrepancy', async () => {
    const client = await bench.addClient();
    const payment_id = freshId();
    const endings = await endingsDuring(() =>
      bench.feed([pay(client, { payment_id, payment_status: 'refunded' }), pay(client, { payment_id })]),
    );
    expect(endings).toEqual({ 'applied/none': 1, 'rejected/closed_by_refund': 1 });
    expect(await bench.account(client)).toMatchObject({ available: 0n, last_seq: 0n });
    expect(await bench.broken()).toEqual([]);
  });

  test('after a payout: debt, payouts on hold, and recovery from the next credits [failure H21]', async () => {
    const client = await bench.addClient({ thresholdUsd: '90' });
    const ids = [freshId(), freshId()];
    await bench.feed(ids.map((payment_id) => pay(client, { payment_id })));
    await bench.feed([pay(client, { payment_id: ids[0]!, payment_status: 'refunded' })]);
    expect(await bench.account(client)).toMatchObject({
      available: 0n,
      debt: usdt('48.5').minor,
      reserved: usdt('97').minor,
    });
    expect(await bench.rows(payoutBatches, own(client))).toMatchObject([
      { state: 'on_hold', held_state: 'requested', reason: 'client_debt' },
    ]);
    const revisions = (await bench.emitted(TOPIC.payouts)).filter(
      ({ key }) => key === String(client.client_id),
    );
    expect(revisions.map(({ value }) => [value.status, value.revision])).toEqual([
      ['requested', 1n],
      ['on_hold', 2n],
    ]);
    await bench.feed([pay(client, { outcome_amount: '0.005' }), pay(client), pay(client)]);
    expect(await bench.account(client)).toMatchObject({ available: usdt('67.9').minor, debt: 0n });
    const entries = await bench.rows(clientEntries, own(client), 'seq');
    expect(entries.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['recovery', -usdt('19.4').minor],
      ['recovery', -usdt('29.1').minor],
    ]);
    expect(await bench.broken()).toEqual([]);
  });

  test('after the receipt was confirmed nothing is booked: payouts wait for a person', async () => {
    const client = await bench.addClient({ thresholdUsd: '40' });
    const payment_id = freshId();
    await bench.feed([pay(client, { payment_id })]);
    await bench.db.query(`UPDATE payment_status SET confirmed = incoming WHERE payment_id = '${payment_id}'`);
    const before = await bench.account(client);
    const endings = await endingsDuring(() =>
      bench.feed([
        pay(client, { payment_id, payment_status: 'refunded' }),
        pay(client, { payment_id, payment_status: 'refunded' }),
      ]),
    );
    expect(endings).toEqual({ 'rejected/refund_after_receipt': 1, 'duplicate/duplicate': 1 });
    expect(await bench.account(client)).toEqual(before);
    expect(await bench.rows(payoutBatches, own(client))).toMatchObject([{ state: 'on_hold' }]);
    expect(await bench.broken()).toEqual([]);
  });

  test('of an unvalued payment gives back what was received', async () => {
    const client = await bench.addClient();
    const payment_id = freshId();
    await bench.feed([pay(client, { payment_id }, { rate: null })]);
    expect(await bench.account(client, 'ETH')).toMatchObject({ unvalued: eth('0.0125').minor });
    await bench.feed([pay(client, { payment_id, payment_status: 'refunded' })]);
    expect(await bench.account(client, 'ETH')).toMatchObject({ unvalued: 0n });
    expect(await bench.rows(paymentStatus, `payment_id = '${payment_id}'`)).toMatchObject([
      { state: 'closed', unvalued_offset: null },
    ]);
    expect(await bench.broken()).toEqual([]);
  });
});

describe('without a usable rate', () => {
  /** Runs the cure worker until a partition's intent is done. */
  async function cure(partition: number): Promise<void> {
    const worker = await startIntents({
      db: bench.db,
      clock: bench.clock,
      random: systemRandom,
      registry: new Registry(),
      log,
      kinds: [cureKind(recurring())],
    });
    try {
      await until('the cure is done', () =>
        bench.count('intents', `key = 'cure:${partition}' AND state = 'done'`).then((found) => found === 1),
      );
    } finally {
      await worker.stop();
    }
  }

  test('unvalued payments get their value in order of arrival once a rate appears, each once [failure H1]', async () => {
    const client = await bench.addClient();
    const unvalued = many(3, (i) => pay(client, { outcome_amount: `0.0${i + 1}` }, { rate: null }));
    await bench.feed(unvalued);
    expect(await bench.account(client)).toMatchObject({ available: 0n, last_seq: 0n });
    expect(await bench.account(client, 'ETH')).toMatchObject({ unvalued: eth('0.06').minor });
    bench.time = new Date(NOW.getTime() + 600_000);
    await writeRows(
      bench.db,
      rates,
      [rateRow({ rate_id: 'r-back', at: bench.time, usdt_per_eth: '3000' })],
      'insert',
    );
    await cure(client.partition);
    const proposals = (await bench.emitted(TOPIC.valued)).filter(
      ({ key }) => key === String(client.client_id),
    );
    expect(proposals.map(({ value }) => value.payment.payment_id)).toEqual(
      unvalued.map(({ payment }) => payment.payment_id),
    );
    const values = proposals.map(({ value }) => value);
    expect(await endingsDuring(() => bench.feed([...values, ...values, ...unvalued]))).toEqual({
      'applied/none': 3,
      'duplicate/duplicate': 3,
      'duplicate/duplicate_revalued': 3,
    });
    expect(await bench.account(client)).toMatchObject({ available: usdt('174.6').minor, last_seq: 3n });
    expect(await bench.account(client, 'ETH')).toMatchObject({ unvalued: 0n });
    expect(await bench.broken()).toEqual([]);
  });
});

describe('the sweep', () => {
  test('a lower threshold pays at once; a change of strategy locks what is too small to be paid [failure H23]', async () => {
    const lowered = await bench.addClient();
    await bench.feed(many(3, () => pay(lowered)));
    await bench.db.query(`UPDATE clients SET payout_threshold_usd = 145 WHERE ${own(lowered)}`);
    const changed = await bench.addClient(INSTANT);
    await bench.feed([pay(changed, { outcome_amount: '0.006' }, { strategy: 'instant' })]);
    await bench.db.query(
      `UPDATE clients SET payout_strategy = 'threshold', payout_threshold_usd = 500 WHERE ${own(changed)}`,
    );
    bench.time = new Date(NOW.getTime() + 1_000);
    for (const partition of new Set([lowered.partition, changed.partition]))
      await sweepPartition(recurring(), partition);
    expect(await bench.rows(payoutBatches, own(lowered))).toMatchObject([{ amount: usdt('145.5').minor }]);
    expect(await bench.account(changed, 'ETH')).toMatchObject({ available: 0n, last_seq: 2n });
    expect(await bench.account(changed)).toMatchObject({ available: usdt('23.28').minor, last_seq: 1n });
    expect(await bench.broken()).toEqual([]);
  });

  test('a longest wait pays a smaller total once it is over', async () => {
    const client = await bench.addClient({ maxWaitMs: 60_000n });
    await bench.feed([pay(client)]);
    bench.time = new Date(NOW.getTime() + 59_999);
    await sweepPartition(recurring(), client.partition);
    expect(await bench.count('payout_batches', own(client))).toBe(0);
    bench.time = new Date(NOW.getTime() + 60_000);
    await sweepPartition(recurring(), client.partition);
    expect(await bench.rows(payoutBatches, own(client))).toMatchObject([{ amount: usdt('48.5').minor }]);
    expect(await bench.broken()).toEqual([]);
  });
});

// Last, because nothing ever makes this ledger whole again.
test('one id under two clients is two payments, and reconcile says so', async () => {
  const [one, two] = [await bench.addClient(), await bench.addClient()];
  const payment_id = freshId();
  await bench.feed([pay(one, { payment_id })]);
  await bench.feed([pay(two, { payment_id })]);
  expect((await bench.account(one)).available).toBe((await bench.account(two)).available);
  expect(await bench.broken()).toEqual([`payment_ids_of_one_client payments: ${payment_id}`]);
});

/** Webhooks that never come, on real servers: the money is credited all the same, once, also when they come after all. */
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { missedSummary } from '../../../ledger/sql/missed-state.ts';
import { showPayment } from '../../../ledger/sql/show-payment.ts';
import { wakeIntents } from '../../../ledger/sql/wake-intents.ts';
import { missedMetrics } from '../../../processors/reconcile/missed-metrics.ts';
import { missedKind } from '../../../processors/reconcile/wiring-missed.ts';
import { systemClock, systemRandom } from '../../../processors/runtime/clock.ts';
import { type RunningIntents, startIntents } from '../../../processors/runtime/intents.ts';
import { createNowPayments } from '../../../providers/nowpayments/client.ts';
import { createNowPaymentsSimulator } from '../../../providers/nowpayments/simulator.ts';
import { makeOrderId } from '../../../schemas/order-id.ts';
import { orderKeys, orderMac } from '../../../schemas/order-mac.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { IPN_SECRET } from '../../unit/gateway/support.ts';
import { THRESHOLD_500 } from '../in/ledger-bench.ts';
import { ORDER_SECRET, Pipeline } from '../in/pipeline.ts';
import { log, until } from '../runtime/support.ts';

const LOGIN = { email: 'who@example.org', password: 'a password' };
/** Far enough apart that a payment is complete at the first look, near enough for a test. */
const AGES = [1_500, 3_000, 6_000];
const BEFORE_FINISHED = ['waiting', 'confirming', 'confirmed', 'sending'];
const SILENT_FINISH = [...BEFORE_FINISHED, { status: 'finished', notify: false }];

let pipeline: Pipeline;
let client: bigint;
let provider = '';
const workers: RunningIntents[] = [];
const simulator = createNowPaymentsSimulator({
  apiKey: 'key',
  ipnSecret: IPN_SECRET,
  sender: null,
  login: LOGIN,
  retryMs: [200, 500],
});

beforeAll(async () => {
  pipeline = await Pipeline.open();
  provider = await simulator.listen(0);
});
afterAll(async () => {
  await pipeline.close();
  await simulator.close();
});
beforeEach(async () => {
  await control('reset', {});
  await pipeline.db.query('DELETE FROM missed_looks');
  client = await pipeline.addClient(undefined, { ...THRESHOLD_500, thresholdUsd: '900000' });
});
afterEach(stopLooking);

async function control<T>(path: string, body: unknown): Promise<T> {
  const response = await fetch(`${provider}/_control/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.ok, text).toBe(true);
  return JSON.parse(text) as T;
}

function kind(options: { readonly login?: typeof LOGIN | undefined } = { login: LOGIN }) {
  return missedKind({
    codec: pipeline.schemas.codec,
    payments: createNowPayments({ baseUrl: provider, apiKey: 'key', timeoutMs: 2_000, login: options.login }),
    orders: orderKeys({ secret: ORDER_SECRET, legacy: false }),
    ages: AGES,
    warn: () => undefined,
    ...missedMetrics(new Registry(), pipeline.db, systemClock),
  });
}

/** Starts this many reconcilers and waits for their first look: what is older is not theirs. */
async function look(count = 1, options?: Parameters<typeof kind>[0]): Promise<void> {
  const now = systemClock.now();
  const wishes = AGES.map((_, index) => ({
    key: `missed:${index}`,
    kind: 'missed',
    subject: String(index),
    dueAt: now,
  }));
  await pipeline.db.transaction((tx) => wakeIntents(tx, wishes, now));
  const context = { db: pipeline.db, clock: systemClock, random: systemRandom, log };
  for (let i = 0; i < count; i++) {
    workers.push(await startIntents({ ...context, registry: new Registry(), kinds: [kind(options)] }));
  }
  const looks = () => pipeline.db.query('SELECT 1 FROM missed_looks');
  await until('every look has begun', async () => (await looks()).length === AGES.length);
}

async function stopLooking(): Promise<void> {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
}

function orderId(of = client): string {
  const mac = orderMac(ORDER_SECRET);
  return makeOrderId({ client: String(of), random: Buffer.from(systemRandom.uuid().slice(0, 10)), mac });
}

/** @returns the id of a payment that has lived through all of its statuses */
async function pay(fields: Record<string, unknown>): Promise<string> {
  const { port } = pipeline.running.get('gateway') as unknown as { port: number };
  const ipnUrl = `http://127.0.0.1:${port}/webhooks/nowpayments`;
  const body = { orderId: orderId(), outcomeAmount: '0.0125', ipnUrl, wait: true, ...fields };
  const { payments } = await control<{ payments: { paymentId: string }[] }>('pay', body);
  return payments[0]!.paymentId;
}

const credited = (ids: readonly string[]) =>
  until('all is credited', async () => {
    const legs = (await pipeline.legs(client)).map((leg) => leg.payment_id);
    return ids.every((id) => legs.includes(id));
  });

/** Statuses of a payment that reconcile fed, in the order in which they stand in the log. */
async function fed(paymentId: string): Promise<string[]> {
  const records = await pipeline.contents(TOPIC.received, client);
  return records
    .filter(({ decoded }) => decoded.payment.payment_id === paymentId && decoded.source === 'reconcile')
    .map(({ decoded }) => decoded.payment.payment_status);
}

/** Every look has come past this moment. */
async function lookedPast(at: Date): Promise<void> {
  await until('every look is past it', async () => {
    const rows = await pipeline.db.query<{ seen_to: Date }>('SELECT seen_to FROM missed_looks');
    return rows.length === AGES.length && rows.every((row) => row.seen_to > at);
  });
}

describe('webhooks that are lost', () => {
  test('all of them: credited once by two reconcilers, marked, and the late ones change nothing [failure 43]', async () => {
    await look(2);
    const ids = [await pay({ lost: true }), await pay({ lost: true })];
    await credited(ids);
    await pipeline.settled();
    expect(await pipeline.legs(client)).toEqual(ids.map((payment_id) => ({ payment_id, net: '48500000' })));
    for (const id of ids) expect(await fed(id)).toEqual(['finished']);
    const [shown] = await showPayment(pipeline.db, ids[0]!);
    expect(shown).toMatchObject({ payment: { status: 'finished' }, missed: [{ status: 'finished' }] });

    const before = await pipeline.balances();
    for (const status of [...BEFORE_FINISHED, 'finished'])
      await control(`payments/${ids[0]}/notify`, { status });
    await pipeline.settled();
    expect(await pipeline.balances()).toBe(before);
    await lookedPast(new Date());
    expect(await fed(ids[0]!)).toEqual(['finished']);
    expect(await pipeline.db.query("SELECT kind FROM discrepancies WHERE kind = 'content_clash'")).toEqual(
      [],
    );
  });

  test('the last one: found although the others came, and counted with how late it was', async () => {
    await look();
    const id = await pay({ statuses: SILENT_FINISH });
    await credited([id]);
    expect(await fed(id)).toEqual(['finished']);
    const [summary] = await missedSummary(pipeline.db, new Date(Date.now() - 60_000));
    expect(summary).toMatchObject({ status: 'finished' });
    expect(summary!.oldest_seconds).toBeGreaterThanOrEqual(1);
  });

  test('none: nothing is fed', async () => {
    await look();
    const id = await pay({});
    await lookedPast(new Date());
    await pipeline.settled();
    expect(await fed(id)).toEqual([]);
  });

  test('a refund after a credit, a failure, a partial payment: each goes its own way', async () => {
    await look();
    const failed = await pay({ lost: true, statuses: ['waiting', 'failed'] });
    const partial = await pay({ lost: true, statuses: ['waiting', 'partially_paid'] });
    const back = await pay({ statuses: ['finished', { status: 'refunded', notify: false }] });
    await lookedPast(new Date());
    await pipeline.settled();
    const rows = await pipeline.db.query<{ payment_id: string; status: string; state: string }>(
      'SELECT payment_id, status, state FROM payment_status WHERE client_id = $1',
      [client],
    );
    const stands = Object.fromEntries(rows.map((row) => [row.payment_id, `${row.status} ${row.state}`]));
    expect(stands).toEqual({
      [failed]: 'failed open',
      [partial]: 'partially_paid open',
      [back]: 'refunded closed',
    });
  });

  test('of an order that is not ours: no credit, a discrepancy for a person', async () => {
    await look();
    const forged = `${orderId().slice(0, -16)}AAAAAAAAAAAAAAAA`;
    const id = await pay({ lost: true, orderId: forged });
    const found = await until('it is reported', async () => {
      const rows = await pipeline.db.query<{ kind: string }>(
        'SELECT kind FROM discrepancies WHERE entity = $1',
        [`payment:?:nowpayments:${id}`],
      );
      return rows.length > 0 && rows;
    });
    expect(found).toMatchObject([{ kind: 'missed_order_forged' }]);
    expect(await pipeline.legs(client)).toEqual([]);
  });
});

describe('a provider that does not answer', () => {
  test.each([
    { kind: 'refuse', status: 429, retry_after: 1 },
    { kind: 'refuse', status: 503 },
    { kind: 'malformed' },
    { kind: 'drop_after' },
  ])('$kind $status: the look stays where it is, says why, and finds it later', async (fault) => {
    await look();
    await control('faults', { ...fault, path: '/v1/payment/', times: AGES.length });
    const id = await pay({ lost: true });
    await until('the failure is known', async () => {
      const rows = await pipeline.db.query('SELECT 1 FROM missed_looks WHERE error IS NOT NULL');
      return rows.length > 0;
    });
    // A failure waits for a minute; here time is short.
    const hurry = setInterval(() => {
      void pipeline.db.query(
        "UPDATE intents SET due_at = created_at WHERE kind = 'missed' AND state = 'due'",
      );
    }, 300);
    try {
      await credited([id]);
    } finally {
      clearInterval(hurry);
    }
    expect(await fed(id)).toEqual(['finished']);
  });

  test('a list that is refused: payments that a webhook told of are asked for singly, and the refusal is said', async () => {
    await look(1, { login: undefined });
    const known = await pay({ statuses: SILENT_FINISH });
    const unknown = await pay({ lost: true });
    await credited([known]);
    await lookedPast(new Date());
    await pipeline.settled();
    expect(await fed(known)).toEqual(['finished']);
    expect(await fed(unknown)).toEqual([]);
    const looks = await pipeline.db.query<{ error: string }>('SELECT error FROM missed_looks ORDER BY look');
    expect(looks.map(({ error }) => error)).toEqual(AGES.map(() => expect.stringContaining('AUTH_REQUIRED')));
  });
});

test('a result that is applied twice feeds once', async () => {
  await look();
  await stopLooking();
  const id = await pay({ lost: true });
  const [one, intent] = [kind(), { key: 'missed:0', subject: '0' } as never];
  const later = new Date(Date.now() + 60_000);
  const planned = await pipeline.db.transaction((tx) => one.plan(tx, intent, later));
  if (!('call' in planned)) throw new Error('nothing to ask');
  const outcome = { ok: await one.perform(planned.call, new AbortController().signal) };
  for (let i = 0; i < 2; i++) {
    await pipeline.db.transaction((tx) => one.apply(tx, intent, planned.call, outcome, later));
  }
  await credited([id]);
  await pipeline.settled();
  expect(await fed(id)).toEqual(['finished']);
});

/** Clients and orders through the functions that the command line and the API share. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addClient, type NewClient, setClient } from '../../../gateway/api/clients.ts';
import { createOrder, type OrderDeps } from '../../../gateway/api/orders.ts';
import { findOrder } from '../../../ledger/sql/find-order.ts';
import { listClients } from '../../../ledger/sql/list-clients.ts';
import { clients, orders, plans } from '../../../ledger/tables.ts';
import { createNowPayments } from '../../../providers/nowpayments/client.ts';
import {
  createNowPaymentsSimulator,
  type NowPaymentsSimulator,
} from '../../../providers/nowpayments/simulator.ts';
import { readOrderId } from '../../../schemas/order-id.ts';
import { orderKeys, orderMac } from '../../../schemas/order-mac.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { NOW, proposed } from '../../fixtures/ledger-rows.ts';
import { codec, LedgerBench, THRESHOLD_500 } from '../in/ledger-bench.ts';

const SECRET = 'a secret of this test';
let bench: LedgerBench;
let simulator: NowPaymentsSimulator;
let baseUrl = '';
beforeAll(async () => {
  bench = await LedgerBench.open();
  simulator = createNowPaymentsSimulator({ apiKey: 'key', ipnSecret: 'secret', sender: null });
  baseUrl = await simulator.listen(0);
});
afterAll(async () => {
  await simulator.close();
  await bench.close();
});

let lastClient = -1_007_000_000_000n;
const api = () => ({ db: bench.db, codec, now: bench.clock.now });
function input(part: Partial<NewClient> = {}): NewClient {
  lastClient -= 1n;
  return {
    ...THRESHOLD_500,
    clientId: String(lastClient),
    title: 'channel',
    plans: [{ priceUsd: '50', days: 30 }],
    ...part,
  };
}
const orderDeps = (part: Partial<OrderDeps> = {}): OrderDeps => ({
  ...api(),
  nowpayments: createNowPayments({ baseUrl, apiKey: 'key' }),
  mac: orderMac(SECRET),
  random: randomBytes,
  publicUrl: 'https://pay.example',
  ...part,
});

test('a client comes with its plans, empty accounts, and its policy for others', async () => {
  const given = input({
    plans: [
      { priceUsd: '50', days: 30 },
      { priceUsd: '1.35', days: 1 },
    ],
    currency: 'XMR',
    network: 'XMR',
  });
  const row = await addClient(api(), given);
  expect(row).toMatchObject({ payout_currency: 'xmr', payout_network: 'xmr', revision: 1n });
  expect(await bench.rows(plans, `client_id = ${given.clientId}`, 'tier')).toMatchObject([
    { tier: 1, price_usd: '50.00', days: 30 },
    { tier: 2, price_usd: '1.35', days: 1 },
  ]);
  expect(await listClients(bench.db, row.client_id)).toMatchObject([
    { usdt: '0', eth: '0', unvalued: '0', debt: '0' },
  ]);
  const [policy] = (await bench.emitted(TOPIC.clients)).filter(({ key }) => key === given.clientId);
  expect(policy!.value).toMatchObject({
    strategy: 'threshold',
    threshold_usd: '500',
    currency: 'xmr',
    revision: 1n,
  });
  expect(JSON.stringify(policy!.value, (_, v: unknown) => String(v))).not.toContain(given.address);
});

test('a change moves the revision, wakes the sweep, and leaves what was not named [failures 100, 103]', async () => {
  const given = input();
  const row = await addClient(api(), given);
  bench.time = new Date(NOW.getTime() + 5_000);
  const same = await setClient(api(), given.clientId, { thresholdUsd: '500.00' });
  expect(same.payout_threshold_updated_at).toEqual(row.payout_threshold_updated_at);
  const changed = await setClient(api(), given.clientId, { thresholdUsd: '300' });
  expect(changed).toMatchObject({
    revision: 3n,
    wallet_address: given.address,
    payout_threshold_updated_at: bench.time,
  });
  expect(await bench.count('intents', `key = 'sweep:${row.partition}'`)).toBe(1);
  expect(await bench.count('intents', "key = 'limits'")).toBe(1);
  const revisions = (await bench.emitted(TOPIC.clients)).filter(({ key }) => key === given.clientId);
  expect(revisions.map(({ value }) => value.revision)).toEqual([1n, 2n, 3n]);
  await expect(setClient(api(), given.clientId, { currency: 'btc', network: 'btc' })).rejects.toThrow(
    /no valid btc address/,
  );
  await expect(setClient(api(), '-1009999999999', { memo: 'x' })).rejects.toThrow(/no client has this id/);
  expect(await bench.rows(clients, `client_id = ${given.clientId}`)).toMatchObject([{ revision: 3n }]);
});

test('null takes a value away, what is left out stays [failure 100]', async () => {
  const given = input({ memo: '1234', maxWaitMs: 60_000n });
  await addClient(api(), given);
  expect(await setClient(api(), given.clientId, { thresholdUsd: '300' })).toMatchObject({
    wallet_memo: '1234',
    max_wait_ms: 60_000n,
  });
  expect(await setClient(api(), given.clientId, { memo: null })).toMatchObject({
    wallet_memo: null,
    max_wait_ms: 60_000n,
  });
  expect(await setClient(api(), given.clientId, { maxWaitMs: null })).toMatchObject({ max_wait_ms: null });
});

test('an order is stored, has an invoice at the provider, and its id names the client [failures 61, 62, 63, H12, H13, H15]', async () => {
  const given = input({ plans: [{ priceUsd: '49.99', days: 30 }] });
  await addClient(api(), given);
  const order = await createOrder(orderDeps(), { clientId: given.clientId, tier: 1, userId: 6_271_402_111n });
  expect(order).toMatchObject({ price_usd: '49.99', days: 30, invoice_url: expect.stringMatching(/^http/) });
  const keys = orderKeys({ secret: SECRET, legacy: false });
  expect(readOrderId(order.order_id, keys)).toEqual({ kind: 'ours', client: given.clientId });
  expect(await findOrder(bench.db, order.order_id)).toMatchObject({
    invoice_id: order.invoice_id,
    user_id: '6271402111',
  });
  const page = await fetch(order.invoice_url!);
  expect(await page.text()).toContain('49.99');
});

test('an order whose invoice could not be made stays without one; the next is another order [failure H13]', async () => {
  const given = input();
  await addClient(api(), given);
  const away = createNowPayments({ baseUrl: 'http://127.0.0.1:1', apiKey: 'key', timeoutMs: 500 });
  const wanted = { clientId: given.clientId, tier: 1, userId: null };
  await expect(createOrder(orderDeps({ nowpayments: away }), wanted)).rejects.toThrow(/nowpayments/);
  const made = await createOrder(orderDeps(), wanted);
  const rows = await bench.rows(orders, `client_id = ${given.clientId}`, 'invoice_id NULLS FIRST');
  expect(rows).toMatchObject([{ invoice_id: null }, { invoice_id: made.invoice_id }]);
});

test.each([
  ['a tier that the client has not', { tier: 2 }, /^tier "2": client -\d+ has no such plan$/],
  ['a tier that cannot be', { tier: 0 }, /^tier "0": give 1 to 9$/],
  ['a user that cannot be', { userId: 2n ** 63n }, /^user "\d+": give a Telegram id$/],
  ['a client that cannot be', { clientId: '12' }, /^client "12": give the open channel id/],
  ['a client that nobody knows', { clientId: '-1009999999998' }, /has no such plan$/],
])('an order with %s is refused [failure H15]', async (_what, part, message) => {
  const given = input();
  await addClient(api(), given);
  const wanted = { clientId: given.clientId, tier: 1, userId: null, ...part };
  await expect(createOrder(orderDeps(), wanted)).rejects.toThrow(message);
});

test('a payment for an order is credited to its client', async () => {
  const given = input();
  const row = await addClient(api(), given);
  const order = await createOrder(orderDeps(), { clientId: given.clientId, tier: 1, userId: null });
  await bench.feed([proposed({ client_id: given.clientId, payment_id: '901', order_id: order.order_id })]);
  expect((await bench.account(row)).last_seq).toBe(1n);
  expect(await bench.broken()).toEqual([]);
});

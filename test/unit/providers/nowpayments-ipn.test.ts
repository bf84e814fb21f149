/** What the NOWPayments simulator posts: bodies, signatures, order, repetition and forgeries. */
import { readFileSync } from 'node:fs';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ipnSecrets, verifySignature } from '../../../gateway/ipn/signature.ts';
import { json } from '../../../providers/http.ts';
import { createNowPayments } from '../../../providers/nowpayments/client.ts';
import { createNowPaymentsSimulator } from '../../../providers/nowpayments/simulator.ts';
import { type Received, receiver, signs } from './ipn-receiver.ts';
import { shape } from './replay.ts';

const SECRET = 'ipn-secret';

let sent: [string, bigint][] = [];
const simulator = createNowPaymentsSimulator({
  apiKey: 'key',
  ipnSecret: SECRET,
  sender: {
    async send(asset, minor) {
      sent.push([asset, minor]);
      return `0x${'ab'.repeat(32)}`;
    },
    close: () => {},
  },
  retryMs: [5, 5, 5],
});
let base = '';

beforeAll(async () => {
  base = await simulator.listen(0);
});
beforeEach(async () => {
  sent = [];
  await fetch(`${base}/_control/reset`, { method: 'POST' });
});
afterAll(() => simulator.close());

interface Paid {
  readonly payments: { paymentId: string }[];
  readonly deliveries: Record<string, number>;
}

async function pay(body: Record<string, unknown>): Promise<Paid> {
  const order = { priceUsd: '50', orderId: 'S1.X', wait: true };
  const options = { method: 'POST', body: JSON.stringify({ ...order, ...body }) };
  const response = await fetch(`${base}/_control/pay`, options);
  expect(response.status).toBe(201);
  return (await response.json()) as Paid;
}

const statuses = (ipns: readonly Received[]): unknown[] => ipns.map(({ body }) => body.payment_status);

/** Keys sorted at every depth, as JavaScript reads and prints them. */
function printedByJavaScript(raw: string): string {
  const sort = (value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, inner]) => [key, sort(inner)]),
        )
      : value;
  return JSON.stringify(sort(JSON.parse(raw)));
}

test('every status is posted in order, with the fields and types of the recorded IPNs', async () => {
  await using webhook = await receiver();
  await pay({ ipnUrl: webhook.url, payCurrency: 'btc' });
  expect(statuses(webhook.received)).toEqual(['waiting', 'confirming', 'confirmed', 'sending', 'finished']);
  const file = new URL('../../fixtures/providers/nowpayments-ipn.json', import.meta.url);
  const recorded = json.object(json.parseJson(readFileSync(file, 'utf8')), 'fixture.ipn');
  for (const { raw, body } of webhook.received) {
    const model = body.payment_status === 'finished' ? recorded.finished : recorded.open;
    // This order has no invoice; its number is null in the same place.
    expect({ ...(shape(json.parseJson(raw)) as object), invoice_id: 'number' }).toEqual(shape(model));
  }
  expect(sent).toEqual([['ETH', 12_500_000_000_000_000n]]);
});

test('form 1 signs the raw, sorted body', async () => {
  await using webhook = await receiver();
  await pay({ ipnUrl: webhook.url });
  for (const { raw, signature } of webhook.received) {
    expect(signs(signature, raw, SECRET)).toBe(true);
    expect(raw).toBe(printedByJavaScript(raw));
  }
});

test('form 2 signs the sorted text of a body that is not sorted', async () => {
  await using webhook = await receiver();
  await pay({ ipnUrl: webhook.url, form: 2, outcomeAmount: '0.0125' });
  for (const { raw, signature } of webhook.received) {
    expect(signs(signature, raw, SECRET)).toBe(false);
    expect(signs(signature, printedByJavaScript(raw), SECRET)).toBe(true);
  }
});

test('form 3 signs what JavaScript prints for a body with trailing zeros', async () => {
  await using webhook = await receiver();
  await pay({ ipnUrl: webhook.url, form: 3 });
  const last = webhook.received.at(-1);
  expect(last?.raw).toContain('"outcome_amount":0.012500,');
  for (const { raw, signature } of webhook.received) {
    expect(signs(signature, raw, SECRET)).toBe(false);
    expect(signs(signature, printedByJavaScript(raw), SECRET)).toBe(true);
  }
});

test('20 % duplicates are spread evenly, byte for byte the same', async () => {
  await using webhook = await receiver();
  const { deliveries } = await pay({ ipnUrl: webhook.url, count: 10, duplicates: 0.2 });
  expect(webhook.received).toHaveLength(60);
  expect(new Set(webhook.received.map(({ raw }) => raw)).size).toBe(50);
  expect(deliveries).toMatchObject({ delivered: 60, duplicates: 10, pending: 0, given_up: 0 });
});

test('forgeries are never signed with our secret, and an accepted one is counted', async () => {
  await using webhook = await receiver(({ raw, signature }) => (signs(signature, raw, SECRET) ? 200 : 401));
  const careful = await pay({ ipnUrl: webhook.url, forge: 1 });
  expect(careful.deliveries).toMatchObject({ delivered: 5, forged: 2, forged_accepted: 0 });
  await using careless = await receiver();
  expect((await pay({ ipnUrl: careless.url, forge: 1 })).deliveries).toMatchObject({ forged_accepted: 2 });
});

test('a shuffled payment is finished before its other statuses are told', async () => {
  await using webhook = await receiver();
  await pay({ ipnUrl: webhook.url, count: 20, shuffle: true });
  const byPayment = Map.groupBy(webhook.received, ({ body }) => body.payment_id);
  const orders = new Set([...byPayment.values()].map((ipns) => statuses(ipns).join(' ')));
  expect(orders.size).toBeGreaterThan(5);
  for (const order of orders) {
    expect(order.split(' ').sort()).toEqual(['confirmed', 'confirming', 'finished', 'sending', 'waiting']);
  }
});

test('what is not taken is posted again until it is, and given up after the last time', async () => {
  const tries = new Map<string, number>();
  await using webhook = await receiver(({ raw }) => {
    const count = (tries.get(raw) ?? 0) + 1;
    tries.set(raw, count);
    return count < 3 ? 503 : 200;
  });
  const taken = await pay({ ipnUrl: webhook.url });
  expect(taken.deliveries).toMatchObject({ delivered: 5, retries: 10, given_up: 0, pending: 0 });
  await using closed = await receiver(() => 500);
  const refused = await pay({ ipnUrl: closed.url, statuses: ['finished'] });
  expect(refused.deliveries).toMatchObject({ given_up: 1, pending: 0 });
  expect(closed.received).toHaveLength(4);
});

test('statuses after the end, with or without their IPN', async () => {
  await using webhook = await receiver();
  const { payments } = await pay({ ipnUrl: webhook.url, statuses: ['finished'] });
  const path = `${base}/_control/payments/${payments[0]?.paymentId}/notify`;
  const post = (body: unknown) => fetch(path, { method: 'POST', body: JSON.stringify(body) });
  await post({ status: 'confirming' });
  await post({ status: 'refunded', notify: false });
  expect(statuses(webhook.received)).toEqual(['finished', 'confirming']);
  const payment = await fetch(`${base}/v1/payment/${payments[0]?.paymentId}`, {
    headers: { 'x-api-key': 'key' },
  });
  expect(await payment.json()).toMatchObject({ payment_status: 'refunded', outcome_amount: 0.0125 });
});

test('partially paid, then finished with more: the second leg sends the difference', async () => {
  await using webhook = await receiver();
  const legs = [{ status: 'partially_paid', outcomeAmount: '0.005' }, { status: 'finished' }];
  await pay({ ipnUrl: webhook.url, statuses: legs, actuallyPaid: '25' });
  expect(webhook.received.map(({ body }) => [body.outcome_amount, body.actually_paid])).toEqual([
    [0.005, 25],
    [0.0125, 25],
  ]);
  expect(sent).toEqual([
    ['ETH', 5_000_000_000_000_000n],
    ['ETH', 7_500_000_000_000_000n],
  ]);
});

test('an outcome in a currency that is not held stays off the chain', async () => {
  await using webhook = await receiver();
  await pay({ ipnUrl: webhook.url, outcomeCurrency: 'ltc', outcomeAmount: '0.6' });
  expect(webhook.received.at(-1)?.body).toMatchObject({ outcome_currency: 'ltc', outcome_amount: 0.6 });
  expect(sent).toEqual([]);
});

test('a request that cannot be understood is refused by name', async () => {
  const options = { method: 'POST', body: '{"ipnUrl":"http://x.example","form":4}' };
  const response = await fetch(`${base}/_control/pay`, options);
  expect([response.status, await response.json()]).toEqual([400, { message: 'form should be 1, 2 or 3' }]);
});

test.each([1, 2, 3])('the gateway recognises form %i, and none of the forgeries', async (form) => {
  const secrets = ipnSecrets(SECRET);
  await using webhook = await receiver(({ raw, signature }) =>
    verifySignature(Buffer.from(raw), signature, secrets).authentic ? 200 : 401,
  );
  const { deliveries } = await pay({ ipnUrl: webhook.url, form, forge: 1, outcomeAmount: '0.00000011' });
  expect(deliveries).toMatchObject({ delivered: 5, retries: 0, forged: 2, forged_accepted: 0 });
});

test('invoices and payments outlive the process when a file keeps them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nowpayments-'));
  const options = { apiKey: 'key', ipnSecret: SECRET, sender: null, stateFile: join(folder, 'state.jsonl') };
  await using webhook = await receiver();
  const first = createNowPaymentsSimulator(options);
  const client = createNowPayments({ baseUrl: await first.listen(0), apiKey: 'key' });
  const order = { orderId: 'S1.Y', priceUsd: '50', description: '', ipnUrl: webhook.url };
  const { invoiceId } = await client.createInvoice(order);
  const body = json.stringifyJson({ invoiceId, wait: true });
  const paid = await first.app.inject({ method: 'POST', url: '/_control/pay', body });
  const { paymentId } = (paid.json() as Paid).payments[0] as { paymentId: string };
  const before = await client.payment(paymentId);
  await first.close();
  await appendFile(options.stateFile, '{"kind":"payment","row":{"payme');

  const second = createNowPaymentsSimulator(options);
  const again = createNowPayments({ baseUrl: await second.listen(0), apiKey: 'key' });
  expect(await again.payment(paymentId)).toEqual(before);
  const other = await again.createInvoice({ ...order, orderId: 'S1.Z' });
  expect(BigInt(other.invoiceId)).toBeGreaterThan(BigInt(paymentId));
  await second.close();
  await rm(folder, { recursive: true });
});

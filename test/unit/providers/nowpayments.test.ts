/** Contract of NOWPayments: the client reads the documented answers, and the simulator gives them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { json } from '../../../providers/http.ts';
import { createNowPayments, type NowPayments } from '../../../providers/nowpayments/client.ts';
import { createNowPaymentsSimulator } from '../../../providers/nowpayments/simulator.ts';
import { type Recorded, recordings, replay, shape } from './replay.ts';

const API_KEY = 'canary-key-1';
const HASH = `0x${'ab'.repeat(32)}`;
const ORDER = {
  orderId: 'S1.MZXW6YTB.AEBAGBAFAYDQQCIK.MFRGGZDFMZTWQ2LK',
  priceUsd: '1.35',
  description: 'Gold tier, 30 days',
  ipnUrl: 'https://pay.example.org/webhooks/nowpayments',
  successUrl: 'https://pay.example.org/done',
};

/** Asks with the client for what a recording is about. */
async function ask(client: NowPayments, { request }: Recorded): Promise<unknown> {
  const path = String(request.path);
  if (path.startsWith('/v1/invoice')) return client.createInvoice(ORDER);
  if (path.startsWith('/v1/min-amount')) return client.minimum('eth', 'usdterc20');
  return client.payment(path.slice('/v1/payment/'.length));
}

describe('client, from recorded answers', () => {
  test.each(recordings('nowpayments'))('$name', async (recorded) => {
    await using server = await replay(recorded.status, json.stringifyJson(recorded.response));
    const client = createNowPayments({ baseUrl: `${server.url}/v1`, apiKey: API_KEY });
    const call = ask(client, recorded);
    if (recorded.error === undefined) expect(JSON.parse(JSON.stringify(await call))).toEqual(recorded.result);
    else await expect(call).rejects.toMatchObject({ provider: 'nowpayments', ...recorded.error });
    if (recorded.result !== undefined) {
      const { method, path, body } = recorded.request;
      expect(server.seen).toEqual([
        [method, path, body && json.stringifyJson(body)].filter(Boolean).join(' '),
      ]);
    }
  });

  const waiting = recordings('nowpayments').find(({ name }) => name === 'payment, waiting') as Recorded;
  const invoice = recordings('nowpayments').find(({ name }) => name === 'create invoice') as Recorded;
  const altered = (recorded: Recorded, fields: json.JsonObject): string =>
    json.stringifyJson({ ...(recorded.response as json.JsonObject), ...fields });

  test.each<json.JsonObject>([
    { payment_id: 1 as never },
    { payment_id: '5077125068' },
    { payment_status: null },
    { pay_amount: 'lots' },
    { pay_amount: '-1' },
    { outcome_amount: {} },
    { outcome_amount: 'NaN' },
    { updated_at: 'yesterday' },
    { order_id: true },
  ])('a lying payment answer is refused: %j', async (fields) => {
    await using server = await replay(200, altered(waiting, fields));
    const client = createNowPayments({ baseUrl: server.url, apiKey: API_KEY });
    await expect(client.payment('5077125067')).rejects.toMatchObject({
      kind: 'transient',
      code: 'malformed',
    });
  });

  test.each<json.JsonObject>([
    { order_id: 'another' },
    { price_amount: '13.5' },
    { invoice_url: 'javascript:alert(1)' },
    { id: null },
  ])('a lying invoice answer is an unknown outcome: %j', async (fields) => {
    await using server = await replay(200, altered(invoice, fields));
    const client = createNowPayments({ baseUrl: server.url, apiKey: API_KEY });
    const kind = { kind: 'unknown_outcome', code: 'malformed' };
    await expect(client.createInvoice(ORDER)).rejects.toMatchObject(kind);
  });

  test('a 404 that is not the API speaking does not mean that there is no payment', async () => {
    await using server = await replay(404, '<html>no such site</html>');
    const client = createNowPayments({ baseUrl: server.url, apiKey: API_KEY });
    await expect(client.payment('5')).rejects.toMatchObject({ kind: 'permanent', code: 'http_404' });
  });

  test('a minimum of another pair is refused', async () => {
    await using server = await replay(
      200,
      '{"currency_from":"btc","currency_to":"usdterc20","min_amount":1}',
    );
    const client = createNowPayments({ baseUrl: server.url, apiKey: API_KEY });
    await expect(client.minimum('eth', 'usdterc20')).rejects.toMatchObject({ code: 'malformed' });
  });
});

describe('simulator', () => {
  const simulator = createNowPaymentsSimulator({
    apiKey: API_KEY,
    ipnSecret: 'ipn-secret',
    sender: { send: async () => HASH, close: () => {} },
    retryMs: [],
  });
  let base = '';
  let client: NowPayments;

  beforeAll(async () => {
    base = await simulator.listen(0);
    client = createNowPayments({ baseUrl: base, apiKey: API_KEY, timeoutMs: 2_000 });
  });
  beforeEach(() => control('reset', {}));
  afterAll(() => simulator.close());

  async function control(path: string, body: unknown): Promise<json.JsonObject> {
    const response = await fetch(`${base}/_control/${path}`, {
      method: 'POST',
      body: json.stringifyJson(body),
    });
    const answer = json.parseJson(await response.text());
    expect(response.ok, json.stringifyJson(answer)).toBe(true);
    return Array.isArray(answer) ? {} : (answer as json.JsonObject);
  }

  /** Makes a payment as a recording describes; what it posts goes nowhere. */
  async function pay(fields: json.JsonObject): Promise<string> {
    const invoice = await client.createInvoice({ ...ORDER, ipnUrl: 'http://127.0.0.1:9/nowhere' });
    const asked = { invoiceId: invoice.invoiceId, payCurrency: 'btc', wait: true, ...fields };
    const [payment] = json.array((await control('pay', asked)).payments, 'test.payments');
    return json.text(json.object(payment, 'test.payment').paymentId, 'test.paymentId');
  }

  test.each(recordings('nowpayments'))('answers in the documented shape: $name', async (recorded) => {
    let path = String(recorded.request.path);
    if (recorded.simulate !== undefined) path = `/v1/payment/${await pay(recorded.simulate)}`;
    const response = await fetch(base + path, {
      method: String(recorded.request.method),
      headers: { 'x-api-key': String(recorded.request.key ?? API_KEY) },
      ...(recorded.request.body === undefined ? {} : { body: json.stringifyJson(recorded.request.body) }),
    });
    const body = json.parseJson(await response.text());
    expect(response.status).toBe(recorded.status);
    expect(shape(body)).toEqual(shape(recorded.response));
    if (recorded.status >= 400) expect(body).toEqual(recorded.response);
  });

  test('a $50 payment has an outcome of 0.0125 ETH at the default price, and its hash once it is finished', async () => {
    const waiting = await client.payment(await pay({ priceUsd: '50', statuses: ['waiting'] }));
    expect(waiting).toMatchObject({
      status: 'waiting',
      outcomeAmount: '0.0125',
      payoutHash: null,
      actuallyPaid: '0',
    });
    const finished = await client.payment(await pay({ priceUsd: '50' }));
    expect(finished).toMatchObject({ status: 'finished', outcomeAmount: '0.0125', payoutHash: HASH });
    expect(finished?.actuallyPaid).toBe(finished?.payAmount);
    const usdt = await client.payment(await pay({ priceUsd: '50', outcomeCurrency: 'usdterc20' }));
    expect(usdt).toMatchObject({ outcomeAmount: '50', outcomeCurrency: 'usdterc20' });
  });

  test('GET says what a script makes it say, until it may tell the truth again', async () => {
    const id = await pay({});
    await control(`payments/${id}`, { set: { payment_status: 'refunded', outcome_amount: null } });
    expect(await client.payment(id)).toMatchObject({ status: 'refunded', outcomeAmount: null });
    await control(`payments/${id}`, { set: {} });
    expect(await client.payment(id)).toMatchObject({ status: 'finished' });
  });

  test('the log has what was asked, without the key', async () => {
    await client.payment('77');
    const log = await (await fetch(`${base}/_control/log`)).text();
    expect(JSON.parse(log)).toMatchObject([
      { method: 'GET', path: '/v1/payment/77', status: 404, fault: null },
    ]);
    expect(log).not.toContain(API_KEY);
  });

  test('an invoice is made although its answer is lost, and the client says that it cannot know', async () => {
    for (const kind of ['hang_after', 'drop_after', 'status_after', 'malformed']) {
      await control('faults', { kind, path: '/v1/invoice' });
      await expect(client.createInvoice(ORDER), kind).rejects.toMatchObject({ kind: 'unknown_outcome' });
    }
    const invoices = (await (await fetch(`${base}/_control/invoices`)).json()) as unknown[];
    expect(invoices).toHaveLength(4);
  });

  test('nothing is made when the fault comes first, and only a refusal is known to the client', async () => {
    await control('faults', { kind: 'refuse', status: 429, retry_after: 3, path: '/v1/invoice' });
    const limited = { kind: 'transient', status: 429, retryAfterMs: 3_000 };
    await expect(client.createInvoice(ORDER)).rejects.toMatchObject(limited);
    for (const kind of ['hang', 'drop', 'refuse']) {
      await control('faults', { kind, path: '/v1/invoice' });
      await expect(client.createInvoice(ORDER), kind).rejects.toMatchObject({ kind: 'unknown_outcome' });
    }
    expect(await (await fetch(`${base}/_control/invoices`)).json()).toEqual([]);
    const log = (await (await fetch(`${base}/_control/log`)).json()) as { fault: string; status: number }[];
    expect(log.map(({ fault, status }) => `${fault} ${status}`)).toEqual([
      'refuse 429',
      'hang 0',
      'drop 0',
      'refuse 500',
    ]);
  });

  test('a GET that fails in any way is transient', async () => {
    const id = await pay({});
    for (const kind of [
      'hang',
      'drop',
      'refuse',
      'hang_after',
      'drop_after',
      'status_after',
      'malformed',
      'huge',
    ]) {
      await control('faults', { kind, path: '/v1/payment' });
      await expect(client.payment(id), kind).rejects.toMatchObject({ kind: 'transient' });
    }
    expect(await client.payment(id)).toMatchObject({ status: 'finished' });
  });
});

/** The list of payments: read page by page without trusting it, with the login that the documentation asks for. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { json } from '../../../providers/http.ts';
import { createNowPayments, type NowPayments } from '../../../providers/nowpayments/client.ts';
import { createNowPaymentsSimulator } from '../../../providers/nowpayments/simulator.ts';
import { replay } from './replay.ts';

const API_KEY = 'canary-key-1';
const LOGIN = { email: 'who@example.org', password: 'canary-password' };
const SPAN = {
  from: new Date('2025-11-02T14:00:00Z'),
  to: new Date('2025-11-02T15:00:00Z'),
  page: 0,
  limit: 2,
};

/** Numbers keep their text: 0.10000000000000000001 is no double. */
const ROW = `{"payment_id":5077125067,"payment_status":"finished","pay_address":"3EZ2uT","price_amount":50,
  "price_currency":"usd","pay_amount":0.00083333,"actually_paid":0.00083333,"pay_currency":"btc","order_id":"S1.x",
  "order_description":"Gold","purchase_id":"6084744717","outcome_amount":0.10000000000000000001,"outcome_currency":"eth",
  "created_at":"2025-11-02T14:21:08.335Z"}`;
const page = (...rows: string[]) =>
  `{"data":[${rows.join(',')}],"limit":2,"page":0,"pagesCount":1,"total":${rows.length}}`;

const ask = async (body: string, status = 200) => {
  await using server = await replay(status, body);
  const client = createNowPayments({ baseUrl: server.url, apiKey: API_KEY });
  return { list: await client.payments(SPAN), seen: server.seen };
};

describe('client', () => {
  test('reads a documented page exactly, and asks for the span, oldest first', async () => {
    const { list, seen } = await ask(page(ROW));
    expect(list).toMatchObject({
      isFull: false,
      unreadable: [],
      payments: [
        {
          paymentId: '5077125067',
          orderId: 'S1.x',
          status: 'finished',
          outcomeAmount: '0.10000000000000000001',
          invoiceId: null,
          createdAt: new Date('2025-11-02T14:21:08.335Z'),
          updatedAt: null,
        },
      ],
    });
    const [request] = seen;
    expect(decodeURIComponent(request!)).toBe(
      'GET /v1/payment/?limit=2&page=0&sortBy=created_at&orderBy=asc&dateFrom=2025-11-02T14:00:00.000Z&dateTo=2025-11-02T15:00:00.000Z',
    );
  });

  test('a row that cannot be read hides no other', async () => {
    const { list } = await ask(page(ROW.replace('"finished"', '7'), ROW));
    expect(list.payments).toHaveLength(1);
    expect(list.unreadable).toEqual([expect.stringContaining('payment_status should be text, got 7')]);
    expect(list.isFull).toBe(true);
  });

  test.each([
    ['no list', '{"data":{}}'],
    ['no object', '[]'],
    ['another time', page(ROW.replace('2025-11-02', '2025-10-02'))],
    ['another order', page(ROW, ROW.replace('14:21', '14:20'))],
  ])('%s is refused: the answer to another question must move nothing on', async (_name, body) => {
    await expect(ask(body)).rejects.toMatchObject({ kind: 'transient', code: 'malformed' });
  });
});

describe('with a login', () => {
  const simulator = createNowPaymentsSimulator({
    apiKey: API_KEY,
    ipnSecret: 'ipn-secret',
    sender: null,
    retryMs: [],
    login: LOGIN,
  });
  let base = '';
  let client: NowPayments;
  const now = () => ({ from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000) });

  beforeAll(async () => {
    base = await simulator.listen(0);
  });
  beforeEach(async () => {
    await control('reset', {});
    client = createNowPayments({ baseUrl: base, apiKey: API_KEY, login: LOGIN });
  });
  afterAll(() => simulator.close());

  async function control(path: string, body: unknown): Promise<void> {
    const request = { method: 'POST', body: json.stringifyJson(body) };
    expect((await fetch(`${base}/_control/${path}`, request)).ok).toBe(true);
  }
  const paths = async () => {
    const log = (await (await fetch(`${base}/_control/log`)).json()) as { path: string }[];
    return log.map((entry) => entry.path);
  };

  test('one token serves many pages, and a refused one is replaced once', async () => {
    await client.payments({ ...now(), page: 0, limit: 10 });
    await client.payments({ ...now(), page: 0, limit: 10 });
    expect(await paths()).toEqual(['/v1/auth', '/v1/payment/', '/v1/payment/']);
    await control('logout', {});
    await client.payments({ ...now(), page: 0, limit: 10 });
    expect((await paths()).slice(3)).toEqual(['/v1/payment/', '/v1/auth', '/v1/payment/']);
  });

  test('without it the list is refused, and nothing says the secrets', async () => {
    const bare = createNowPayments({ baseUrl: base, apiKey: API_KEY });
    const refused = bare.payments({ ...now(), page: 0, limit: 10 });
    await expect(refused).rejects.toMatchObject({ kind: 'permanent', status: 401, code: 'AUTH_REQUIRED' });
    const wrong = { ...LOGIN, password: 'another-canary' };
    const other = createNowPayments({ baseUrl: base, apiKey: API_KEY, login: wrong });
    const error = await other.payments({ ...now(), page: 0, limit: 10 }).catch((caught: Error) => caught);
    expect(error).toMatchObject({ kind: 'permanent', status: 403 });
    expect(JSON.stringify([error, (error as Error).message])).not.toContain('canary');
  });

  test('pages follow each other; payments whose webhooks are lost stand in them as in GET', async () => {
    const body = { orderId: 'S1.a', ipnUrl: 'http://127.0.0.1:9/nowhere', count: 5, lost: true, wait: true };
    await control('pay', body);
    const first = await client.payments({ ...now(), page: 0, limit: 3 });
    const second = await client.payments({ ...now(), page: 1, limit: 3 });
    expect([first.isFull, second.isFull]).toEqual([true, false]);
    const all = [...first.payments, ...second.payments];
    expect(new Set(all.map(({ paymentId }) => paymentId)).size).toBe(5);
    for (const listed of all) {
      const { createdAt: _, ...same } = listed;
      expect(await client.payment(listed.paymentId)).toEqual(same);
    }
    const counts = await (await fetch(`${base}/_control/deliveries`)).json();
    expect(counts).toMatchObject({ lost: 25, delivered: 0, pending: 0 });
  });
});

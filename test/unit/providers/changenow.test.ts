/**
 * The ChangeNOW contract: one suite that runs the client against the recorded documentation and against the
 * simulator, and the simulator's answers against the recorded shapes; then every error class.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createChangeNow } from '../../../providers/changenow/client.ts';
import { type ChangeNowSimulator, createChangeNowSimulator } from '../../../providers/changenow/simulator.ts';
import type { SwapProvider, SwapRequest } from '../../../providers/changenow/swap.ts';
import { ProviderError } from '../../../providers/error.ts';

const KEY = 'test-key-changenow';
const XMR = '888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H';
const HOST = '0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A';
const PAIR = { fromCurrency: 'usdt', fromNetwork: 'eth', toCurrency: 'xmr', toNetwork: 'xmr' };
const REQUEST: SwapRequest = {
  pair: PAIR,
  fromAmount: '533.5',
  address: XMR,
  refundAddress: HOST,
  reference: 'payout-7-1',
  flow: 'standard',
};

const TEXT = readFileSync(new URL('../../fixtures/providers/changenow-v2.json', import.meta.url), 'utf8');
interface Recorded {
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}
const RECORDED = JSON.parse(TEXT) as Record<string, Recorded>;

let simulator: ChangeNowSimulator;
let simulated: string;
let replay: { url: string; server: Server; answers: Map<string, string> };

beforeAll(async () => {
  simulator = createChangeNowSimulator({ apiKey: KEY, usdtContract: HOST, bank: null });
  simulated = await simulator.listen(0);
  replay = await startReplay();
});

afterAll(async () => {
  await simulator.close();
  replay.server.close();
});

beforeEach(async () => {
  await control('/_control/reset', {});
});

/**
 * Answers each path with the recorded text, byte by byte, so that long numbers arrive as they were written.
 */
async function startReplay() {
  const answers = new Map<string, string>();
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://replay');
    const fixed = url.searchParams.get('flow') === 'fixed-rate' && url.pathname.endsWith('estimated-amount');
    const name = answers.get(url.pathname) ?? nameOf(url.pathname, fixed);
    response.writeHead(RECORDED[name]!.status, { 'content-type': 'application/json' });
    response.end(bodyText(name));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, answers };
}

function nameOf(path: string, fixed: boolean): string {
  if (fixed) return 'estimateFixed';
  return Object.keys(RECORDED).find((name) => RECORDED[name]!.path === path)!;
}

function bodyText(name: string): string {
  const start = TEXT.indexOf('"body":', TEXT.indexOf(`"${name}": {`)) + '"body":'.length;
  const opening = TEXT.slice(start).trimStart()[0]!;
  const from = TEXT.indexOf(opening, start);
  const closing = opening === '{' ? '}' : ']';
  let depth = 0;
  for (let at = from; ; at += 1) {
    if (TEXT[at] === opening) depth += 1;
    if (TEXT[at] === closing) depth -= 1;
    if (depth === 0) return TEXT.slice(from, at + 1);
  }
}

async function control(path: string, body: unknown): Promise<unknown> {
  const response = await fetch(simulated + path, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function failureOf(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProviderError)) throw new Error(`expected a ProviderError, got ${String(error)}`);
  return error;
}

const clientOf = (baseUrl: string, apiKey = KEY) => createChangeNow({ baseUrl, apiKey, timeoutMs: 1_500 });

describe.each([
  ['the recorded documentation', () => replay.url],
  ['the simulator', () => simulated],
  ['the simulator, its address ending in /v2', () => `${simulated}/v2/`],
])('the client against %s', (_name, url) => {
  const client = (): SwapProvider => clientOf(url());

  it('lists currencies', async () => {
    const found = await client().currencies();
    const usdt = found.find((one) => one.ticker === 'usdt' && one.network === 'eth');
    expect(usdt).toMatchObject({ buy: true, sell: true, extraIdSupported: false, fixedRate: true });
    expect(usdt?.tokenContract).toMatch(/^0x/);
    expect(found.find((one) => one.ticker === 'xmr')).toMatchObject({
      network: 'xmr',
      extraIdSupported: true,
    });
  });

  it('tells the range in exact text, no maximum as null', async () => {
    const range = await client().range(PAIR);
    expect(range.min).toMatch(/^\d+(\.\d+)?$/);
    expect(range.max).toBeNull();
  });

  it('estimates in both flows; only the fixed one has a rate id with an end', async () => {
    const standard = await client().estimate({ pair: PAIR, fromAmount: '533.50', flow: 'standard' });
    expect(standard).toMatchObject({ fromAmount: '533.5', rateId: null, validUntil: null });
    const fixed = await client().estimate({ pair: PAIR, fromAmount: '533.5', flow: 'fixed-rate' });
    expect(fixed.rateId).not.toBeNull();
    expect(Date.parse(fixed.validUntil!)).not.toBeNaN();
  });

  it('creates an order, finds it by our reference and reads it by id', async () => {
    const order = await client().create(REQUEST);
    expect(order).toMatchObject({
      ...PAIR,
      fromAmount: '533.5',
      payoutAddress: XMR,
      payoutExtraId: null,
      refundAddress: HOST,
      reference: 'payout-7-1',
    });
    expect(order.payinAddress).toMatch(/^0x[0-9a-fA-F]{40}$/);
    expect(await client().find('payout-7-1')).toEqual([order]);
    const status = await client().byId(order.id);
    expect(status).toMatchObject({
      id: order.id,
      ...PAIR,
      reference: 'payout-7-1',
      expectedAmountFrom: '533.5',
    });
    expect(status!.payinAddress).toBe(order.payinAddress);
  });

  it('never returns an order of another reference [failure 29]', async () => {
    await client().create(REQUEST);
    expect(await client().find('payout-7-2')).toEqual([]);
  });

  it('checks an address', async () => {
    expect(await client().addressValid('xmr', XMR)).toEqual({ valid: true, reason: null });
  });
});

describe('exact numbers', () => {
  it('keep every digit that a double would lose [failure 17]', async () => {
    const client = clientOf(replay.url);
    const estimate = await client.estimate({ pair: PAIR, fromAmount: '533.5', flow: 'standard' });
    expect(estimate.toAmount).toBe('3.556666666666123456');
    expect((await client.byId('b712390255f0a1'))?.amountTo).toBe('3.556605666666123456');
    expect((await client.create(REQUEST)).toAmount).toBe('3.556666666666123456');
  });

  it('are sent as they were given', async () => {
    await clientOf(simulated).create({ ...REQUEST, fromAmount: '533.123456' });
    const [order] = (await (await fetch(`${simulated}/_control/orders`)).json()) as {
      expectedAmountFrom: string;
      expectedAmountTo: string;
    }[];
    expect(order!.expectedAmountFrom).toBe('533.123456');
    expect(order!.expectedAmountTo).toBe('3.554156373333');
  });
});

describe('the simulator answers in the documented shapes', () => {
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(simulated + path, {
      ...init,
      headers: { 'x-changenow-api-key': KEY, 'content-type': 'application/json' },
    });
    return { status: response.status, body: (await response.json()) as unknown };
  };
  const query = new URLSearchParams({ ...PAIR, fromAmount: '533.5', flow: 'standard' }).toString();
  const order = (change: object = {}) =>
    JSON.stringify({
      ...PAIR,
      fromAmount: '533.5',
      address: XMR,
      refundAddress: HOST,
      flow: 'standard',
      ...change,
    });
  const create = async (change: object = {}) => ask('/v2/exchange', { method: 'POST', body: order(change) });

  it.each<[string, () => Promise<{ status: number; body: unknown }>]>([
    ['currencies', () => ask('/v2/exchange/currencies')],
    ['range', () => ask(`/v2/exchange/range?${query}`)],
    ['estimate', () => ask(`/v2/exchange/estimated-amount?${query}`)],
    ['create', () => create()],
    ['notValidAddress', () => create({ address: 'not-an-address' })],
    ['tooSmall', () => create({ fromAmount: '0.01' })],
    ['validate', () => ask(`/v2/validate/address?currency=xmr&address=${XMR}`)],
    ['notFound', () => ask('/v2/exchange/by-id?id=00')],
    ['byId', async () => ask(`/v2/exchange/by-id?id=${((await create()).body as { id: string }).id}`)],
    [
      'list',
      async () => {
        await create({ userId: 'shape' });
        return ask('/v2/exchanges?userId=shape&limit=10');
      },
    ],
  ])('%s', async (name, get) => {
    const { status, body } = await get();
    expect(status).toBe(RECORDED[name]!.status);
    expect(shapeOf(body)).toEqual(shapeOf(RECORDED[name]!.body));
    if (status >= 400)
      expect((body as { error: string }).error).toBe((RECORDED[name]!.body as { error: string }).error);
  });

  it('refuses a wrong key', async () => {
    const error = await failureOf(clientOf(simulated, 'wrong').currencies());
    expect([error.kind, error.status, error.code]).toEqual(['permanent', 401, 'unauthorized']);
    expect(shapeOf(RECORDED.unauthorized!.body)).toEqual({ error: 'string', message: 'any' });
  });
});

/** Keys all the way down; a list by its first entry; null fits everything, so only its key counts. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (value === null || typeof value !== 'object') return typeof value === 'string' ? 'string' : 'value';
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([key, part]) => [
        key,
        part !== null && typeof part === 'object' ? shapeOf(part) : leafOf(key, part),
      ]),
  );
}

function leafOf(key: string, part: unknown): string {
  // Whether these are there yet depends on how far the order is.
  return /Hash|hash|At$|message|amount|Amount|userId|tokenContract|RecipientId/.test(key)
    ? 'any'
    : typeof part;
}

describe('error classes', () => {
  const cases: [string, object, () => Promise<unknown>, [string, string | undefined]][] = [
    ['an order whose answer never comes', { kind: 'hang_after' }, create, ['unknown_outcome', 'timeout']],
    [
      'an order whose connection breaks after it',
      { kind: 'drop_after' },
      create,
      ['unknown_outcome', undefined],
    ],
    [
      'an order answered 502 after it',
      { kind: 'status_after', status: 502 },
      create,
      ['unknown_outcome', 'http_502'],
    ],
    ['an order answered with nonsense', { kind: 'malformed' }, create, ['unknown_outcome', 'malformed']],
    [
      'an order that is limited',
      { kind: 'refuse', status: 429, retry_after: '7' },
      create,
      ['transient', 'http_429'],
    ],
    ['a question that is never answered', { kind: 'hang' }, range, ['transient', 'timeout']],
    ['a question answered 503', { kind: 'refuse', status: 503 }, range, ['transient', 'http_503']],
    ['a question answered with nonsense', { kind: 'malformed' }, range, ['transient', 'malformed']],
  ];
  function create(): Promise<unknown> {
    return clientOf(simulated).create(REQUEST);
  }
  function range(): Promise<unknown> {
    return clientOf(simulated).range(PAIR);
  }

  it.each(cases)('%s', async (_name, fault, work, [kind, code]) => {
    await control('/_control/faults', { path: '/v2/', ...fault });
    const error = await failureOf(work());
    expect(error.kind).toBe(kind);
    if (code !== undefined) expect(error.code).toBe(code);
    expect(error.message).not.toContain(KEY);
    if (code === 'http_429') expect(error.retryAfterMs).toBe(7_000);
  });

  it("a proxy's 404 is not taken for an order that does not exist", async () => {
    await control('/_control/faults', { path: '/v2/', kind: 'refuse', status: 404, body: 'nothing here' });
    const error = await failureOf(clientOf(simulated).byId('00'));
    expect([error.kind, error.code]).toEqual(['permanent', 'http_404']);
    expect(await clientOf(simulated).byId('00')).toBeNull();
  });

  it('an order lost on the way back is found again by our reference [failures 31, H8]', async () => {
    await control('/_control/faults', { path: '/v2/', kind: 'drop_after' });
    await failureOf(clientOf(simulated).create(REQUEST));
    expect(await clientOf(simulated).find(REQUEST.reference)).toHaveLength(1);
  });

  it('nobody there: nothing happened', async () => {
    const closed = await startReplay();
    await new Promise((resolve) => closed.server.close(resolve));
    const error = await failureOf(clientOf(closed.url).create(REQUEST));
    expect([error.kind, error.code]).toEqual(['transient', 'ECONNREFUSED']);
  });

  it.each([
    ['deposit_too_small', { fromAmount: '0.5' }],
    ['not_valid_address', { address: '4notmonero' }],
    ['not_valid_refund_address', { refundAddress: '0x12' }],
    ['pair_is_inactive', { pair: { ...PAIR, fromCurrency: 'btc', fromNetwork: 'btc' } }],
    ['rate_expired', { flow: 'fixed-rate' as const, rateId: 'gone' }],
  ])('%s is permanent', async (code, change) => {
    const error = await failureOf(clientOf(simulated).create({ ...REQUEST, ...change }));
    expect([error.kind, error.status, error.code]).toEqual(['permanent', 400, code]);
  });

  it.each([
    ['an estimate for another pair', '/v2/exchange/estimated-amount', 'range'],
    ['a status of another order', '/v2/exchange/by-id', 'byId'],
  ])('%s is malformed', async (_name, path, answer) => {
    replay.answers.set(path, answer);
    const client = clientOf(replay.url);
    const work = path.endsWith('by-id')
      ? client.byId('another')
      : client.estimate({
          pair: { ...PAIR, toCurrency: 'btc', toNetwork: 'btc' },
          fromAmount: '1',
          flow: 'standard',
        });
    expect((await failureOf(work)).code).toBe('malformed');
    replay.answers.clear();
  });
});

describe('scripts', () => {
  it('answer with fields that lie, and pass them on for the caller to compare', async () => {
    await control('/_control/script', {
      match: { reference: REQUEST.reference },
      reply: { payoutAddress: '0xother', toCurrency: 'btc', fromAmount: '1' },
      statusReply: { status: 'finished', amountTo: null },
    });
    const order = await clientOf(simulated).create(REQUEST);
    expect(order).toMatchObject({ payoutAddress: '0xother', toCurrency: 'btc', fromAmount: '1' });
    expect(await clientOf(simulated).byId(order.id)).toMatchObject({ status: 'finished', amountTo: null });
  });

  it('make two orders of one request', async () => {
    await control('/_control/script', { duplicate: true });
    const order = await clientOf(simulated).create(REQUEST);
    const found = await clientOf(simulated).find(REQUEST.reference);
    expect(found.map((one) => one.id)).toContain(order.id);
    expect(found).toHaveLength(2);
    expect(new Set(found.map((one) => one.payinAddress)).size).toBe(2);
  });

  it('refuse an address once, and only for orders that match', async () => {
    await control('/_control/script', { match: { toCurrency: 'xmr' }, addressRefused: true });
    const error = await failureOf(clientOf(simulated).create(REQUEST));
    expect(error.code).toBe('not_valid_address');
    await expect(clientOf(simulated).create(REQUEST)).resolves.toMatchObject({ reference: 'payout-7-1' });
  });

  it('refuse words that they do not know', async () => {
    await expect(control('/_control/script', { ration: '0.9' })).rejects.toThrow(/400/);
  });

  it('change prices and limits', async () => {
    await control('/_control/settings', { prices: { xmr: '300' }, minUsd: '10', maxUsd: '1000' });
    const client = clientOf(simulated);
    expect(await client.range(PAIR)).toEqual({ min: '10', max: '1000' });
    const estimate = await client.estimate({ pair: PAIR, fromAmount: '300', flow: 'standard' });
    expect(estimate.toAmount).toBe('1');
  });

  it('limit requests per minute', async () => {
    await control('/_control/settings', { perMinute: 0 });
    const error = await failureOf(clientOf(simulated).range(PAIR));
    expect([error.kind, error.code]).toEqual(['transient', 'too_many_requests']);
    expect(error.retryAfterMs).toBeGreaterThan(0);
  });
});

/** Contract of the price feed: the client reads the documented answers, and the simulator gives them. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { json } from '../../../providers/http.ts';
import { createPriceFeed, type PriceFeed } from '../../../providers/prices/client.ts';
import { createPriceFeedSimulator } from '../../../providers/prices/simulator.ts';
import { recordings, replay, shape } from './replay.ts';

const simulator = createPriceFeedSimulator();
let base = '';
let feed: PriceFeed;

beforeAll(async () => {
  base = await simulator.listen(0);
  feed = createPriceFeed({ baseUrl: base, perMinute: 10_000, timeoutMs: 2_000 });
});
beforeEach(() => control('reset', {}));
afterAll(() => simulator.close());

async function control(path: string, body: unknown): Promise<void> {
  const response = await fetch(`${base}/_control/${path}`, { method: 'POST', body: JSON.stringify(body) });
  expect(response.status).toBe(200);
}

test.each(recordings('prices'))('client: $name', async ({ status, response, result, error }) => {
  await using server = await replay(status, json.stringifyJson(response));
  const call = createPriceFeed({ baseUrl: `${server.url}/` }).spot();
  if (error === undefined) expect(JSON.parse(JSON.stringify(await call))).toEqual(result);
  else await expect(call).rejects.toMatchObject({ provider: 'prices', ...error });
  expect(server.seen).toEqual([
    'GET /api/v3/simple/price?ids=ethereum%2Ctether&vs_currencies=usd&include_last_updated_at=true&precision=full',
  ]);
});

test('simulator: answers in the documented shape, 4,000 by default', async () => {
  const query = 'ids=ethereum,tether&vs_currencies=usd&include_last_updated_at=true&precision=full';
  const body = json.parseJson(await (await fetch(`${base}/api/v3/simple/price?${query}`)).text());
  expect(shape(body)).toEqual(shape(recordings('prices')[0]?.response));
  const spot = await feed.spot();
  expect(spot).toMatchObject({ ethUsd: '4000', usdtUsd: '1' });
  expect(Math.abs(Date.now() - (spot.updatedAt?.getTime() ?? 0))).toBeLessThan(30_000);
});

test('simulator: leaves out ids that it does not know and asks for what is missing', async () => {
  const known = await fetch(`${base}/api/v3/simple/price?ids=nothing,tether&vs_currencies=usd`);
  expect(await known.json()).toEqual({ tether: { usd: 1 } });
  expect((await fetch(`${base}/api/v3/simple/price?ids=tether`)).status).toBe(422);
});

test('simulator: says what it is told, stale, zero or absurd', async () => {
  await control('prices', { ethereum: { usd: 4_000_000, age_seconds: 900 } });
  const spot = await feed.spot();
  expect(spot.ethUsd).toBe('4000000');
  expect(Date.now() - (spot.updatedAt?.getTime() ?? 0)).toBeGreaterThan(800_000);
  await control('prices', { ethereum: { usd: 4000, age_seconds: null } });
  expect((await feed.spot()).updatedAt).toBeNull();
  await control('prices', { ethereum: { usd: 0 } });
  await expect(feed.spot()).rejects.toMatchObject({ kind: 'transient', code: 'malformed' });
  await control('prices', { ethereum: null });
  await expect(feed.spot()).rejects.toMatchObject({ kind: 'transient', code: 'malformed' });
});

test.each([
  [
    { kind: 'refuse', status: 429, retry_after: 30 },
    { kind: 'transient', status: 429, retryAfterMs: 30_000 },
  ],
  [
    { kind: 'refuse', status: 500 },
    { kind: 'transient', status: 500 },
  ],
  [{ kind: 'hang' }, { kind: 'transient', code: 'timeout' }],
  [{ kind: 'drop' }, { kind: 'transient' }],
  [{ kind: 'malformed' }, { kind: 'transient', code: 'malformed' }],
  [{ kind: 'huge' }, { kind: 'transient', code: 'malformed' }],
])('simulator: fault %j', async (fault, error) => {
  await control('faults', fault);
  await expect(feed.spot()).rejects.toMatchObject({ provider: 'prices', ...error });
  expect((await feed.spot()).ethUsd).toBe('4000'); // the script names one request
});

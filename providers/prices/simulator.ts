/**
 * A price feed that answers as CoinGecko's simple price does, with a control side: `POST /_control/prices` sets prices,
 * their age, or takes a coin away.
 */
import type { FastifyInstance } from 'fastify';
import { json } from '../http.ts';
import { createSimulatorApp } from '../simulator-app.ts';

interface Coin {
  /** Exact text of the JSON number that is sent; also 0, negative or absurd. */
  usd: string;
  /** How old the price says it is, in seconds; null leaves the time out. */
  ageSeconds: number | null;
}

const DEFAULTS: Readonly<Record<string, string>> = { ethereum: '4000', tether: '1' };

export interface PriceFeedSimulator {
  readonly app: FastifyInstance;
  listen(port: number, host?: string): Promise<string>;
  close(): Promise<void>;
}

export function createPriceFeedSimulator(): PriceFeedSimulator {
  const coins = new Map<string, Coin>();
  const reset = (): void => {
    coins.clear();
    for (const [id, usd] of Object.entries(DEFAULTS)) coins.set(id, { usd, ageSeconds: 5 });
  };
  reset();
  const simulator = createSimulatorApp(reset);
  const { app } = simulator;

  app.get('/api/v3/ping', async () => ({ gecko_says: '(V3) To the Moon!' }));
  app.get('/api/v3/simple/price', async (request, reply) => {
    const query = request.query as Record<string, string | undefined>;
    if (query.ids === undefined || query.vs_currencies === undefined) {
      const missing = query.ids === undefined ? 'ids' : 'vs_currencies';
      return reply.code(422).send({ error: `Missing parameter ${missing}` });
    }
    const withTime = query.include_last_updated_at === 'true';
    return Object.fromEntries(
      query.ids
        .split(',')
        .filter((id) => coins.has(id))
        .map((id) => [id, answer(coins.get(id) as Coin, withTime)]),
    );
  });

  app.get('/_control/prices', async () => Object.fromEntries(coins));
  // { "ethereum": { "usd": 4100, "age_seconds": 900 }, "tether": null }: null takes the coin away
  app.post('/_control/prices', async (request) => {
    for (const [id, value] of Object.entries(json.object(request.body as json.Json, 'prices.control'))) {
      if (value === null) coins.delete(id);
      else coins.set(id, readCoin(value));
    }
    return Object.fromEntries(coins);
  });

  return { app, listen: simulator.listen, close: simulator.close };
}

function answer(coin: Coin, withTime: boolean): unknown {
  const usd = json.exact(coin.usd);
  if (!withTime || coin.ageSeconds === null) return { usd };
  return { usd, last_updated_at: Math.floor(Date.now() / 1000) - coin.ageSeconds };
}

/** Not through `json.decimal`, so that a test can make the feed say something that is no usable price. */
function readCoin(value: json.Json): Coin {
  const fields = json.object(value, 'prices.control');
  const age = fields.age_seconds;
  const ageSeconds = age === null ? null : Number(String(age ?? 5));
  return { usd: String(fields.usd), ageSeconds };
}

/**
 * A price feed in the form of CoinGecko's simple price: the second source that a swap provider's rate is checked
 * against. It reports what the feed says; whether that is fresh and plausible is for the caller to decide.
 */
import { malformed } from '../error.ts';
import { createHttp, json } from '../http.ts';

const PROVIDER = 'prices';

export interface SpotPrices {
  /** US dollars per whole unit, exact decimal text, > 0. */
  readonly ethUsd: string;
  readonly usdtUsd: string;
  /** The older of the two prices' times; null when the feed does not say, and then its age is unknown. */
  readonly updatedAt: Date | null;
}

export interface PriceFeed {
  /** @throws ProviderError; a price that is missing, zero or negative is `malformed` */
  spot(): Promise<SpotPrices>;
}

export interface PriceFeedOptions {
  /** Without `/api/v3`. */
  readonly baseUrl: string;
  readonly timeoutMs?: number;
  readonly perMinute?: number;
}

/** The free plan of the public feed allows 30 a minute; the refresher asks far less. */
const PER_MINUTE_DEFAULT = 25;

export function createPriceFeed(options: PriceFeedOptions): PriceFeed {
  const http = createHttp({
    provider: PROVIDER,
    baseUrl: options.baseUrl,
    perMinute: options.perMinute ?? PER_MINUTE_DEFAULT,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  return {
    async spot() {
      const reply = await http.get('/api/v3/simple/price', {
        ids: 'ethereum,tether',
        vs_currencies: 'usd',
        include_last_updated_at: 'true',
        precision: 'full',
      });
      const coins = json.object(reply, `${PROVIDER}.answer`);
      const eth = readCoin(coins, 'ethereum');
      const usdt = readCoin(coins, 'tether');
      return { ethUsd: eth.usd, usdtUsd: usdt.usd, updatedAt: older(eth.updatedAt, usdt.updatedAt) };
    },
  };
}

function readCoin(coins: json.JsonObject, id: string): { usd: string; updatedAt: Date | null } {
  const coin = json.object(coins[id], `${PROVIDER}.${id}`);
  const usd = json.decimal(coin.usd, `${PROVIDER}.${id}.usd`);
  if (usd === '0') throw malformed(PROVIDER, `${id} costs 0`);
  return { usd, updatedAt: json.nullableInstant(coin.last_updated_at, `${PROVIDER}.${id}.last_updated_at`) };
}

function older(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return null;
  return a < b ? a : b;
}

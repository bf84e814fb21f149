/** The intent `rates`: one refresher asks both sources and writes a snapshot; the first usable one wakes the cure. */
import { unvaluedPartitions } from '../../ledger/sql/unvalued-partitions.ts';
import { load, write } from '../../ledger/store.ts';
import { rates } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { SwapProvider } from '../../providers/changenow/swap.ts';
import type { PriceFeed } from '../../providers/prices/client.ts';
import { ASSETS } from '../../schemas/assets.ts';
import type { Codec } from '../../schemas/codec.ts';
import { formatMoney } from '../../schemas/money.ts';
import type { Settings } from '../../schemas/settings.ts';
import { CLIENT_PARTITIONS } from '../../schemas/topology.ts';
import type { EffectKind } from '../runtime/intent-steps.ts';
import { ethToQuote, judgeRate, type RateBounds, type Sources } from './transition-rates.ts';

export interface RatesDeps {
  readonly codec: Codec;
  readonly swap: Pick<SwapProvider, 'estimate'>;
  readonly prices: PriceFeed;
  readonly settings: Pick<
    Settings,
    'RATE_MAX_AGE' | 'RATE_MAX_DEVIATION_BPS' | 'USDT_PEG_MAX_BPS' | 'RATE_QUOTE_USD'
  >;
  /** Told about a snapshot that can't be used, and about sources that do not answer. */
  readonly warn: (message: string) => void;
}

export const ETH_TO_USDT = {
  fromCurrency: ASSETS.ETH.ticker,
  fromNetwork: ASSETS.ETH.network,
  toCurrency: ASSETS.USDT.ticker,
  toNetwork: ASSETS.USDT.network,
};

/** Snapshots per RATE_MAX_AGE: four may fail in a row before payments stay unvalued. */
const PER_AGE = 5;
const AFTER_FAILURE_MS = 5_000;

export function ratesKind(deps: RatesDeps): EffectKind<null, Sources> {
  const { settings, codec } = deps;
  const bounds: RateBounds = {
    maxAgeMs: settings.RATE_MAX_AGE,
    deviationBps: settings.RATE_MAX_DEVIATION_BPS,
    pegBps: settings.USDT_PEG_MAX_BPS,
    quoteUsd: formatMoney(settings.RATE_QUOTE_USD),
  };
  const interval = Math.ceil(settings.RATE_MAX_AGE / PER_AGE);
  return {
    kind: 'rates',
    plan: async () => ({ call: null }),
    perform: () => ask(deps, bounds.quoteUsd),
    isEffect: () => false,
    async apply(tx, _intent, _call, outcome, now) {
      if ('error' in outcome) {
        deps.warn(`no rate: ${outcome.error.code}: ${outcome.error.message}`);
        return { pollAt: new Date(now.getTime() + Math.min(interval, AFTER_FAILURE_MS)) };
      }
      const work = new Work(now);
      const [last] = await load(tx, work, rates, 'WHERE r.usable ORDER BY r.at DESC LIMIT 1', []);
      const row = work.put(rates, judgeRate(outcome.ok, last, now, bounds));
      if (row.usable) {
        for (const partition of await unvaluedPartitions(tx, CLIENT_PARTITIONS)) {
          work.wake(`cure:${partition}`, 'cure', String(partition));
        }
      } else deps.warn(`rate not usable: ${row.reason}`);
      await write(tx, work, codec);
      return { pollAt: new Date(now.getTime() + interval) };
    },
  };
}

async function ask(deps: RatesDeps, quoteUsd: string): Promise<Sources> {
  const spot = await deps.prices.spot();
  const fromEth = ethToQuote(quoteUsd, spot.ethUsd);
  const estimate = await deps.swap.estimate({ pair: ETH_TO_USDT, fromAmount: fromEth, flow: 'standard' });
  return { spot, quote: { fromEth, toUsdt: estimate.toAmount } };
}

/** The locked rate: what a quote of the swap provider really gives, believed only when a second source agrees. */
import type { RateRow } from '../../ledger/tables.ts';
import { eventId } from '../../schemas/event-id.ts';
import { Rate } from '../../schemas/money.ts';

/** All exact decimal text. */
export interface Sources {
  /** ETH -> USDT, provider fees included. */
  readonly quote: { readonly fromEth: string; readonly toUsdt: string };
  readonly spot: { readonly ethUsd: string; readonly usdtUsd: string; readonly updatedAt: Date | null };
}

export interface RateBounds {
  readonly maxAgeMs: number;
  readonly deviationBps: number;
  readonly pegBps: number;
  /** Decimal text of RATE_QUOTE_USD. */
  readonly quoteUsd: string;
}

/** A rate this many times off the last usable one is a fault of a source, not a market. */
const ABSURD = 3;
/** After so long the last usable one says nothing any more. */
const REMEMBERED_MS = 24 * 60 * 60_000;
const PLACES = 18;

/** A snapshot; unusable with the reason when a bound is broken. Nothing is ever averaged or guessed. */
export function judgeRate(
  sources: Sources,
  last: RateRow | undefined,
  now: Date,
  bounds: RateBounds,
): RateRow {
  const { quote, spot } = sources;
  const net = netRate(quote);
  const reason = reasonAgainst(net, sources, last, now, bounds);
  return {
    rate_id: eventId('rate', now.toISOString()),
    at: now,
    usable: reason === null,
    reason,
    usdt_per_eth: net.toFixed(),
    quote_usd: bounds.quoteUsd,
    spot_eth_usd: spot.ethUsd,
    spot_usdt_usd: spot.usdtUsd,
  };
}

/** USDT per ETH, rounded down; zero when there was nothing to divide by. */
function netRate(quote: Sources['quote']): Rate {
  const from = new Rate(quote.fromEth);
  if (from.lte(0)) return new Rate(0);
  return new Rate(quote.toUsdt).div(from).toDecimalPlaces(PLACES, Rate.ROUND_DOWN);
}

function reasonAgainst(
  net: Rate,
  { spot }: Sources,
  last: RateRow | undefined,
  now: Date,
  bounds: RateBounds,
): string | null {
  const ethUsd = new Rate(spot.ethUsd);
  const usdtUsd = new Rate(spot.usdtUsd);
  if (net.lte(0) || ethUsd.lte(0) || usdtUsd.lte(0)) return 'a price is not above zero';
  if (spot.updatedAt === null) return 'the price feed does not say how old its prices are';
  const ageMs = now.getTime() - spot.updatedAt.getTime();
  if (ageMs > bounds.maxAgeMs) return `the price feed is ${Math.round(ageMs / 1_000)} s old`;
  if (bpsApart(usdtUsd, new Rate(1)).gt(bounds.pegBps)) return `USDT is at ${spot.usdtUsd} USD, off its peg`;
  const apart = bpsApart(net.times(usdtUsd), ethUsd);
  if (apart.gt(bounds.deviationBps)) {
    return `the quote gives ${net.toDecimalPlaces(2).toFixed()} USDT per ETH, the feed says ${spot.ethUsd} USD`;
  }
  return absurdity(net, last, now);
}

function absurdity(net: Rate, last: RateRow | undefined, now: Date): string | null {
  if (!last || now.getTime() - last.at.getTime() > REMEMBERED_MS) return null;
  const before = new Rate(last.usdt_per_eth);
  const isAbsurd = net.gt(before.times(ABSURD)) || net.times(ABSURD).lt(before);
  return isAbsurd ? `${net.toDecimalPlaces(2).toFixed()} after ${before.toFixed()} is absurd` : null;
}

/** Distance of a from b in basis points of b. */
function bpsApart(a: Rate, b: Rate): Rate {
  return a.minus(b).abs().times(10_000).div(b);
}

/** How much ETH is quoted: RATE_QUOTE_USD worth of it at the spot price, six decimals. */
export function ethToQuote(quoteUsd: string, ethUsd: string): string {
  return new Rate(quoteUsd).div(new Rate(ethUsd)).toDecimalPlaces(6, Rate.ROUND_UP).toFixed();
}

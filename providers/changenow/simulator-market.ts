/**
 * What the ChangeNOW simulator trades: its currencies, fixed prices in US dollars, limits and address checks.
 */
import { createRequire } from 'node:module';
import { heldAssetOf } from '../../schemas/assets.ts';
import { Rate } from '../../schemas/money.ts';
import type { SwapPair } from './swap.ts';

/** The package is CommonJS and has no types. */
const validator = createRequire(import.meta.url)('multicoin-address-validator') as {
  findCurrency(symbol: string): unknown;
  validate(address: string, symbol: string): boolean;
};

interface Coin {
  readonly ticker: string;
  readonly network: string;
  readonly name: string;
  readonly decimals: number;
  readonly priceUsd: string;
  readonly extraId?: true;
  readonly contract?: string;
}

const COINS: readonly Coin[] = [
  { ticker: 'eth', network: 'eth', name: 'Ethereum', decimals: 18, priceUsd: '4000' },
  { ticker: 'usdt', network: 'eth', name: 'Tether (ERC20)', decimals: 6, priceUsd: '1' },
  { ticker: 'usdt', network: 'trx', name: 'Tether (TRC20)', decimals: 6, priceUsd: '1' },
  { ticker: 'btc', network: 'btc', name: 'Bitcoin', decimals: 8, priceUsd: '60000' },
  { ticker: 'xmr', network: 'xmr', name: 'Monero', decimals: 12, priceUsd: '150', extraId: true },
  { ticker: 'ltc', network: 'ltc', name: 'Litecoin', decimals: 8, priceUsd: '80' },
  { ticker: 'bch', network: 'bch', name: 'Bitcoin Cash', decimals: 8, priceUsd: '400' },
  { ticker: 'doge', network: 'doge', name: 'Dogecoin', decimals: 8, priceUsd: '0.2' },
  { ticker: 'trx', network: 'trx', name: 'TRON', decimals: 6, priceUsd: '0.25' },
  { ticker: 'sol', network: 'sol', name: 'Solana', decimals: 9, priceUsd: '160' },
  { ticker: 'xrp', network: 'xrp', name: 'Ripple', decimals: 6, priceUsd: '2.5', extraId: true },
  { ticker: 'xlm', network: 'xlm', name: 'Stellar', decimals: 7, priceUsd: '0.4', extraId: true },
  { ticker: 'ada', network: 'ada', name: 'Cardano', decimals: 6, priceUsd: '0.8' },
];

/** Kept as text; null = no limit. */
export interface Settings {
  /** US dollars per unit, by ticker; overrides the fixed price. */
  prices: Record<string, string>;
  minUsd: string;
  maxUsd: string | null;
  /** Wait between two statuses of a funded order, ms. */
  stepMs: number;
  /** Requests per minute before 429; null = no limit. */
  perMinute: number | null;
}

export const SETTINGS_DEFAULT: Readonly<Settings> = {
  prices: {},
  minUsd: '2',
  maxUsd: null,
  stepMs: 300,
  perMinute: null,
};

export function coinOf(ticker: string, network: string): Coin | undefined {
  return COINS.find((coin) => coin.ticker === ticker.toLowerCase() && coin.network === network.toLowerCase());
}

/** Both sides are traded, they differ, and the deposit can arrive on the development chain. */
export function isTraded(pair: SwapPair): boolean {
  const from = coinOf(pair.fromCurrency, pair.fromNetwork);
  const to = coinOf(pair.toCurrency, pair.toNetwork);
  const paysIn = heldAssetOf(pair.fromCurrency, pair.fromNetwork) !== undefined;
  return paysIn && from !== undefined && to !== undefined && from !== to;
}

/**
 * Floor of amount x price(from) / price(to) x ratio at the decimals of the target. @param ratio 1 = no loss
 */
export function convert(settings: Settings, pair: SwapPair, fromAmount: string, ratio = '1'): string {
  const to = coinOf(pair.toCurrency, pair.toNetwork)!;
  const value = new Rate(fromAmount).mul(priceOf(settings, pair.fromCurrency, pair.fromNetwork)).mul(ratio);
  return value
    .div(priceOf(settings, pair.toCurrency, pair.toNetwork))
    .toDecimalPlaces(to.decimals)
    .toFixed();
}

/** In fromCurrency, rounded so that both limits can really be sent. */
export function limitsOf(settings: Settings, pair: SwapPair): { min: string; max: string | null } {
  const price = priceOf(settings, pair.fromCurrency, pair.fromNetwork);
  const places = coinOf(pair.fromCurrency, pair.fromNetwork)!.decimals;
  const amount = (usd: string, up: boolean) =>
    new Rate(usd)
      .div(price)
      .toDecimalPlaces(places, up ? Rate.ROUND_UP : Rate.ROUND_DOWN)
      .toFixed();
  return { min: amount(settings.minUsd, true), max: settings.maxUsd && amount(settings.maxUsd, false) };
}

/** `ratio` of an amount, floored at the decimals of its currency. */
export function share(ticker: string, network: string, amount: string, ratio: string): string {
  return new Rate(amount).mul(ratio).toDecimalPlaces(coinOf(ticker, network)!.decimals).toFixed();
}

/** By ticker alone, as the real check; a network is tried for tokens. */
export function isAddress(ticker: string, address: string, network?: string): boolean {
  const chain = (network ?? COINS.find((coin) => coin.ticker === ticker)?.network ?? ticker).toLowerCase();
  const known = validator.findCurrency(chain);
  return known ? validator.validate(address, chain) : /^\S{8,120}$/.test(address);
}

/** As `GET /v2/exchange/currencies` lists them. */
export function currencyList(usdtContract: string): unknown[] {
  return COINS.map((coin) => ({
    ticker: coin.ticker,
    name: coin.name,
    image: `/images/${coin.ticker}.svg`,
    hasExternalId: coin.extraId === true,
    isExtraIdSupported: coin.extraId === true,
    isFiat: false,
    featured: true,
    isStable: coin.ticker === 'usdt',
    supportsFixedRate: true,
    network: coin.network,
    tokenContract: coin.ticker === 'usdt' && coin.network === 'eth' ? usdtContract : null,
    buy: true,
    sell: heldAssetOf(coin.ticker, coin.network) !== undefined,
    legacyTicker: coin.ticker === 'usdt' ? `usdt${coin.network === 'eth' ? 'erc20' : 'trc20'}` : coin.ticker,
  }));
}

function priceOf(settings: Settings, ticker: string, network: string): string {
  return settings.prices[ticker.toLowerCase()] ?? coinOf(ticker, network)!.priceUsd;
}

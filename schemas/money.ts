/**
 * Money: a ledger asset and a whole number of its minor units. Amounts of different assets do not add (it does
 * not compile) and no binary float ever holds one. Decimal text is read and written exactly or refused.
 */
import { Decimal } from 'decimal.js';
import { ASSETS, type LedgerAsset } from './assets.ts';

/** Rates and percentages only; precision is set once, here (decimal.js defaults to 20, too few for 18 + 6). */
export const Rate = Decimal.clone({
  precision: 60,
  rounding: Decimal.ROUND_DOWN,
  toExpNeg: -1000,
  toExpPos: 1000,
});
export type Rate = Decimal;

export interface Money<A extends LedgerAsset = LedgerAsset> {
  readonly asset: A;
  /** Whole minor units (wei for ETH, micro-USDT for USDT); signed. */
  readonly minor: bigint;
}

export class MoneyError extends Error {
  override name = 'MoneyError';
}

export function money<A extends LedgerAsset>(asset: A, minor: bigint): Money<A> {
  return { asset, minor };
}

export function add<A extends LedgerAsset>(a: Money<A>, b: Money<NoInfer<A>>): Money<A> {
  assertSameAsset(a, b);
  return money(a.asset, a.minor + b.minor);
}

export function subtract<A extends LedgerAsset>(a: Money<A>, b: Money<NoInfer<A>>): Money<A> {
  assertSameAsset(a, b);
  return money(a.asset, a.minor - b.minor);
}

export function negate<A extends LedgerAsset>(a: Money<A>): Money<A> {
  return money(a.asset, -a.minor);
}

/** The types forbid it; a value that came through JSON or a union could still try. */
function assertSameAsset(a: Money, b: Money): void {
  if (a.asset !== b.asset) throw new MoneyError(`cannot combine ${a.asset} with ${b.asset}`);
}

const DECIMAL_TEXT = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/**
 * Exact decimal text (exponent allowed, as JSON numbers may have one) to whole units of 10^-decimals.
 * @throws MoneyError when it is not a number, or needs more decimals than there are (never rounds)
 */
export function parseUnits(text: string, decimals: number): bigint {
  const match = DECIMAL_TEXT.exec(text);
  if (!match) throw new MoneyError(`not a decimal number: ${JSON.stringify(text.slice(0, 80))}`);
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const shift = decimals - fraction.length + Number.parseInt(exponent, 10);
  if (Math.abs(shift) > 200 || digits.length > 200) throw new MoneyError('number too long');
  let units: bigint;
  if (shift >= 0) {
    units = BigInt(digits) * 10n ** BigInt(shift);
  } else {
    const divisor = 10n ** BigInt(-shift);
    const value = BigInt(digits);
    if (value % divisor !== 0n) throw new MoneyError(`more than ${decimals} decimals: ${text.slice(0, 80)}`);
    units = value / divisor;
  }
  return sign === '-' ? -units : units;
}

/** Whole units of 10^-decimals as plain decimal text: no exponent, no trailing zeros. */
export function formatUnits(units: bigint, decimals: number): string {
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`;
}

/** @throws MoneyError when the text does not fit the asset exactly */
export function parseMoney<A extends LedgerAsset>(asset: A, text: string): Money<A> {
  return money(asset, parseUnits(text, ASSETS[asset].decimals));
}

/** Plain decimal text of the amount alone, for example `48.5`. */
export function formatMoney(amount: Money): string {
  return formatUnits(amount.minor, ASSETS[amount.asset].decimals);
}

/** floor(amount x bps / 10,000), for amount >= 0 (money.md, rounding). */
export function feeOf<A extends LedgerAsset>(gross: Money<A>, bps: number): Money<A> {
  if (gross.minor < 0n) throw new MoneyError('a fee is taken from an amount >= 0');
  if (!Number.isInteger(bps) || bps < 0 || bps > 2_000) throw new MoneyError(`fee out of bounds: ${bps} bps`);
  return money(gross.asset, (gross.minor * BigInt(bps)) / 10_000n);
}

/** floor(amount x rate) at the target's minor unit; rate = whole target units per whole source unit. */
export function convertFloor<B extends LedgerAsset>(amount: Money, rate: Rate, target: B): Money<B> {
  if (amount.minor < 0n) throw new MoneyError('only amounts >= 0 are converted');
  if (!rate.isFinite() || rate.lte(0)) throw new MoneyError(`unusable rate ${rate.toFixed()}`);
  const { numerator, denominator } = ratio(rate);
  const scale = ASSETS[target].decimals - ASSETS[amount.asset].decimals;
  const up = scale >= 0 ? 10n ** BigInt(scale) : 1n;
  const down = scale < 0 ? 10n ** BigInt(-scale) : 1n;
  return money(target, (amount.minor * numerator * up) / (denominator * down));
}

/** The rate as an exact fraction of integers, so that a product is floored once and nowhere else. */
function ratio(rate: Rate): { numerator: bigint; denominator: bigint } {
  const places = rate.decimalPlaces();
  return { numerator: parseUnits(rate.toFixed(), places), denominator: 10n ** BigInt(places) };
}

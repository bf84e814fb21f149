/**
 * What a payment is worth: strategy, asset, gross, fee, net at a rate (money.md, rounding). Pure; used by convert, by
 * the unvalued cure and by late confirmations, so that a value is computed in one place.
 */
import { ASSETS, assetOfNowpaymentsCode, type LedgerAsset } from '../../schemas/assets.ts';
import type { PaymentFacts } from '../../schemas/events.ts';
import {
  convertFloor,
  feeOf,
  type Money,
  MoneyError,
  money,
  parseUnits,
  Rate,
  subtract,
} from '../../schemas/money.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';

/** A usable snapshot: USDT per ETH net of provider fees, exact text. */
export interface UsableRate {
  readonly rate_id: string;
  readonly usdt_per_eth: string;
}

export interface ValuationContext {
  readonly strategy: string;
  readonly feeBps: number;
  /** undefined: none fresh and agreed. */
  readonly rate: UsableRate | undefined;
}

interface Received {
  readonly strategy: string;
  readonly received: Money;
}

export interface Valued extends Received {
  readonly kind: 'valued';
  readonly gross: Money;
  readonly fee: Money;
  readonly net: Money;
  readonly fee_bps: number;
  readonly rate_id: string | null;
  readonly rate: string | null;
  readonly reason: null;
}

export interface Unvalued extends Received {
  readonly kind: 'unvalued';
  readonly gross: null;
  readonly fee: null;
  readonly net: null;
  readonly fee_bps: null;
  readonly rate_id: null;
  readonly rate: null;
  readonly reason: ReasonCode;
}

export type Value = Valued | Unvalued;

export interface Refusal {
  readonly kind: 'rejected';
  readonly reason: ReasonCode;
}

/** The outcome as money of a held asset, exact. */
export function outcomeOf(facts: PaymentFacts): Money | Refusal {
  if (facts.outcome_amount === null || facts.outcome_currency === null) return refuse('outcome_missing');
  const asset = assetOfNowpaymentsCode(facts.outcome_currency);
  if (!asset) return refuse('outcome_asset_not_held');
  try {
    const minor = parseUnits(facts.outcome_amount, ASSETS[asset].decimals);
    return minor > 0n ? money(asset, minor) : refuse('outcome_missing');
  } catch (error) {
    if (error instanceof MoneyError) return refuse('amount_inexact');
    throw error;
  }
}

function refuse(reason: ReasonCode): Refusal {
  return { kind: 'rejected', reason };
}

/**
 * Values what was received; with `already`, only what came above it (second leg of a partially paid payment).
 * threshold: gross = floor(outcome x rate) at USDT's minor unit; instant: gross = outcome; fee = floor(gross x bps / 10,000).
 */
export function valuePayment(facts: PaymentFacts, context: ValuationContext, already = 0n): Value | Refusal {
  const outcome = outcomeOf(facts);
  if ('kind' in outcome) return outcome;
  return valueReceived(money(outcome.asset, outcome.minor - already), context);
}

/** Values an amount received in a ledger asset. */
export function valueReceived(received: Money, context: ValuationContext): Value | Refusal {
  const { strategy, feeBps, rate } = context;
  const target: LedgerAsset = strategy === 'instant' ? received.asset : 'USDT';
  if (received.asset === target) return valued(received, received, strategy, feeBps, undefined);
  if (!rate) return unvalued(received, strategy);
  const gross = convertFloor(received, new Rate(rate.usdt_per_eth), target);
  return valued(received, gross, strategy, feeBps, rate);
}

function valued(
  received: Money,
  gross: Money,
  strategy: string,
  bps: number,
  rate: UsableRate | undefined,
): Valued | Refusal {
  if (gross.minor === 0n) return refuse('value_too_small');
  const fee = feeOf(gross, bps);
  return {
    kind: 'valued',
    strategy,
    received,
    gross,
    fee,
    net: subtract(gross, fee),
    fee_bps: bps,
    rate_id: rate?.rate_id ?? null,
    rate: rate?.usdt_per_eth ?? null,
    reason: null,
  };
}

function unvalued(received: Money, strategy: string): Unvalued {
  return {
    kind: 'unvalued',
    strategy,
    received,
    gross: null,
    fee: null,
    net: null,
    fee_bps: null,
    rate_id: null,
    rate: null,
    reason: 'no_usable_rate',
  };
}

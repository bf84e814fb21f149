/** What a payment is worth: the figures of money.md, floors, and what is refused instead of guessed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convert } from '../../../../processors/convert/transition.ts';
import { valuePayment, valueReceived } from '../../../../processors/convert/value.ts';
import type { PaymentFacts } from '../../../../schemas/events.ts';
import { formatMoney, money } from '../../../../schemas/money.ts';
import { eth, facts, NOW, proposed, usdt } from '../../../fixtures/ledger-rows.ts';

const RATE = { rate_id: 'r-1', usdt_per_eth: '4000' };
const threshold = { strategy: 'threshold', feeBps: 300, rate: RATE };
const instant = { strategy: 'instant', feeBps: 300, rate: undefined };

function textOf(part: Partial<PaymentFacts>, context: Parameters<typeof valuePayment>[1]) {
  const value = valuePayment(facts(part), context);
  if (!('gross' in value)) return value.reason;
  if (!value.gross || !value.fee || !value.net) return value.reason;
  return `${value.gross.asset} ${[value.gross, value.fee, value.net].map(formatMoney).join(' ')}`;
}

describe('what a payment is worth', () => {
  it.each([
    ['threshold, $50 at 4,000 and 3 %', { outcome_amount: '0.0125' }, threshold, 'USDT 50 1.5 48.5'],
    [
      'instant: the received asset, no rate needed',
      { outcome_amount: '0.0125' },
      instant,
      'ETH 0.0125 0.000375 0.012125',
    ],
    [
      'USDT received, threshold: no rate needed',
      { outcome_amount: '50', outcome_currency: 'usdterc20' },
      { ...threshold, rate: undefined },
      'USDT 50 1.5 48.5',
    ],
    [
      'USDT received, instant',
      { outcome_amount: '50', outcome_currency: 'USDTERC20' },
      instant,
      'USDT 50 1.5 48.5',
    ],
    [
      'gross is floored at a micro-USDT',
      { outcome_amount: '0.000000000333333333' },
      threshold,
      'USDT 0.000001 0 0.000001',
    ],
    ['the fee is floored', { outcome_amount: '0.00001233' }, threshold, 'USDT 0.04932 0.001479 0.047841'],
    ['exponent form of a number', { outcome_amount: '1.25e-2' }, threshold, 'USDT 50 1.5 48.5'],
    ['no fee', { outcome_amount: '0.0125' }, { ...threshold, feeBps: 0 }, 'USDT 50 0 50'],
  ] as const)('%s [failures 6, 12, H3]', (_name, part, context, expected) => {
    expect(textOf(part, context)).toBe(expected);
  });

  it.each([
    ['no outcome', { outcome_amount: null }, 'outcome_missing'],
    ['no outcome currency', { outcome_currency: null }, 'outcome_missing'],
    ['outcome 0', { outcome_amount: '0' }, 'outcome_missing'],
    ['negative outcome', { outcome_amount: '-1' }, 'outcome_missing'],
    ['an asset we cannot hold', { outcome_currency: 'btc' }, 'outcome_asset_not_held'],
    ['more decimals than the asset has', { outcome_amount: '0.0000000000000000001' }, 'amount_inexact'],
    ['not a number', { outcome_amount: 'NaN' }, 'amount_inexact'],
    ['worth less than a minor unit', { outcome_amount: '0.000000000000000001' }, 'value_too_small'],
  ] as const)('refused: %s [failures 3, H3]', (_name, part, reason) => {
    expect(valuePayment(facts(part), threshold)).toMatchObject({ kind: 'rejected', reason });
  });

  it('no usable rate: unvalued with the amount received, no figures [failure H1]', () => {
    expect(valuePayment(facts(), { ...threshold, rate: undefined })).toMatchObject({
      kind: 'unvalued',
      received: eth('0.0125'),
      gross: null,
      fee: null,
      net: null,
      reason: 'no_usable_rate',
    });
  });

  it('is what was received: neither the price nor what was asked or paid changes it, and none is too little [failures 14, 15]', () => {
    const amount = fc.option(fc.bigInt({ min: 0n, max: 10n ** 9n }).map(String));
    const asked = fc.record({ price_amount: amount, pay_amount: amount, actually_paid: amount });
    fc.assert(
      fc.property(asked, fc.constantFrom(threshold, instant), (part, context) => {
        expect(valuePayment(facts(part), context)).toEqual(valuePayment(facts(), context));
      }),
    );
    expect(textOf({ outcome_amount: '0.00125', price_amount: '50' }, threshold)).toBe('USDT 5 0.15 4.85');
  });

  it('the rest of a partially paid payment: only what came above what was credited', () => {
    const value = valuePayment(facts({ outcome_amount: '0.0125' }), threshold, eth('0.01').minor);
    expect(value).toMatchObject({
      received: eth('0.0025'),
      gross: usdt('10'),
      fee: usdt('0.3'),
      net: usdt('9.7'),
    });
  });

  it('gross = fee + net, never above the exact value, for any amount, rate and fee [failures 5, 6, H4]', () => {
    const cases = fc.tuple(
      fc.bigInt({ min: 1n, max: 10n ** 24n }),
      fc.integer({ min: 1, max: 10 ** 9 }),
      fc.integer({ min: 0, max: 2_000 }),
    );
    fc.assert(
      fc.property(cases, ([wei, milli, feeBps]) => {
        const usdt_per_eth = `${Math.floor(milli / 1000)}.${String(milli % 1000).padStart(3, '0')}`;
        const context = { strategy: 'threshold', feeBps, rate: { rate_id: 'r', usdt_per_eth } };
        const value = valueReceived(money('ETH', wei), context);
        if (!('gross' in value) || !value.gross || !value.fee || !value.net) return;
        expect(value.gross.minor).toBe(value.fee.minor + value.net.minor);
        // wei x milli-USDT per ETH / 10^18 / 10^3 in units of 10^-6: compare without dividing.
        const scale = 10n ** 15n;
        expect(value.gross.minor * scale <= wei * BigInt(milli)).toBe(true);
        expect((value.gross.minor + 1n) * scale > wei * BigInt(milli)).toBe(true);
        expect(value.fee.minor * 10_000n <= value.gross.minor * BigInt(feeBps)).toBe(true);
      }),
    );
  });
});

describe('the proposal', () => {
  it('only finished carries a value; every other status passes on [failure 46]', () => {
    for (const payment_status of [
      'waiting',
      'confirming',
      'confirmed',
      'sending',
      'partially_paid',
      'failed',
      'expired',
      'refunded',
    ]) {
      expect(proposed({ payment_status })).toMatchObject({ kind: 'status', gross: null, reason: null });
    }
    expect(proposed()).toMatchObject({
      kind: 'valued',
      strategy: 'threshold',
      received: eth('0.0125'),
      gross: usdt('50'),
      fee: usdt('1.5'),
      net: usdt('48.5'),
      rate_id: 'r-1',
      rate: '4000',
      fee_bps: 300,
    });
  });

  it('an unknown client is rejected, whatever the status [failures 64, 65]', () => {
    const received = {
      event_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
      payment: facts({ payment_status: 'waiting' }),
    };
    const context = { now: NOW, strategy: undefined, feeBps: 300, rate: RATE };
    expect(convert(received as never, context)).toMatchObject({ kind: 'rejected', reason: 'unknown_client' });
  });

  it('a repeat has the same event id, also when the rate moved; another kind has another', () => {
    const first = proposed();
    expect(proposed({}, { rate: '4001', rateId: 'r-2' }).event_id).toBe(first.event_id);
    expect(proposed({}, { rate: null }).event_id).not.toBe(first.event_id);
  });

  it('no rate on it when none was needed', () => {
    expect(proposed({}, { strategy: 'instant' })).toMatchObject({
      kind: 'valued',
      rate: null,
      rate_id: null,
    });
  });
});

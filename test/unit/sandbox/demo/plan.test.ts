/** The demo's own arithmetic, by hand and for any number of payments. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amountText, expectationOf, planClients } from '../../../../sandbox/demo/plan.ts';

const texts = (payments: number, thresholdUsd: string | null, feeBps = 300) => {
  const strategy = thresholdUsd === null ? 'instant' : 'threshold';
  const { credited, payouts, held, paidOut } = expectationOf({ strategy, thresholdUsd, payments }, feeBps);
  return [amountText(credited), payouts.map(amountText), amountText(held), paidOut];
};

describe('what a client must have got', () => {
  it('ten payments of $50 at 3 % stay below $500, the eleventh crosses', () => {
    expect(texts(10, '500')).toEqual(['485 USDT', [], '485 USDT', 0]);
    expect(texts(11, '500')).toEqual(['533.5 USDT', ['533.5 USDT'], '0 USDT', 11]);
    expect(texts(22, '500')).toEqual(['1067 USDT', ['533.5 USDT', '533.5 USDT'], '0 USDT', 22]);
  });

  it('what is left waits for the next payout', () => {
    const thrice = ['145.5 USDT', '145.5 USDT', '145.5 USDT'];
    expect(texts(11, '120')).toEqual(['533.5 USDT', thrice, '97 USDT', 9]);
  });

  it('a threshold that is met exactly is crossed', () => {
    expect(texts(1, '48.5')).toEqual(['48.5 USDT', ['48.5 USDT'], '0 USDT', 1]);
  });

  it('instant pays each payment in what was received', () => {
    expect(texts(2, null)).toEqual(['0.02425 ETH', ['0.012125 ETH', '0.012125 ETH'], '0 ETH', 2]);
  });

  it('paid and held are all that was credited', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 900 }),
        fc.integer({ min: 0, max: 2_000 }),
        (payments, usd, feeBps) => {
          const plan = { strategy: 'threshold', thresholdUsd: String(usd), payments } as const;
          const { credited, payouts, held } = expectationOf(plan, feeBps);
          const paid = payouts.reduce((sum, { minor }) => sum + minor, 0n);
          expect(paid + held.minor).toBe(credited.minor);
          expect(held.minor).toBeLessThan(BigInt(usd) * 1_000_000n);
          for (const { minor } of payouts) expect(minor).toBeGreaterThanOrEqual(BigInt(usd) * 1_000_000n);
        },
      ),
    );
  });
});

describe('the cast', () => {
  it('is one of each kind, and as many XMR clients as asked for', () => {
    const cast = planClients({ payments: 11, xmrClients: 2 });
    expect(
      cast.map(({ strategy, currency, thresholdUsd, payments }) => [
        strategy,
        currency,
        thresholdUsd,
        payments,
      ]),
    ).toEqual([
      ['instant', 'btc', null, 3],
      ['threshold', 'usdt', '200', 11],
      ['threshold', 'xmr', '500', 11],
      ['threshold', 'xmr', '500', 11],
      ['threshold', 'ltc', '120', 11],
      ['threshold', 'xmr', '500', 3],
    ]);
  });
});

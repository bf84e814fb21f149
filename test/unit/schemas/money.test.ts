/** Money: exact text in and out, floors that never give more than there is, assets that do not mix. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEDGER_ASSETS } from '../../../schemas/assets.ts';
import {
  add,
  convertFloor,
  feeOf,
  formatMoney,
  formatUnits,
  type Money,
  MoneyError,
  money,
  negate,
  parseMoney,
  parseUnits,
  Rate,
  subtract,
} from '../../../schemas/money.ts';

const anyMinor = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });

describe('text', () => {
  it('any amount comes back from its own text, which is plain and without trailing zeros [failure 17]', () => {
    fc.assert(
      fc.property(fc.constantFrom(...LEDGER_ASSETS), anyMinor, (asset, minor) => {
        const written = formatMoney(money(asset, minor));
        expect(parseMoney(asset, written)).toEqual({ asset, minor });
        expect(written).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
      }),
    );
  });

  it.each([
    ['1e3', 2, 100_000n],
    ['1.50', 1, 15n],
    ['-0.000001', 6, -1n],
    ['12500000e-9', 18, 12_500_000_000_000_000n],
    ['0e-100', 6, 0n],
  ])('%s with %i decimals', (text, decimals, units) => {
    expect(parseUnits(text, decimals)).toBe(units);
  });

  it.each(['', ' 1', '1.', '.1', '0x1', 'NaN', '1e', '1e99999', '--1', '1,0', '0.0000001', '1e-7'])(
    'refuses %j',
    (text) => {
      expect(() => parseUnits(text, 6)).toThrow(MoneyError);
    },
  );

  it('takes 200 digits and refuses more, so that no text costs much', () => {
    const long = '9'.repeat(200);
    expect(parseUnits(long, 0)).toBe(BigInt(long));
    expect(parseUnits('1e200', 0)).toBe(10n ** 200n);
    expect(parseUnits('0e-200', 0)).toBe(0n);
    for (const text of [`${long}9`, '1e201', '0e-201', `0.${'0'.repeat(200)}`])
      expect(() => parseUnits(text, 0), text).toThrow(new MoneyError('number too long'));
  });

  it('formats zero and signs', () => {
    expect([formatUnits(0n, 6), formatUnits(-1n, 6), formatUnits(48_500_000n, 6)]).toEqual([
      '0',
      '-0.000001',
      '48.5',
    ]);
  });
});

describe('arithmetic', () => {
  it('adds and subtracts back', () => {
    fc.assert(
      fc.property(anyMinor, anyMinor, (a, b) => {
        const sum = add(money('ETH', a), money('ETH', b));
        expect(subtract(sum, money('ETH', b))).toEqual(money('ETH', a));
        expect(add(sum, negate(sum)).minor).toBe(0n);
      }),
    );
  });

  it('two assets do not add: not in the compiler, and not when the types were lied to [failures 1, 13, H3]', () => {
    // @ts-expect-error two assets
    expect(() => add(money('ETH', 1n), money('USDT', 1n))).toThrow('cannot combine ETH with USDT');
    const lied = money('USDT', 1n) as Money as Money<'ETH'>;
    expect(() => subtract(money('ETH', 1n), lied)).toThrow(MoneyError);
  });

  it('the fee and the net are the gross, and the fee is never above its share [failure 7]', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 30n }),
        fc.integer({ min: 0, max: 2_000 }),
        (gross, bps) => {
          const fee = feeOf(money('USDT', gross), bps).minor;
          expect(fee >= 0n && fee * 10_000n <= gross * BigInt(bps)).toBe(true);
          expect((fee + 1n) * 10_000n > gross * BigInt(bps)).toBe(true);
        },
      ),
    );
    expect(feeOf(parseMoney('USDT', '50'), 300)).toEqual(parseMoney('USDT', '1.5'));
    for (const bps of [-1, 2_001, 1.5, Number.NaN])
      expect(() => feeOf(money('ETH', 1n), bps)).toThrow('out of bounds');
  });

  it('the bounds of a fee are fees, and nothing has no fee', () => {
    expect(feeOf(money('USDT', 10_000n), 0).minor).toBe(0n);
    expect(feeOf(money('USDT', 10_000n), 2_000).minor).toBe(2_000n);
    expect(feeOf(money('USDT', 0n), 300)).toEqual(money('USDT', 0n));
    expect(() => feeOf(money('USDT', -1n), 300)).toThrow(MoneyError);
  });

  it('conversion goes both ways, between assets of more, fewer and equal decimals; less than nothing is refused', () => {
    expect(convertFloor(parseMoney('USDT', '50'), new Rate('0.00025'), 'ETH')).toEqual(
      parseMoney('ETH', '0.0125'),
    );
    expect(convertFloor(money('USDT', 7n), new Rate('1.5'), 'USDT').minor).toBe(10n);
    expect(convertFloor(money('ETH', 0n), new Rate('4000'), 'USDT').minor).toBe(0n);
    expect(() => convertFloor(money('ETH', -1n), new Rate('4000'), 'USDT')).toThrow(MoneyError);
  });

  it('rates keep 60 digits, round towards zero and are never printed with an exponent', () => {
    expect(new Rate(2).div(3).toFixed()).toBe(`0.${'6'.repeat(60)}`);
    expect(new Rate('1e-30').toString()).toBe(`0.${'0'.repeat(29)}1`);
    expect(new Rate('1e30').toString()).toBe(`1${'0'.repeat(30)}`);
  });

  it('conversion floors once at the minor unit of the target [failure 18]', () => {
    expect(convertFloor(parseMoney('ETH', '0.0125'), new Rate('4000'), 'USDT')).toEqual(
      parseMoney('USDT', '50'),
    );
    expect(convertFloor(money('ETH', 1n), new Rate('4000'), 'USDT').minor).toBe(0n);
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 26n }),
        fc.bigInt({ min: 1n, max: 10n ** 24n }),
        (wei, scaled) => {
          const rate = new Rate(formatUnits(scaled, 18));
          const exact = wei * scaled; // 10^-36 USDT
          const got = convertFloor(money('ETH', wei), rate, 'USDT').minor * 10n ** 30n;
          expect(got <= exact && exact < got + 10n ** 30n).toBe(true);
        },
      ),
    );
    for (const rate of ['0', '-1', 'NaN', 'Infinity']) {
      expect(() => convertFloor(money('ETH', 1n), new Rate(rate), 'USDT')).toThrow(MoneyError);
    }
  });
});

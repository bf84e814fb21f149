/** Exact numbers as text, against bigint arithmetic. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactNumber, places, sameNumber, withoutExponent } from '../../../../gateway/ipn/number.ts';
import { parseUnits } from '../../../../schemas/money.ts';

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 12 });
const lexeme = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits.map((text) => text.replace(/^0+(?=\d)/, '')),
    fc.option(digits),
    fc.option(fc.integer({ min: -25, max: 25 })),
  )
  .map(([sign, whole, fraction, exponent]) => {
    const point = fraction === null ? '' : `.${fraction}`;
    return `${sign}${whole}${point}${exponent === null ? '' : `e${exponent}`}`;
  });

/** Enough decimals for every lexeme above. */
const units = (text: string) => parseUnits(text, 40);

describe('exactNumber', () => {
  it('is the value: digits x 10^exponent', () => {
    fc.assert(
      fc.property(lexeme, (text) => {
        const exact = exactNumber(text)!;
        const rebuilt = `${exact.negative ? '-' : ''}${exact.digits || '0'}e${exact.exponent}`;
        expect(units(rebuilt)).toBe(units(text));
        expect(exact.digits).toMatch(/^$|^[1-9]$|^[1-9]\d*[1-9]$/);
      }),
    );
  });

  it('of zero, however it is written, is always the same', () => {
    for (const text of ['0', '-0', '0.000', '0e5', '-0.0E-7'])
      expect(exactNumber(text)).toEqual({ negative: false, digits: '', exponent: 0 });
    expect(exactNumber('1200e-3')).toEqual({ negative: false, digits: '12', exponent: -1 });
    expect(exactNumber('-0.0030')).toEqual({ negative: true, digits: '3', exponent: -3 });
  });

  it('is undefined for what is no JSON number', () => {
    for (const text of ['', 'x', '01', '.5', '5.', '+1', '1e', 'NaN', '1e9999999', ' 1', '1\n']) {
      expect(exactNumber(text)).toBeUndefined();
    }
  });
});

it('what is no number is the same as nothing, and is not written out', () => {
  expect(sameNumber('x', '1')).toBe(false);
  expect(sameNumber('1', 'x')).toBe(false);
  expect(sameNumber('x', 'x')).toBe(false);
  expect(() => withoutExponent('1e')).toThrow('not a JSON number: "1e"');
});

it('sameNumber says whether the values are equal', () => {
  const few = fc.constantFrom(
    '0',
    '-0',
    '1',
    '10',
    '1e1',
    '100e-1',
    '0.1',
    '1e-1',
    '-1',
    '-1.0',
    '0.10',
    '1E+1',
  );
  fc.assert(
    fc.property(fc.oneof(lexeme, few), fc.oneof(lexeme, few), (a, b) => {
      expect(sameNumber(a, b)).toBe(units(a) === units(b));
    }),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(lexeme, (a) => {
      expect(sameNumber(a, withoutExponent(a))).toBe(true);
    }),
  );
});

it('places count what writing out needs', () => {
  fc.assert(
    fc.property(lexeme, (text) => {
      const exact = exactNumber(text)!;
      fc.pre(exact.digits !== '');
      const { whole, fraction } = places(exact);
      const [before = '', after = ''] = withoutExponent(`${exact.digits}e${exact.exponent}`).split('.');
      expect(fraction).toBe(after.replace(/0+$/, '').length);
      expect(whole).toBe(before.replace(/^0/, '').length);
    }),
  );
});

it.each([
  ['1.1e-7', '0.00000011'],
  ['1.10e-2', '0.0110'],
  ['5', '5'],
  ['0.00140', '0.00140'],
  ['1e3', '1000'],
  ['1.5e1', '15'],
  ['12.345e1', '123.45'],
  ['0.5e2', '50'],
  ['0.05e1', '0.5'],
  ['-1e-1', '-0.1'],
])('writes %s as %s', (text, expected) => {
  expect(withoutExponent(text)).toBe(expected);
});

/**
 * Numbers as text: their exact value without ever becoming a double. Two lexemes mean the same when their
 * digits and exponent are the same after leading and trailing zeros are gone.
 */

export interface ExactNumber {
  readonly negative: boolean;
  /** Significant digits, no leading or trailing zero; empty for zero. */
  readonly digits: string;
  /** value = digits x 10^exponent */
  readonly exponent: number;
}

const LEXEME = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,6}))?$/;

/** The exact value of a JSON number lexeme, or undefined when it is none (or its exponent is beyond any sense). */
export function exactNumber(lexeme: string): ExactNumber | undefined {
  const match = LEXEME.exec(lexeme);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  const all = stripLeadingZeros(whole + fraction);
  const digits = stripTrailingZeros(all);
  if (digits === '') return { negative: false, digits, exponent: 0 };
  const exponent = Number.parseInt(power, 10) - fraction.length + (all.length - digits.length);
  return { negative: sign === '-', digits, exponent };
}

/** Whether both lexemes are numbers of exactly the same value (-0 is 0). */
export function sameNumber(a: string, b: string): boolean {
  const left = exactNumber(a);
  const right = exactNumber(b);
  if (!left || !right) return false;
  return left.digits === right.digits && left.exponent === right.exponent && left.negative === right.negative;
}

/** Digits before and after the decimal point that the value needs when written out. */
export function places(value: ExactNumber): { readonly whole: number; readonly fraction: number } {
  return {
    whole: Math.max(0, value.digits.length + value.exponent),
    fraction: Math.max(0, -value.exponent),
  };
}

/**
 * The number written out without an exponent, its digits and trailing zeros as they were (`1.10e-2` ->
 * `0.0110`). Only for lexemes whose places() are already bounded: it writes as many zeros as it takes.
 */
export function withoutExponent(lexeme: string): string {
  const match = LEXEME.exec(lexeme);
  if (!match) throw new Error(`not a JSON number: ${JSON.stringify(lexeme.slice(0, 80))}`);
  const [, sign = '', whole = '', fraction = '', power] = match;
  if (power === undefined) return lexeme;
  const digits = whole + fraction;
  const point = whole.length + Number.parseInt(power, 10);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const integer = stripLeadingZeros(digits.slice(0, point).padEnd(point, '0')) || '0';
  return point >= digits.length ? sign + integer : `${sign}${integer}.${digits.slice(point)}`;
}

// Loops, not /0+$/: that pattern is quadratic on a long run of zeros in the middle.
function stripLeadingZeros(digits: string): string {
  let start = 0;
  while (digits.charCodeAt(start) === 0x30) start++;
  return digits.slice(start);
}

function stripTrailingZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 0x30) end--;
  return digits.slice(0, end);
}

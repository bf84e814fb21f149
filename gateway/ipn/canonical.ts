/**
 * The two re-serialised forms over which NOWPayments may have computed its signature, beside the raw bytes: keys
 * sorted at every depth, compact, numbers either as they were written or as JavaScript prints them.
 */
import { JsonNumber, type JsonValue } from './json.ts';
import { exactNumber, sameNumber } from './number.ts';

/** Most significant digits that survive decimal -> double -> decimal for every number. */
const DOUBLE_DIGITS = 15;

/** Form 2: sorted and compact, number lexemes kept. */
export function sortedText(value: JsonValue): string {
  return write(value, (lexeme) => lexeme, byCodeUnit);
}

/** Form 3: what `JSON.stringify` prints after JSON.parse and a deep sort of the keys. */
export function javascriptText(value: JsonValue): string {
  return write(value, printedByJavascript, asJavascriptLists);
}

type Compare = (a: string, b: string) => number;

function write(value: JsonValue, printNumber: (lexeme: string) => string, compare: Compare): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof JsonNumber) return printNumber(value.lexeme);
  if (isArray(value)) return `[${value.map((item) => write(item, printNumber, compare)).join(',')}]`;
  const members: string[] = [];
  for (const key of [...value.keys()].sort(compare)) {
    members.push(`${JSON.stringify(key)}:${write(value.get(key) ?? null, printNumber, compare)}`);
  }
  return `{${members.join(',')}}`;
}

/** Array.isArray does not narrow a readonly array out of a union. */
function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A JavaScript object lists integer-like keys first, in numeric order, however they were inserted. */
function asJavascriptLists(a: string, b: string): number {
  const left = arrayIndex(a);
  const right = arrayIndex(b);
  if (left >= 0 && right >= 0) return left - right;
  if (left >= 0) return -1;
  if (right >= 0) return 1;
  return byCodeUnit(a, b);
}

/** The value of an ECMAScript array index (0 to 2^32 - 2), or -1. */
function arrayIndex(key: string): number {
  if (!/^(?:0|[1-9]\d{0,9})$/.test(key)) return -1;
  const index = Number.parseInt(key, 10);
  return index < 0xffff_ffff ? index : -1;
}

function printedByJavascript(lexeme: string): string {
  return JSON.stringify(Number(lexeme));
}

/**
 * The value that a form-3 signature vouches for: every number as JavaScript printed it.
 * @returns undefined when a number has more than 15 significant digits or was changed by the printing (overflow,
 * underflow): then other texts share the signature, and none of them is certain to be the one meant
 */
export function printedValue(value: JsonValue): JsonValue | undefined {
  if (value instanceof JsonNumber) {
    const text = printedByJavascript(value.lexeme);
    const exact = exactNumber(text);
    if (!exact || exact.digits.length > DOUBLE_DIGITS || !sameNumber(text, value.lexeme)) return undefined;
    return new JsonNumber(text);
  }
  if (value === null || typeof value !== 'object') return value;
  if (isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value) {
      const printed = printedValue(item);
      if (printed === undefined) return undefined;
      items.push(printed);
    }
    return items;
  }
  const members = new Map<string, JsonValue>();
  for (const [key, member] of value) {
    const printed = printedValue(member);
    if (printed === undefined) return undefined;
    members.set(key, printed);
  }
  return members;
}

/**
 * Reading a provider's JSON without trusting it: numbers stay exact text, and each helper either returns the
 * documented shape or throws a `malformed` ProviderError. A `path` begins with the provider's name, as in
 * `nowpayments.invoice.id`.
 */
import { isLosslessNumber, LosslessNumber, parse, stringify } from 'lossless-json';
import { formatUnits, MoneyError, parseUnits } from '../schemas/money.ts';
import { malformed, type ProviderError } from './error.ts';

/** A parsed answer; numbers are `LosslessNumber` (exact text), never `number`. */
export type Json = null | boolean | string | LosslessNumber | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** More decimals than any currency has; what needs more is not an amount. */
const DECIMALS_MAX = 60;

/** @throws SyntaxError when it is not one JSON document, or a key stands twice with different values */
export function parseJson(source: string): Json {
  return parse(source) as Json;
}

export function stringifyJson(value: unknown): string {
  return stringify(value) ?? 'null';
}

/** Exact decimal text as a JSON number in a request body. */
export function exact(decimalText: string): LosslessNumber {
  return new LosslessNumber(decimalText);
}

export function object(value: Json | undefined, path: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isLosslessNumber(value)) {
    throw wrong(path, 'an object', value);
  }
  return value;
}

export function array(value: Json | undefined, path: string): Json[] {
  if (!Array.isArray(value)) throw wrong(path, 'a list', value);
  return value;
}

/** A string that is not empty. */
export function text(value: Json | undefined, path: string): string {
  if (typeof value !== 'string' || value === '') throw wrong(path, 'text', value);
  return value;
}

/** Null, missing and empty all mean: not there. */
export function nullableText(value: Json | undefined, path: string): string | null {
  return value === null || value === undefined || value === '' ? null : text(value, path);
}

/** An identifier that some answers write as a number and others as a string; exact text either way. */
export function identifier(value: Json | undefined, path: string): string {
  const found = isLosslessNumber(value) ? value.value : value;
  if (typeof found !== 'string' || !/^[\w.:-]{1,128}$/.test(found)) throw wrong(path, 'an identifier', value);
  return found;
}

export function nullableIdentifier(value: Json | undefined, path: string): string | null {
  return value === null || value === undefined || value === '' ? null : identifier(value, path);
}

/** An amount >= 0, from a number or a string, as plain decimal text (no exponent, no trailing zeros). */
export function decimal(value: Json | undefined, path: string): string {
  const source = isLosslessNumber(value) ? value.value : value;
  if (typeof source !== 'string') throw wrong(path, 'a number', value);
  try {
    const units = parseUnits(source, DECIMALS_MAX);
    if (units < 0n) throw wrong(path, 'a number >= 0', value);
    return formatUnits(units, DECIMALS_MAX);
  } catch (error) {
    if (error instanceof MoneyError) throw wrong(path, 'a number', value);
    throw error;
  }
}

export function nullableDecimal(value: Json | undefined, path: string): string | null {
  return value === null || value === undefined || value === '' ? null : decimal(value, path);
}

/** An instant: ISO 8601 with a zone, or digits (seconds, or milliseconds from 10^11 on). */
export function instant(value: Json | undefined, path: string): Date {
  const source = isLosslessNumber(value) ? value.value : value;
  if (typeof source !== 'string') throw wrong(path, 'a time', value);
  const digits = /^\d{1,13}$/.test(source);
  if (!digits && !/^\d{4}-\d\d-\d\dT.+(Z|[+-]\d\d:?\d\d)$/.test(source)) throw wrong(path, 'a time', value);
  const count = Number(source);
  const date = new Date(digits ? (count < 1e11 ? count * 1000 : count) : source);
  if (Number.isNaN(date.getTime())) throw wrong(path, 'a time', value);
  return date;
}

export function nullableInstant(value: Json | undefined, path: string): Date | null {
  return value === null || value === undefined || value === '' ? null : instant(value, path);
}

function wrong(path: string, wanted: string, value: Json | undefined): ProviderError {
  const dot = path.indexOf('.');
  const shown = value === undefined ? 'nothing' : stringifyJson(value).slice(0, 80);
  return malformed(path.slice(0, dot), `${path.slice(dot + 1)} should be ${wanted}, got ${shown}`);
}

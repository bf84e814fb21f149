/**
 * How values of PostgreSQL arrive: int8 as bigint, numeric as exact text, so that no amount and no offset ever passes
 * through a double. Everything else as pg does it. Per pool, not global: nobody else's parsers change.
 */
import { types } from 'pg';

const INT8 = 20;
const NUMERIC = 1700;
const INT8_ARRAY = 1016;
const NUMERIC_ARRAY = 1231;
const TEXT_ARRAY: number = 1009;

const own: Readonly<Record<number, (text: string) => unknown>> = {
  [INT8]: BigInt,
  [NUMERIC]: (text) => text,
  [INT8_ARRAY]: (text) => textArray(text).map((item) => (item === null ? null : BigInt(item))),
  [NUMERIC_ARRAY]: (text) => textArray(text),
};

export const typeParsers: typeof types = {
  ...types,
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    const parser = format === 'binary' ? undefined : own[oid];
    return parser ?? types.getTypeParser(oid, format as 'text');
  }) as typeof types.getTypeParser,
};

function textArray(text: string): (string | null)[] {
  return types.getTypeParser(TEXT_ARRAY, 'text')(text) as (string | null)[];
}

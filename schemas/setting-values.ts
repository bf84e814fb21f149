/** The kinds of value that a setting can have: text in, checked and typed value out, with one line on what is wrong. */
import { z } from 'zod';
import { ASSETS, type LedgerAsset } from './assets.ts';
import { type Money, MoneyError, money, parseUnits } from './money.ts';

export type ValueSchema<T> = z.ZodType<T, string>;

/** Refuses with one sentence. */
function refuse(ctx: z.RefinementCtx, message: string): never {
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
}

function read<T>(reader: (text: string, refuseWith: (message: string) => never) => T): ValueSchema<T> {
  return z.string().transform((text, ctx) => reader(text, (message) => refuse(ctx, message)));
}

/** Any text, for addresses of files and prefixes; `what` is said when the pattern does not match. */
export function text(pattern: RegExp = /./s, what = 'some text'): ValueSchema<string> {
  return read((value, no) => (pattern.test(value) ? value : no(`must be ${what}`)));
}

/** A secret of at least `minLength` characters. */
export function secret(minLength: number): ValueSchema<string> {
  return read((value, no) =>
    value.length >= minLength ? value : no(`must have at least ${minLength} characters`),
  );
}

export function onOff(): ValueSchema<boolean> {
  return read((value, no) => (value === 'on' ? true : value === 'off' ? false : no('must be on or off')));
}

export function oneOf<const T extends string>(...choices: readonly T[]): ValueSchema<T> {
  return read(
    (value, no) => choices.find((choice) => choice === value) ?? no(`must be one of ${choices.join(', ')}`),
  );
}

/** A whole number between the bounds, both included; for counts and ports, never for money. */
export function integer(min: number, max: number): ValueSchema<number> {
  return read((value, no) => {
    const parsed = /^\d{1,15}$/.test(value) ? Number.parseInt(value, 10) : Number.NaN;
    return parsed >= min && parsed <= max ? parsed : no(`must be a whole number from ${min} to ${max}`);
  });
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const MAX_DURATION_MS = 100 * 365 * UNIT_MS.d;

function milliseconds(value: string): number | undefined {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(value);
  if (!match) return undefined;
  return Number.parseInt(match[1]!, 10) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}

/** A time such as 500ms, 60s, 15m, 24h, 30d, at least `minMs`; milliseconds. */
export function duration(minMs = 1): ValueSchema<number> {
  return read((value, no) => {
    const ms = milliseconds(value);
    if (ms === undefined) return no('must be a time such as 60s, 15m, 24h or 30d');
    return ms >= minMs && ms <= MAX_DURATION_MS ? ms : no(`must be from ${minMs} ms to 100 years`);
  });
}

/** A duration of at least a day, or `forever`; milliseconds, -1 = for ever (as Kafka's retention.ms). */
export function retention(): ValueSchema<number> {
  return read((value, no) => {
    if (value === 'forever') return -1;
    const ms = milliseconds(value);
    return ms !== undefined && ms >= UNIT_MS.d && ms <= MAX_DURATION_MS
      ? ms
      : no('must be forever, or a time of at least a day such as 30d');
  });
}

/** Exact decimal text > 0 (or >= 0) of a ledger asset. USD amounts are read as USDT: 1 USD = 1 USDT (money.md). */
export function amount<A extends LedgerAsset>(
  asset: A,
  options: { zero?: boolean } = {},
): ValueSchema<Money<A>> {
  return read((value, no) => {
    if (!/^\d{1,20}(\.\d{1,18})?$/.test(value))
      return no('must be a plain decimal number such as 500 or 0.05');
    const minor = exactUnits(value, ASSETS[asset].decimals);
    if (typeof minor === 'string') return no(minor);
    return minor > 0n || options.zero ? money(asset, minor) : no('must be more than 0');
  });
}

/** A gas price in gwei, as wei. */
export function gwei(): ValueSchema<bigint> {
  return read((value, no) => {
    const wei = /^\d{1,9}(\.\d{1,9})?$/.test(value)
      ? exactUnits(value, 9)
      : 'must be a number of gwei such as 200';
    if (typeof wei === 'string') return no(wei);
    return wei > 0n ? wei : no('must be more than 0');
  });
}

/** Units, or what is wrong. */
function exactUnits(value: string, decimals: number): bigint | string {
  try {
    return parseUnits(value, decimals);
  } catch (error) {
    if (error instanceof MoneyError) return `${error.message}; at most ${decimals} decimals`;
    throw error;
  }
}

/** An absolute URL with one of these schemes; without a slash at its end, so that paths can be appended. */
export function url(...schemes: readonly string[]): ValueSchema<string> {
  return read((value, no) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    if (!parsed || !schemes.includes(parsed.protocol.slice(0, -1))) {
      return no(
        `must be an address that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
      );
    }
    return value.replace(/\/+$/, '');
  });
}

/** Several values separated by commas, at least one, none twice. */
export function list<T>(item: ValueSchema<T>): ValueSchema<T[]> {
  return z.string().transform((value, ctx) => {
    const parts = value.split(',').map((part) => part.trim());
    if (parts.includes('')) return refuse(ctx, 'has an empty item; separate items by single commas');
    if (new Set(parts).size !== parts.length) return refuse(ctx, 'has the same item twice');
    const results = parts.map((part) => item.safeParse(part));
    const bad = results.find((result) => !result.success);
    if (bad?.error) return refuse(ctx, bad.error.issues[0]?.message ?? 'has a wrong item');
    return results.map((result) => result.data as T);
  });
}

/** host:port */
export function hostPort(): ValueSchema<string> {
  return read((value, no) => {
    const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(value);
    const port = match ? Number.parseInt(match[2]!, 10) : 0;
    return port >= 1 && port <= 65_535 ? value : no('must be host:port');
  });
}

/** An EVM address; its checksum is verified where it is used (providers/evm). */
export function evmAddress(): ValueSchema<string> {
  return text(/^0x[0-9a-fA-F]{40}$/, 'an EVM address: 0x and 40 hex digits');
}

/** One or more PEM certificates. */
export function certificates(): ValueSchema<string> {
  return text(/^-----BEGIN CERTIFICATE-----/, 'one or more PEM certificates');
}

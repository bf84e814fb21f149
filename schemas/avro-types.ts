/**
 * How TypeScript values and Avro values stand for each other: Money as {asset, decimal(38,18)}, dates, uuids and
 * 64-bit integers. Every conversion is exact or refused.
 */
import avsc from 'avsc';
import { ASSETS, type LedgerAsset } from './assets.ts';
import { type Money, MoneyError } from './money.ts';

const PRECISION_LIMIT = 10n ** 38n;
const SCALE = 18;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const UNIT: Readonly<Record<LedgerAsset, bigint>> = {
  ETH: 10n ** BigInt(SCALE - ASSETS.ETH.decimals),
  USDT: 10n ** BigInt(SCALE - ASSETS.USDT.decimals),
};

const scratch = Buffer.alloc(16);

/**
 * Big-endian two's complement in as few bytes as the sign allows, as Java's BigInteger writes it.
 * @throws MoneyError when the value needs more than 38 digits
 */
export function bytesOfUnscaled(value: bigint): Buffer {
  if (value >= PRECISION_LIMIT || value <= -PRECISION_LIMIT) {
    throw new MoneyError('amount does not fit decimal(38,18)');
  }
  scratch.writeBigInt64BE(value >> 64n, 0);
  scratch.writeBigUInt64BE(value & 0xffff_ffff_ffff_ffffn, 8);
  let start = 0;
  const filler = value < 0n ? 0xff : 0x00;
  while (start < 15 && scratch[start] === filler && (scratch[start + 1]! & 0x80) === (filler & 0x80)) start++;
  return Buffer.from(scratch.subarray(start));
}

/** The inverse; accepts longer encodings of the same number than the shortest. */
export function unscaledOfBytes(bytes: Uint8Array): bigint {
  if (bytes.length === 0 || bytes.length > 64) throw new MoneyError(`a decimal of ${bytes.length} bytes`);
  let value = BigInt.asIntN(8, BigInt(bytes[0]!));
  for (let i = 1; i < bytes.length; i++) value = (value << 8n) | BigInt(bytes[i]!);
  if (value >= PRECISION_LIMIT || value <= -PRECISION_LIMIT) {
    throw new MoneyError('amount does not fit decimal(38,18)');
  }
  return value;
}

function isMoney(value: unknown): value is Money {
  return typeof value === 'object' && value !== null && typeof (value as Money).minor === 'bigint';
}

/** The wire form keeps the scale 18 for every asset, so that one schema serves assets that come later. */
class MoneyType extends avsc.types.LogicalType {
  // Cheap on purpose: a nullable field asks this for every value before it is written.
  _check(value: unknown, _flags: unknown, hook?: (value: unknown, type: unknown) => void): boolean {
    const ok = isMoney(value);
    if (!ok && hook) hook(value, this);
    return ok;
  }
  override _toValue(value: unknown): unknown {
    if (!isMoney(value)) throw new MoneyError('not an amount of money');
    const unit = UNIT[value.asset];
    if (unit === undefined) throw new MoneyError(`unknown asset ${JSON.stringify(value.asset)}`);
    return { asset: value.asset, amount: bytesOfUnscaled(value.minor * unit) };
  }
  override _fromValue(value: { asset: string; amount: Uint8Array }): Money {
    const asset = value.asset as LedgerAsset;
    const unit = Object.hasOwn(UNIT, asset) ? UNIT[asset] : undefined;
    if (unit === undefined) throw new MoneyError(`unknown asset ${JSON.stringify(value.asset)}`);
    const unscaled = unscaledOfBytes(value.amount);
    if (unscaled % unit !== 0n)
      throw new MoneyError(`more than ${ASSETS[asset].decimals} decimals of ${asset}`);
    return { asset, minor: unscaled / unit };
  }
  override _resolve(writer: unknown): unknown {
    return writer instanceof MoneyType ? (value: unknown) => value : undefined;
  }
}

/** Years 0 to 9999. Beyond 2^52 ms avsc's own long changes the value without a word, and no event is from then. */
function isDate(value: unknown): value is Date {
  return (
    value instanceof Date && value.getTime() >= -62_167_219_200_000 && value.getTime() < 253_402_300_800_000
  );
}

class TimestampMillisType extends avsc.types.LogicalType {
  _check(value: unknown, _flags: unknown, hook?: (value: unknown, type: unknown) => void): boolean {
    const ok = isDate(value);
    if (!ok && hook) hook(value, this);
    return ok;
  }
  override _toValue(value: unknown): number {
    if (!isDate(value)) throw new TypeError('not a date of the years 0 to 9999');
    return value.getTime();
  }
  override _fromValue(value: number): Date {
    const date = new Date(value);
    if (!isDate(date)) throw new RangeError(`not a date of the years 0 to 9999: ${value} ms`);
    return date;
  }
  override _resolve(writer: unknown): unknown {
    return writer instanceof TimestampMillisType ? (value: unknown) => value : undefined;
  }
}

class UuidType extends avsc.types.LogicalType {
  _check(value: unknown, _flags: unknown, hook?: (value: unknown, type: unknown) => void): boolean {
    const ok = typeof value === 'string' && UUID.test(value);
    if (!ok && hook) hook(value, this);
    return ok;
  }
  override _toValue(value: unknown): string {
    if (typeof value !== 'string' || !UUID.test(value))
      throw new TypeError(`not a uuid: ${String(value).slice(0, 60)}`);
    return value;
  }
  override _fromValue(value: string): string {
    return value;
  }
  override _resolve(): unknown {
    return (value: unknown) => value;
  }
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Avro long as bigint: avsc's own number form loses or refuses what is above 2^53. */
const bigLong = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: (value: number | string) => BigInt(value),
  toJSON: (value: bigint) => value.toString(),
  isValid: (value: unknown) => typeof value === 'bigint' && value >= INT64_MIN && value <= INT64_MAX,
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** Money is known by its name, so that the published schema stays free of anything that is not standard Avro. */
function markMoney(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(markMoney);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, markMoney(value)]));
  if (copy.type === 'record' && (copy.name === 'Money' || copy.name === 'spillway.Money')) {
    return { ...copy, logicalType: 'money' };
  }
  return copy;
}

/**
 * A schema, as parsed JSON, compiled to a type that reads and writes our TypeScript values.
 * @throws Error when it is no valid Avro schema
 */
export function compileType(schema: unknown): avsc.Type {
  return avsc.Type.forSchema(markMoney(schema) as avsc.Schema, {
    wrapUnions: 'never',
    omitRecordMethods: true,
    registry: { long: bigLong },
    logicalTypes: {
      money: MoneyType,
      'timestamp-millis': TimestampMillisType,
      uuid: UuidType,
    } as unknown as Record<string, new (schema: avsc.Schema, opts?: unknown) => avsc.types.LogicalType>,
  });
}

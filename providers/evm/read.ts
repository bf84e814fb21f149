/**
 * Reading JSON-RPC answers without trusting them: each helper returns the documented shape or throws
 * `malformed`.
 */
import { getAddress } from 'ethers';
import { malformed } from '../error.ts';

export type Fields = { readonly [key: string]: unknown };

export function fields(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, 'an object', value);
  return value as Fields;
}

export function list(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(path, 'a list', value);
  return value;
}

/** A hex quantity such as `0x1b`. */
export function quantity(value: unknown, path: string): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    throw wrong(path, 'a quantity', value);
  return BigInt(value);
}

/** A quantity that is a count (block, nonce, index), never an amount. */
export function count(value: unknown, path: string): number {
  const found = quantity(value, path);
  if (found > 9_007_199_254_740_991n) throw wrong(path, 'a count', value);
  return Number(found);
}

/** 32 bytes, in lower case. */
export function hash(value: unknown, path: string): string {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{64}$/.test(value)) throw wrong(path, 'a hash', value);
  return value.toLowerCase();
}

/** An address in its EIP-55 form, whatever case the node uses. */
export function address(value: unknown, path: string): string {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{40}$/.test(value)) throw wrong(path, 'an address', value);
  return getAddress(value.toLowerCase());
}

export function hexOf(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function wrong(path: string, wanted: string, value: unknown) {
  const shown = value === undefined ? 'nothing' : String(JSON.stringify(value)).slice(0, 80);
  return malformed('evm', `${path} should be ${wanted}, got ${shown}`);
}

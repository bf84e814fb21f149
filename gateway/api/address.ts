/**
 * Whether a payout address can be right. Known currencies are checked by checksum; others only for shape, since the
 * swap provider checks them again before anything is sent.
 */
import validator from 'multicoin-address-validator';

/** Currencies whose checks were verified to refuse altered addresses (reference/embedded-stack.md). */
const CHECKED = new Set(['xmr', 'xrp', 'xlm', 'ada', 'btc', 'ltc', 'doge', 'trx']);
const EVM_NETWORKS = new Set(['eth', 'bsc', 'matic', 'arbitrum', 'op', 'base', 'avaxc']);

/** @returns what is wrong and what to do, or undefined */
export function addressProblem(currency: string, network: string, address: string): string | undefined {
  const code = currency.toLowerCase();
  if (address !== address.trim() || address === '') return 'give an address without spaces around it';
  if (!/^[\x21-\x7e]{8,120}$/.test(address)) return 'give 8 to 120 printable characters without spaces';
  if (EVM_NETWORKS.has(network.toLowerCase())) {
    return validator.validate(address, 'eth')
      ? undefined
      : 'it is no valid Ethereum address (0x and 40 hex digits, checksum if mixed case)';
  }
  if (!CHECKED.has(code)) return undefined;
  return validator.validate(address, code) ? undefined : `it is no valid ${code} address`;
}

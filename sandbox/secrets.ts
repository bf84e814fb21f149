/** The development secrets of one instance: random, made once, kept in dev.env (mode 600), shown nowhere. */
import { randomBytes } from 'node:crypto';
import { formatEnv, parseEnv, readIfThere, writeWhole } from './files.ts';

const MAKERS: Readonly<Record<string, () => string>> = {
  ORDER_SECRET: () => randomBytes(32).toString('hex'),
  NOWPAYMENTS_IPN_SECRET: () => randomBytes(24).toString('base64url'),
  NOWPAYMENTS_API_KEY: () => `dev-${randomBytes(16).toString('hex')}`,
  CHANGENOW_API_KEY: () => `dev-${randomBytes(16).toString('hex')}`,
  // 31 random bytes behind a 1: always below the order of secp256k1 and never zero.
  HOST_WALLET_KEY: () => `0x01${randomBytes(31).toString('hex')}`,
};

/**
 * Reads dev.env and adds what is missing in it. A value that is there is never changed: the wallet key owns money
 * on the development chain, and the order secret signs orders that people still hold.
 */
export function developmentSecrets(path: string): Record<string, string> {
  const known = parseEnv(readIfThere(path) ?? '');
  const missing = Object.keys(MAKERS).filter((name) => !known[name]);
  for (const name of missing) known[name] = MAKERS[name]!();
  if (missing.length > 0) {
    const header =
      '# Development secrets of this instance, made by `spillway up`. Never use them elsewhere.\n';
    writeWhole(path, header + formatEnv(known), 0o600);
  }
  return known;
}

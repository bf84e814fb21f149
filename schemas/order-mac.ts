/** The MAC of order ids, keyed by ORDER_SECRET. Apart from order-id.ts so that the rules there stay pure text. */
import { createHmac, createSecretKey } from 'node:crypto';
import type { OrderKeys, OrderMac } from './order-id.ts';

/** @throws Error when the secret is empty: everybody could make ids */
export function orderMac(secret: string): OrderMac {
  if (secret.trim() === '') throw new Error('ORDER_SECRET is empty: set it to a long random text');
  const key = createSecretKey(Buffer.from(secret.trim(), 'utf8'));
  return (text) => createHmac('sha256', key).update(text).digest();
}

/** What readOrderId needs, from the texts of the settings. @throws Error when the current secret is empty */
export function orderKeys(options: {
  readonly secret: string;
  readonly previous?: string | undefined;
  readonly legacy: boolean;
}): OrderKeys {
  return {
    current: orderMac(options.secret),
    previous: options.previous?.trim() ? orderMac(options.previous) : undefined,
    legacy: options.legacy,
  };
}

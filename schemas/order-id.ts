/**
 * Order ids: made when an invoice is created, read back from every IPN. They carry the client and a MAC of ours, so
 * that the webhook path needs no database to know whose payment it is, and nobody else can name a client.
 */

/** HMAC-SHA256 of a text under one order secret; the caller brings it, schemas do no cryptography of their own. */
export type OrderMac = (text: string) => Uint8Array;

export interface OrderKeys {
  readonly current: OrderMac;
  /** During a rotation: still read, never used to make an id. */
  readonly previous?: OrderMac | undefined;
  /** Whether the original system's `PGP-...` forms are read too (LEGACY_ORDERS). */
  readonly legacy: boolean;
}

export type OrderReading =
  | { readonly kind: 'ours'; readonly client: string }
  | { readonly kind: 'legacy'; readonly client: string; readonly user: string }
  /** Our form with a MAC that is not ours. */
  | { readonly kind: 'forged' }
  | { readonly kind: 'unknown' };

/** Bytes of chance and of MAC in an id: 80 bits each, 16 characters of base32. */
export const ORDER_RANDOM_BYTES = 10;
const MAC_BYTES = 10;

/** `S1.{client}.{random}.{mac}`; base32 of RFC 4648, upper case, without padding (80 bits need none). */
const OURS = /^S1\.(-?[1-9]\d{0,18})\.([A-Z2-7]{16})\.([A-Z2-7]{16})$/;
const LOOKS_OURS = /^S1\./;

/** The original's form, and its older one, which lost the sign of the channel id. No leading zeros: no two texts
 * may name one client. */
const LEGACY = /^PGP-(\d{1,20})\|(-[1-9]\d{4,13})$/;
const LEGACY_UNSIGNED = /^PGP-(\d{1,20})-{1,2}([1-9]\d{4,13})$/;

const MAX_CLIENT = 2n ** 63n;

/**
 * A new order id of at most 57 characters.
 * @param client the client's open channel id as decimal text, within 64 bits signed, not zero
 * @param random 10 bytes nobody can foresee
 * @throws Error when the client is no such number or the random bytes are not 10
 */
export function makeOrderId(options: {
  readonly client: string;
  readonly random: Uint8Array;
  readonly mac: OrderMac;
}): string {
  const { client, random, mac } = options;
  if (!isClientId(client)) throw new Error(`not a client id: ${JSON.stringify(client.slice(0, 40))}`);
  if (random.length !== ORDER_RANDOM_BYTES)
    throw new Error(`an order id needs ${ORDER_RANDOM_BYTES} random bytes`);
  const signed = `S1.${client}.${base32(random)}`;
  return `${signed}.${macText(mac, signed)}`;
}

/** Whose order it is. Total: any text gets an answer. The MAC covers everything before its own dot. */
export function readOrderId(text: string, keys: OrderKeys): OrderReading {
  const match = OURS.exec(text);
  if (match) {
    const [, client = '', , mac = ''] = match;
    const signed = text.slice(0, -(mac.length + 1));
    const authentic =
      sameText(mac, macText(keys.current, signed)) ||
      (keys.previous !== undefined && sameText(mac, macText(keys.previous, signed)));
    return authentic && isClientId(client) ? { kind: 'ours', client } : { kind: 'forged' };
  }
  // Ours in its beginning, broken behind it (cut, lower case, another length): somebody made it up or damaged it.
  if (LOOKS_OURS.test(text)) return { kind: 'forged' };
  return keys.legacy ? readLegacy(text) : { kind: 'unknown' };
}

function readLegacy(text: string): OrderReading {
  const signed = LEGACY.exec(text);
  if (signed) return { kind: 'legacy', user: signed[1]!, client: signed[2]! };
  const unsigned = LEGACY_UNSIGNED.exec(text);
  if (unsigned) return { kind: 'legacy', user: unsigned[1]!, client: `-${unsigned[2]}` };
  return { kind: 'unknown' };
}

export function isClientId(text: string): boolean {
  if (!/^-?[1-9]\d{0,18}$/.test(text)) return false;
  const id = BigInt(text);
  return id >= -MAX_CLIENT && id < MAX_CLIENT;
}

function macText(mac: OrderMac, signed: string): string {
  return base32(mac(signed).subarray(0, MAC_BYTES));
}

/** Constant time for texts of one length: which character differs must not show. */
function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** For a multiple of 5 bytes, which need no padding. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return text;
}

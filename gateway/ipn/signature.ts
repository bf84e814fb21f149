/**
 * Decides whether an IPN is authentic: HMAC-SHA512 over one of three forms of the body, with the current or the
 * previous secret, compared in constant time. Never the published "whitelist" form, which leaves nested objects out.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { javascriptText, printedValue, sortedText } from './canonical.ts';
import { JsonError, type JsonValue, parseJson } from './json.ts';

/** raw: the bytes as they came; sorted: numbers as written; javascript: numbers as JavaScript prints them. */
export type SignatureForm = 'raw' | 'sorted' | 'javascript';

export type Verified =
  | { readonly authentic: false }
  | {
      readonly authentic: true;
      readonly form: SignatureForm;
      readonly secret: 'current' | 'previous';
      readonly body: AuthenticBody;
    };

/** The value that the signature vouches for, or why an authentic body has none. */
export type AuthenticBody =
  | { readonly json: JsonValue }
  | { readonly reason: JsonError['code'] | 'number_inexact'; readonly detail: string };

export interface IpnSecrets {
  readonly current: KeyObject;
  readonly previous: KeyObject | undefined;
}

/**
 * Keys of the settings' texts. An empty secret would accept what everybody can sign.
 * @throws Error when the current secret is empty; an empty previous one counts as not set
 */
export function ipnSecrets(current: string, previous?: string): IpnSecrets {
  if (current.trim() === '') {
    throw new Error('NOWPAYMENTS_IPN_SECRET is empty: set it to the IPN secret of the NOWPayments account');
  }
  return { current: keyOf(current), previous: previous?.trim() ? keyOf(previous) : undefined };
}

function keyOf(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret.trim(), 'utf8'));
}

const SIGNATURE = /^[0-9a-f]{128}$/i;

/**
 * Forms 2 and 3 are tried for bodies up to this size only. Reading and printing 64 KiB of numbers takes a hundred times
 * as long as hashing them: anybody could keep the process busy with forged ones. An IPN has about 1 KiB.
 */
export const MAX_REWRITTEN_BYTES = 16 * 1024;

/**
 * @param raw the body exactly as received
 * @param header the value(s) of x-nowpayments-sig; two headers, or anything but 128 hex digits, are not authentic
 */
export function verifySignature(raw: Buffer, header: unknown, secrets: IpnSecrets): Verified {
  // The length and alphabet first: hex decoding stops silently at a bad digit, and the compare throws on lengths.
  if (typeof header !== 'string' || !SIGNATURE.test(header) || raw.length === 0) return { authentic: false };
  const wanted = Buffer.from(header, 'hex');
  const secret = matches(raw, wanted, secrets);
  if (secret) return { authentic: true, form: 'raw', secret, body: readBody(raw) };
  if (raw.length > MAX_REWRITTEN_BYTES) return { authentic: false };
  return verifyRewritten(raw, wanted, secrets);
}

/** Forms 2 and 3 exist only for bodies that parse; a body that does not is authentic by its bytes or not at all. */
function verifyRewritten(raw: Buffer, wanted: Buffer, secrets: IpnSecrets): Verified {
  const body = readBody(raw);
  if (!('json' in body)) return { authentic: false };
  const sorted = sortedText(body.json);
  const bySorted = matches(sorted, wanted, secrets);
  if (bySorted) return { authentic: true, form: 'sorted', secret: bySorted, body };
  const printed = javascriptText(body.json);
  if (printed === sorted) return { authentic: false };
  const byPrinted = matches(printed, wanted, secrets);
  if (!byPrinted) return { authentic: false };
  return { authentic: true, form: 'javascript', secret: byPrinted, body: printedBody(body.json) };
}

function printedBody(json: JsonValue): AuthenticBody {
  const value = printedValue(json);
  if (value !== undefined) return { json: value };
  return {
    reason: 'number_inexact',
    detail:
      'signed as JavaScript prints it, with a number of more than 15 significant digits or out of range',
  };
}

/** The value of a body that is already known to be authentic by its bytes, for a redrive. */
export function readBody(raw: Buffer): AuthenticBody {
  try {
    return { json: parseJson(raw) };
  } catch (error) {
    if (error instanceof JsonError) return { reason: error.code, detail: error.message };
    throw error;
  }
}

/** The same for a quarantined body: `form` is the one that its signature matched when it came in. */
export function readAuthenticated(raw: Buffer, form: SignatureForm): AuthenticBody {
  const body = readBody(raw);
  return form === 'javascript' && 'json' in body ? printedBody(body.json) : body;
}

function matches(
  text: Buffer | string,
  wanted: Buffer,
  secrets: IpnSecrets,
): 'current' | 'previous' | undefined {
  if (timingSafeEqual(createHmac('sha512', secrets.current).update(text).digest(), wanted)) return 'current';
  if (!secrets.previous) return undefined;
  if (timingSafeEqual(createHmac('sha512', secrets.previous).update(text).digest(), wanted))
    return 'previous';
  return undefined;
}

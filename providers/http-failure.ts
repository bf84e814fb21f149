/** What an HTTP failure means: the kind of a status, the provider's code and words, and whether a call ever left. */
import { isLosslessNumber } from 'lossless-json';
import type { ProviderErrorKind } from './error.ts';
import { type Json, type JsonObject, parseJson } from './json.ts';

/** Refusals that a repetition with the same content gets again. */
const PERMANENT = new Set([400, 401, 402, 403, 404, 405, 406, 409, 410, 413, 414, 415, 422, 451]);

/** @param effect the call changes something at the provider */
export function classifyStatus(status: number, effect: boolean): ProviderErrorKind {
  if (PERMANENT.has(status)) return 'permanent';
  // Refused by a limiter: it was not carried out. Anything else may come from a proxy after the effect.
  if (status === 429) return 'transient';
  return effect ? 'unknown_outcome' : 'transient';
}

/** The connection was never made, so the provider cannot have acted. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export function wasNeverSent(error: unknown): boolean {
  return NEVER_SENT.has(codeOf(error));
}

/** The system's code, which fetch hides in `cause`; `network` when there is none. */
export function codeOf(error: unknown): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    if (typeof code === 'string') return code;
  }
  return 'network';
}

/** Providers name the code differently: `code` (NOWPayments), `error` (ChangeNOW), `status.error_code` (CoinGecko). */
export function messageOf(body: string, secrets: readonly string[]): { code?: string; text: string } {
  const fields = fieldsOf(body);
  const status = fieldsOf(fields.status ?? null);
  const code = [fields.code, fields.error, status.error_code].map(word).find((found) => found !== undefined);
  const words = [fields.message, status.error_message].find((found) => typeof found === 'string') ?? '';
  let text = (words as string).replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  // Some APIs repeat the key that they refuse.
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '***');
  return code === undefined ? { text: text.slice(0, 200) } : { code, text: text.slice(0, 200) };
}

function fieldsOf(source: string | Json): JsonObject {
  let value: Json = source;
  if (typeof source === 'string') {
    try {
      value = parseJson(source);
    } catch {
      return {}; // an HTML page of a proxy: its status says all we can know
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value)
    ? value
    : {};
}

function word(value: Json | undefined): string | undefined {
  const found = isLosslessNumber(value) ? value.value : value;
  return typeof found === 'string' && /^[\w.-]{1,64}$/.test(found) ? found : undefined;
}

/** `Retry-After` is seconds or an HTTP date; nonsense counts as absent. @param now milliseconds */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,6}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

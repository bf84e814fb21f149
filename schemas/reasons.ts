/**
 * Every way in which an input can end other than applied, as one closed table: the code is the metric label, the
 * text is what people read. `end` says what becomes of the input; `retry` what may bring it back.
 */

export interface Reason {
  readonly end: 'refused' | 'duplicate' | 'rejected' | 'quarantined' | 'waiting';
  /** never; redrive: by a person once the cause is mended; auto: by itself when the cause is gone. */
  readonly retry: 'never' | 'redrive' | 'auto';
  /** Answer of the webhook, where the gateway decides it. */
  readonly http?: number;
  readonly text: string;
}

const table = {
  // transport: refused before anything is read
  method_not_allowed: { end: 'refused', retry: 'never', http: 405, text: 'only POST is accepted here' },
  body_too_large: { end: 'refused', retry: 'never', http: 413, text: 'the body is larger than 64 KiB' },
  encoding_refused: { end: 'refused', retry: 'never', http: 415, text: 'a content encoding is not accepted' },
  body_timeout: { end: 'refused', retry: 'never', http: 408, text: 'the body did not arrive within 2 s' },
  not_authentic: {
    end: 'refused',
    retry: 'never',
    http: 401,
    text: 'the signature is missing or does not match',
  },
  not_durable: {
    end: 'refused',
    retry: 'auto',
    http: 503,
    text: 'the record could not be made durable in time',
  },
  overloaded: { end: 'refused', retry: 'auto', http: 503, text: 'too many webhooks are in flight' },
  draining: { end: 'refused', retry: 'auto', http: 503, text: 'this process is stopping' },
  request_malformed: {
    end: 'refused',
    retry: 'never',
    http: 400,
    text: 'the HTTP request is not well formed',
  },
  headers_too_large: { end: 'refused', retry: 'never', http: 431, text: 'the headers are larger than 8 KiB' },
  not_found: { end: 'refused', retry: 'never', http: 404, text: 'nothing is served under this path' },
  // authentic but not understandable: durable in quarantine
  json_invalid: {
    end: 'quarantined',
    retry: 'redrive',
    http: 200,
    text: 'the body is not one strict JSON object',
  },
  json_duplicate_key: {
    end: 'quarantined',
    retry: 'redrive',
    http: 200,
    text: 'a key stands twice in the body',
  },
  json_too_complex: {
    end: 'quarantined',
    retry: 'redrive',
    http: 200,
    text: 'the body is too deep or has too many keys',
  },
  field_missing: { end: 'quarantined', retry: 'redrive', http: 200, text: 'a required field is missing' },
  field_invalid: { end: 'quarantined', retry: 'redrive', http: 200, text: 'a field has an impossible value' },
  status_unknown: {
    end: 'quarantined',
    retry: 'redrive',
    http: 200,
    text: 'the payment status is not one we know',
  },
  number_inexact: {
    end: 'quarantined',
    retry: 'redrive',
    http: 200,
    text: 'a number cannot be kept exactly',
  },
  order_forged: { end: 'quarantined', retry: 'redrive', http: 200, text: 'the order id carries a wrong MAC' },
  order_unknown: {
    end: 'quarantined',
    retry: 'redrive',
    http: 200,
    text: 'the order id has no form of ours',
  },
  gateway_defect: {
    end: 'quarantined',
    retry: 'redrive',
    http: 200,
    text: 'a defect of the gateway: the bytes are kept',
  },
  payout_notice: {
    end: 'rejected',
    retry: 'never',
    http: 200,
    text: 'a notice about a withdrawal, counted only',
  },
  // convert and accumulate
  bytes_undecodable: { end: 'quarantined', retry: 'redrive', text: 'the record cannot be decoded' },
  unknown_client: { end: 'quarantined', retry: 'auto', text: 'no client has this id' },
  outcome_asset_not_held: {
    end: 'quarantined',
    retry: 'redrive',
    text: 'the outcome is in a currency we do not hold',
  },
  outcome_missing: {
    end: 'rejected',
    retry: 'never',
    text: 'finished without an outcome: a discrepancy, no credit',
  },
  value_too_small: {
    end: 'rejected',
    retry: 'never',
    text: 'worth less than one minor unit: a discrepancy, no credit',
  },
  amount_inexact: { end: 'quarantined', retry: 'redrive', text: 'the amount does not fit the asset exactly' },
  key_mismatch: { end: 'quarantined', retry: 'redrive', text: 'the record key is not its client' },
  behind_quarantined: {
    end: 'quarantined',
    retry: 'redrive',
    text: 'an earlier record of the same entity is parked',
  },
  data_refused: { end: 'quarantined', retry: 'redrive', text: 'the database refused the values' },
  duplicate: { end: 'duplicate', retry: 'never', text: 'the same facts were applied before' },
  duplicate_revalued: {
    end: 'duplicate',
    retry: 'never',
    text: 'the same facts with another valuation; the first stands',
  },
  stale_status: { end: 'rejected', retry: 'never', text: 'a later status was seen before' },
  content_clash: {
    end: 'rejected',
    retry: 'never',
    text: 'the same payment with other facts: a discrepancy, no credit',
  },
  closed_by_refund: {
    end: 'rejected',
    retry: 'never',
    text: 'refunded before it was credited: a discrepancy, no credit',
  },
  refund_after_receipt: {
    end: 'rejected',
    retry: 'never',
    text: 'refund reported after we hold the coins: a discrepancy',
  },
  awaiting_confirmation: { end: 'waiting', retry: 'auto', text: 'waits until the provider confirms by GET' },
  no_usable_rate: { end: 'waiting', retry: 'auto', text: 'no fresh, agreed rate: booked as unvalued' },
  // payouts and conversions
  below_threshold: { end: 'waiting', retry: 'auto', text: 'the total is below the threshold' },
  below_minimum: {
    end: 'waiting',
    retry: 'auto',
    text: 'the total is below the minimum of the swap provider',
  },
  minimum_unknown: {
    end: 'waiting',
    retry: 'auto',
    text: 'the minimum of the swap provider is not known yet',
  },
  over_limit: { end: 'waiting', retry: 'redrive', text: 'over a limit: waits for approval' },
  awaiting_funds: { end: 'waiting', retry: 'auto', text: 'settled funds do not suffice yet' },
  gas_low: { end: 'waiting', retry: 'auto', text: 'the gas account does not suffice' },
  gas_price_high: { end: 'waiting', retry: 'auto', text: 'the gas price is above GAS_MAX_GWEI' },
  provider_unavailable: { end: 'waiting', retry: 'auto', text: 'the provider does not answer' },
  provider_refused: { end: 'waiting', retry: 'redrive', text: 'the provider refused the request for good' },
  provider_contradiction: {
    end: 'waiting',
    retry: 'redrive',
    text: 'the provider answered something else than asked',
  },
  provider_hold: { end: 'waiting', retry: 'auto', text: 'the provider holds the swap' },
  transfer_reverted: {
    end: 'waiting',
    retry: 'auto',
    text: 'our transfer was reverted; a new attempt follows',
  },
  foreign_nonce: {
    end: 'waiting',
    retry: 'redrive',
    text: 'the key of the wallet was used by somebody else',
  },
  client_debt: { end: 'waiting', retry: 'redrive', text: 'the client owes for a refunded payment' },
  operator: { end: 'waiting', retry: 'redrive', text: 'decided by an operator' },
} as const satisfies Record<string, Reason>;

export type ReasonCode = keyof typeof table;
export const REASONS: Readonly<Record<ReasonCode, Reason>> = table;
export const REASON_CODES = Object.keys(table) as ReasonCode[];

/** Codes that the gateway answers by themselves. */
export type HttpReasonCode = {
  [Code in ReasonCode]: (typeof table)[Code] extends { readonly http: number } ? Code : never;
}[ReasonCode];

/** The HTTP status of an answer for this reason. */
export function httpStatusOf(code: HttpReasonCode): number {
  return table[code].http;
}

/** The public text of a code, or the code itself for one that this version does not know. */
export function reasonText(code: string): string {
  return code in REASONS ? REASONS[code as ReasonCode].text : code;
}

/**
 * The IPN of a payment as NOWPayments sends it: the body, and its signature in one of the three forms that are seen in
 * the world (1 raw sorted body; 2 unsorted body, signature over the sorted one; 3 signature over what JavaScript prints
 * for the body's numbers).
 */
import { createHmac } from 'node:crypto';
import { isLosslessNumber } from 'lossless-json';
import { json } from '../http.ts';
import type { Payment } from './simulator-book.ts';

export type SignatureForm = 1 | 2 | 3;

export interface SignedIpn {
  readonly raw: string;
  /** Value of `x-nowpayments-sig`. */
  readonly signature: string;
}

/** Keys in the order of the documentation, which is not alphabetical. */
export function ipnBody(payment: Payment): json.JsonObject {
  const number = (value: string | null): json.Json => (value === null ? null : json.exact(value));
  return {
    payment_id: json.exact(payment.paymentId),
    parent_payment_id: number(payment.parentPaymentId),
    invoice_id: number(payment.invoiceId),
    payment_status: payment.status,
    pay_address: payment.payAddress,
    payin_extra_id: null,
    price_amount: json.exact(payment.priceAmount),
    price_currency: payment.priceCurrency,
    pay_amount: json.exact(payment.payAmount),
    actually_paid: json.exact(payment.actuallyPaid),
    actually_paid_at_fiat: json.exact('0'),
    pay_currency: payment.payCurrency,
    order_id: payment.orderId,
    order_description: payment.description,
    purchase_id: payment.purchaseId,
    outcome_amount: number(payment.outcomeAmount),
    outcome_currency: payment.outcomeAmount === null ? null : payment.outcomeCurrency,
    payment_extra_ids: null,
    fee: {
      currency: payment.payCurrency,
      depositFee: json.exact('0.00021'),
      withdrawalFee: json.exact('0'),
      serviceFee: json.exact('0.0001'),
    },
    created_at: payment.createdAt,
    updated_at: payment.updatedAt,
  };
}

export function signIpn(body: json.JsonObject, form: SignatureForm, secret: string): SignedIpn {
  if (form === 1) {
    const raw = json.stringifyJson(sorted(body));
    return { raw, signature: hmac(raw, secret) };
  }
  if (form === 2) {
    return { raw: json.stringifyJson(body), signature: hmac(json.stringifyJson(sorted(body)), secret) };
  }
  // Trailing zeros as a database prints them; the signer saw them as JavaScript numbers, that is without.
  const printed = { ...body };
  for (const name of ['price_amount', 'pay_amount', 'actually_paid', 'outcome_amount']) {
    printed[name] = padded(body[name] ?? null);
  }
  const raw = json.stringifyJson(sorted(printed));
  return { raw, signature: hmac(JSON.stringify(sorted(JSON.parse(raw) as json.Json)), secret) };
}

function hmac(signed: string, secret: string): string {
  return createHmac('sha512', secret).update(signed).digest('hex');
}

/** Keys in alphabetical order at every depth. */
function sorted(value: json.Json): json.Json {
  if (typeof value !== 'object' || value === null || isLosslessNumber(value)) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key] as json.Json)]),
  );
}

function padded(value: json.Json): json.Json {
  if (!isLosslessNumber(value)) return value;
  return json.exact(value.value.includes('.') ? `${value.value}00` : `${value.value}.0`);
}

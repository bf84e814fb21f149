/**
 * NOWPayments over HTTP: make an invoice, ask for a payment's state, ask for a minimum. Amounts stay exact decimal
 * text and every field that is used is checked, because money follows from these answers.
 */
import { afterEffect, malformed, ProviderError } from '../error.ts';
import { createHttp, json } from '../http.ts';
import { type PaymentFacts, readPayment } from './payment.ts';

export type { PaymentFacts } from './payment.ts';

const PROVIDER = 'nowpayments';

export interface InvoiceRequest {
  readonly orderId: string;
  /** Exact decimal text in US dollars, for example `50` or `1.35`. */
  readonly priceUsd: string;
  readonly description: string;
  /** Every invoice carries its own address for IPNs; without it the provider sends none. */
  readonly ipnUrl: string;
  readonly successUrl?: string;
}

export interface NowPayments {
  /**
   * Makes an invoice; not idempotent, but an unpaid one costs nothing.
   * @throws ProviderError
   */
  createInvoice(request: InvoiceRequest): Promise<{ invoiceId: string; invoiceUrl: string }>;
  /**
   * What the provider says about a payment now, or null when it says that there is none.
   * @throws ProviderError, also when the answer is about another payment
   */
  payment(paymentId: string): Promise<PaymentFacts | null>;
  /** The smallest amount, in `from`, that is accepted for this pair of NOWPayments currency codes. */
  minimum(from: string, to: string): Promise<{ minAmount: string }>;
}

export interface NowPaymentsOptions {
  /** With or without the closing `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly timeoutMs?: number;
  readonly perMinute?: number;
}

/** 50 a second. The provider publishes no exact limit per key: beyond it, it says 429 and how long to wait. */
const PER_MINUTE_DEFAULT = 3_000;

export function createNowPayments(options: NowPaymentsOptions): NowPayments {
  const http = createHttp({
    provider: PROVIDER,
    baseUrl: options.baseUrl.replace(/\/+$/, '').replace(/\/v1$/, ''),
    headers: { 'x-api-key': options.apiKey },
    perMinute: options.perMinute ?? PER_MINUTE_DEFAULT,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });

  return {
    async createInvoice(request) {
      const reply = await http.post('/v1/invoice', invoiceBody(request), { effect: true });
      return afterEffect(() => readInvoice(reply, request));
    },

    async payment(paymentId) {
      try {
        return readPayment(await http.get(`/v1/payment/${encodeURIComponent(paymentId)}`), paymentId);
      } catch (error) {
        if (isUnknownPayment(error)) return null;
        throw error;
      }
    },

    async minimum(from, to) {
      const query = { currency_from: from, currency_to: to };
      const reply = json.object(await http.get('/v1/min-amount', query), `${PROVIDER}.min_amount`);
      for (const [field, asked] of Object.entries(query)) {
        const got = json.text(reply[field], `${PROVIDER}.${field}`);
        if (got.toLowerCase() !== asked.toLowerCase())
          throw malformed(PROVIDER, `${field} is ${got}, not ${asked}`);
      }
      return { minAmount: json.decimal(reply.min_amount, `${PROVIDER}.min_amount`) };
    },
  };
}

/** Only the API's own 404 says that a payment does not exist; a proxy's or a wrong address's 404 says nothing. */
function isUnknownPayment(error: unknown): boolean {
  return error instanceof ProviderError && error.status === 404 && error.code !== 'http_404';
}

function invoiceBody(request: InvoiceRequest): unknown {
  return {
    price_amount: json.exact(request.priceUsd),
    price_currency: 'usd',
    order_id: request.orderId,
    order_description: request.description,
    ipn_callback_url: request.ipnUrl,
    ...(request.successUrl === undefined ? {} : { success_url: request.successUrl }),
    // The platform bears the provider's fees, so the subscriber pays the price of the tier and no more.
    is_fixed_rate: false,
    is_fee_paid_by_user: false,
  };
}

function readInvoice(reply: json.Json, request: InvoiceRequest): { invoiceId: string; invoiceUrl: string } {
  const invoice = json.object(reply, `${PROVIDER}.invoice`);
  const orderId = json.text(invoice.order_id, `${PROVIDER}.invoice.order_id`);
  if (orderId !== request.orderId)
    throw malformed(PROVIDER, `invoice for order ${orderId}, asked ${request.orderId}`);
  const price = json.decimal(invoice.price_amount, `${PROVIDER}.invoice.price_amount`);
  const asked = json.decimal(request.priceUsd, `${PROVIDER}.invoice.price_amount`);
  if (price !== asked) throw malformed(PROVIDER, `invoice over ${price}, asked ${asked}`);
  const invoiceUrl = json.text(invoice.invoice_url, `${PROVIDER}.invoice.invoice_url`);
  // It goes to subscribers as a link: nothing but a web address may pass.
  if (!URL.canParse(invoiceUrl) || !/^https?:$/.test(new URL(invoiceUrl).protocol)) {
    throw malformed(PROVIDER, 'invoice_url is not a web address');
  }
  return { invoiceId: json.identifier(invoice.id, `${PROVIDER}.invoice.id`), invoiceUrl };
}

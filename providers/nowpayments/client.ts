/**
 * NOWPayments over HTTP: make an invoice, ask for a payment's state or for all of a time, ask for a minimum. Amounts stay exact decimal
 * text and every field that is used is checked, because money follows from these answers.
 */
import { afterEffect, malformed, ProviderError } from '../error.ts';
import { createHttp, json } from '../http.ts';
import { type ListedPayment, type PaymentFacts, readListed, readPayment } from './payment.ts';
import { createSession } from './session.ts';

export type { ListedPayment, PaymentFacts } from './payment.ts';

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
  /**
   * One page of the payments that were made in a span of time, oldest first. A row that cannot be read is reported, not
   * thrown: it must not hide the others.
   * @throws ProviderError; `malformed` also when the answer is not of that span or not in that order
   */
  payments(request: ListRequest): Promise<PaymentList>;
  /** The smallest amount, in `from`, that is accepted for this pair of NOWPayments currency codes. */
  minimum(from: string, to: string): Promise<{ minAmount: string }>;
}

export interface ListRequest {
  /** Time of the payment's making, both ends included. */
  readonly from: Date;
  readonly to: Date;
  /** From 0 on. */
  readonly page: number;
  /** Rows of a page, 1 to 500. */
  readonly limit: number;
}

export interface PaymentList {
  readonly payments: readonly ListedPayment[];
  /** What was wrong with each row that could not be read. */
  readonly unreadable: readonly string[];
  /** Whether this page was full, so that there may be more. */
  readonly isFull: boolean;
}

export interface NowPaymentsOptions {
  /** With or without the closing `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly timeoutMs?: number;
  readonly perMinute?: number;
  /** Of the account: the documentation wants a login for the list beside the key. Without it the key is sent alone. */
  readonly login?: { readonly email: string; readonly password: string } | undefined;
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

  const session = createSession(http, options.login);

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

    async payments(request) {
      const query = {
        limit: String(request.limit),
        page: String(request.page),
        sortBy: 'created_at',
        orderBy: 'asc',
        dateFrom: request.from.toISOString(),
        dateTo: request.to.toISOString(),
      };
      return readList(await session.get('/v1/payment/', query), request);
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

/** The provider may count days where we say times: more than that off is an answer to another question. */
const SPAN_TOLERANCE_MS = 26 * 60 * 60_000;

function readList(reply: json.Json, request: ListRequest): PaymentList {
  const rows = json.array(json.object(reply, `${PROVIDER}.list`).data, `${PROVIDER}.list.data`);
  const payments: ListedPayment[] = [];
  const unreadable: string[] = [];
  for (const row of rows) {
    try {
      payments.push(readListed(row));
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      unreadable.push(error.message);
    }
  }
  const [earliest, latest] = [
    request.from.getTime() - SPAN_TOLERANCE_MS,
    request.to.getTime() + SPAN_TOLERANCE_MS,
  ];
  payments.forEach(({ paymentId, createdAt }, index) => {
    const at = createdAt.getTime();
    if (at < earliest || at > latest)
      throw malformed(
        PROVIDER,
        `payment ${paymentId} of ${createdAt.toISOString()} is not of the time asked`,
      );
    if (index > 0 && at < payments[index - 1]!.createdAt.getTime())
      throw malformed(PROVIDER, `payment ${paymentId} is not in the order asked`);
  });
  return { payments, unreadable, isFull: rows.length >= request.limit };
}

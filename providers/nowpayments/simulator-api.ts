/** The side of the simulator that NOWPayments documents: paths, fields, number formats and error bodies are theirs. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ProviderError } from '../error.ts';
import { json } from '../http.ts';
import type { Book, Invoice, Payment } from './simulator-book.ts';

export interface ApiOptions {
  readonly book: Book;
  readonly apiKey: string;
}

/** Until the outcome is fixed, GET answers with what it expects, where an IPN says null. */
const OPEN = new Set(['waiting', 'confirming', 'confirmed', 'sending']);

/** What the provider accepts at least, in US dollars. */
const MINIMUM_USD = '1';

export function registerApi(app: FastifyInstance, options: ApiOptions): void {
  const { book, apiKey } = options;
  const guarded = { preHandler: keyCheck(apiKey) };

  app.get('/payment/', async (request, reply) => {
    const { iid } = request.query as { iid?: string };
    const invoice = book.invoices.get(iid ?? '');
    if (invoice === undefined) return failure(reply, 404, 'NOT_FOUND', 'Invoice not found');
    return reply.type('text/html').send(payPage(invoice));
  });

  app.get('/v1/status', async () => ({ message: 'OK' }));

  app.post('/v1/invoice', guarded, async (request, reply) => {
    const invoice = invoiceOf(request, book.nextId());
    if (typeof invoice === 'string') return failure(reply, 400, 'INVALID_REQUEST_PARAMS', invoice);
    book.saveInvoice(invoice);
    return invoiceAnswer(invoice, `${request.protocol}://${request.host}`);
  });

  app.get('/v1/payment/:id', guarded, async (request, reply) => {
    const { id } = request.params as { id: string };
    if (!/^\d+$/.test(id)) return failure(reply, 400, 'BAD_REQUEST', 'Invalid paymentId');
    const payment = book.payments.get(id);
    return payment === undefined
      ? failure(reply, 404, 'PAYMENT_NOT_FOUND', 'Payment not found')
      : paymentAnswer(payment);
  });

  app.get('/v1/min-amount', guarded, async (request, reply) => {
    const query = request.query as Record<string, string | undefined>;
    const from = query.currency_from;
    if (from === undefined) return failure(reply, 400, 'INVALID_REQUEST_PARAMS', 'currency_from is required');
    const minimum = from.toLowerCase() === 'eth' ? '0.0005' : MINIMUM_USD;
    return { currency_from: from, currency_to: query.currency_to ?? from, min_amount: json.exact(minimum) };
  });
}

/** What a subscriber sees behind `invoice_url`: one button that pays the price. */
function payPage(invoice: Invoice): string {
  const pay = `fetch('/_control/pay', { method: 'POST', body: JSON.stringify({ invoiceId: '${invoice.id}' }) })`;
  return `<!doctype html><meta charset="utf-8"><title>NOWPayments simulator</title>
<p>Invoice ${invoice.id} over ${invoice.priceAmount} ${invoice.priceCurrency === 'usd' ? 'USD' : 'units'}</p>
<button onclick="${pay.replaceAll('"', '&quot;')}.then(() => { this.textContent = 'Paid'; })">Pay</button>`;
}

export function keyCheck(apiKey: string) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    if (request.headers['x-api-key'] === apiKey) return undefined;
    return failure(reply, 403, 'INVALID_API_KEY', 'Invalid api key');
  };
}

export function failure(
  reply: FastifyReply,
  statusCode: number,
  code: string,
  message: string,
): FastifyReply {
  return reply.code(statusCode).send({ status: false, statusCode, code, message });
}

/** @returns the invoice, or what the provider would say is wrong with the request */
function invoiceOf(request: FastifyRequest, id: string): Invoice | string {
  try {
    const body = json.object((request.body ?? undefined) as json.Json | undefined, 'invoice.body');
    const text = (name: string): string | null => json.nullableText(body[name], `invoice.${name}`);
    const priceAmount = json.decimal(body.price_amount, 'invoice.price_amount');
    if (priceAmount === '0') return 'price_amount must be a positive number';
    return {
      id,
      orderId: text('order_id') ?? '',
      description: text('order_description') ?? '',
      priceAmount,
      priceCurrency: json.text(body.price_currency, 'invoice.price_currency').toLowerCase(),
      ipnUrl: text('ipn_callback_url'),
      successUrl: text('success_url'),
      createdAt: new Date().toISOString(),
    };
  } catch (error) {
    if (error instanceof ProviderError) return error.message;
    throw error;
  }
}

/** The real one writes ids and the price as strings here, and as numbers elsewhere. */
function invoiceAnswer(invoice: Invoice, origin: string): unknown {
  return {
    id: invoice.id,
    token_id: String(BigInt(invoice.id) + 7n),
    order_id: invoice.orderId,
    order_description: invoice.description,
    price_amount: invoice.priceAmount,
    price_currency: invoice.priceCurrency,
    pay_currency: null,
    ipn_callback_url: invoice.ipnUrl,
    invoice_url: `${origin}/payment/?iid=${invoice.id}`,
    success_url: invoice.successUrl,
    cancel_url: null,
    partially_paid_url: null,
    payout_currency: null,
    created_at: invoice.createdAt,
    updated_at: invoice.createdAt,
    is_fixed_rate: false,
    is_fee_paid_by_user: false,
    source: null,
  };
}

export function paymentAnswer(payment: Payment): json.JsonObject {
  const number = (value: string | null): json.Json => (value === null ? null : json.exact(value));
  return {
    payment_id: json.exact(payment.paymentId),
    invoice_id: number(payment.invoiceId),
    payment_status: payment.status,
    pay_address: payment.payAddress,
    payin_extra_id: null,
    price_amount: json.exact(payment.priceAmount),
    price_currency: payment.priceCurrency,
    pay_amount: json.exact(payment.payAmount),
    actually_paid: json.exact(payment.actuallyPaid),
    pay_currency: payment.payCurrency,
    order_id: payment.orderId,
    order_description: payment.description,
    purchase_id: json.exact(payment.purchaseId),
    outcome_amount: number(OPEN.has(payment.status) ? payment.estimate : payment.outcomeAmount),
    outcome_currency: payment.outcomeCurrency,
    payout_hash: payment.payoutHash,
    payin_hash: payment.payinHash,
    created_at: payment.createdAt,
    updated_at: payment.updatedAt,
    burning_percent: 'null', // the word, as the real one sends it
    type: 'crypto2crypto',
    ...(payment.parentPaymentId === null ? {} : { parent_payment_id: json.exact(payment.parentPaymentId) }),
    ...payment.lies,
  };
}

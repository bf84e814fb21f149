/**
 * The side of the simulator that ChangeNOW documents: paths, fields, number formats and error bodies are
 * theirs.
 */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Rate } from '../../schemas/money.ts';
import { devDepositAddress } from '../evm/dev-accounts.ts';
import { json } from '../http.ts';
import { coinOf, convert, currencyList, isAddress, isTraded, limitsOf } from './simulator-market.ts';
import type { Order, OrderBook } from './simulator-orders.ts';
import { NORMAL, type Plan, takePlan } from './simulator-script.ts';
import type { SwapFlow, SwapPair } from './swap.ts';

export interface ApiOptions {
  readonly memory: OrderBook;
  readonly apiKey: string;
  readonly usdtContract: string;
}

/** An answer in their error form. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly payload: unknown;

  constructor(status: number, code: string, message: string, payload?: unknown) {
    super(message);
    this.status = status;
    this.code = code;
    this.payload = payload;
  }
}

interface FixedRate {
  readonly pair: SwapPair;
  readonly until: number;
}

type Fields = Record<string, string | undefined>;

const RATE_VALID_MS = 60_000;
const LIST_DEFAULT = 100;

export function registerApi(app: FastifyInstance, options: ApiOptions): void {
  const { memory } = options;
  const rates = new Map<string, FixedRate>();
  const guarded = { preHandler: [keyCheck(options.apiKey), pace(memory)], errorHandler: answerRefusal };

  app.get('/v2/exchange/currencies', guarded, async () => currencyList(options.usdtContract));

  app.get('/v2/exchange/range', guarded, async (request) => {
    const { pair, flow } = pairOf(request.query as Fields);
    return { ...pair, flow, ...rangeBody(memory, pair) };
  });

  app.get('/v2/exchange/min-amount', guarded, async (request) => {
    const { pair, flow } = pairOf(request.query as Fields);
    return { ...pair, flow, minAmount: json.exact(limitsOf(memory.settings, pair).min) };
  });

  app.get('/v2/exchange/estimated-amount', guarded, async (request) => {
    const query = request.query as Fields;
    const { pair, flow } = pairOf(query);
    const fromAmount = amountOf(query.fromAmount);
    checkLimits(memory, pair, fromAmount);
    const fixed = flow === 'fixed-rate' && query.useRateId === 'true';
    const rateId = fixed ? randomUUID() : null;
    const until = Date.now() + RATE_VALID_MS;
    if (rateId !== null) rates.set(rateId, { pair, until });
    return estimateBody(memory, pair, fromAmount, { flow, rateId, until: fixed ? until : null });
  });

  app.post('/v2/exchange', guarded, async (request) => {
    const wish = wishOf(request.body as json.Json | undefined, rates);
    checkLimits(memory, wish.pair, wish.fromAmount);
    const plan = takePlan(memory.scripts, { ...wish.pair, ...wish });
    if (plan !== NORMAL) memory.saveScripts();
    if (plan.refuse) throw new Refusal(plan.refuse.status, plan.refuse.error, plan.refuse.message);
    if (plan.addressRefused) throw new Refusal(400, 'not_valid_address', 'Invalid recipient address');
    const order = open(memory, wish, plan);
    if (plan.duplicate) open(memory, wish, plan);
    return { ...createdBody(order), ...plan.reply };
  });

  app.get('/v2/exchange/by-id', guarded, async (request) => {
    const id = (request.query as Fields).id ?? '';
    const order = memory.orders.get(id);
    if (order === undefined) throw new Refusal(404, 'not_found', `Not found exchange by id: ${id}`);
    return { ...statusBody(order), ...order.plan.statusReply };
  });

  app.get('/v2/exchanges', guarded, async (request) => listBody(memory, request.query as Fields));

  app.get('/v2/validate/address', guarded, async (request) => {
    const { currency = '', address = '' } = request.query as Fields;
    const result = isAddress(currency.toLowerCase(), address);
    return { result, message: result ? null : `Invalid ${currency} address`, isActivated: null };
  });
}

function keyCheck(apiKey: string) {
  return async (request: FastifyRequest): Promise<void> => {
    if (request.headers['x-changenow-api-key'] !== apiKey)
      throw new Refusal(401, 'unauthorized', 'Unauthorized');
  };
}

/** Their limit counts requests of the running minute. */
function pace(memory: OrderBook) {
  let minute = 0;
  let count = 0;
  return async (_request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const now = Math.floor(Date.now() / 60_000);
    if (now !== minute) [minute, count] = [now, 0];
    count += 1;
    if (memory.settings.perMinute === null || count <= memory.settings.perMinute) return;
    void reply.header('retry-after', String(60 - (Math.floor(Date.now() / 1_000) % 60)));
    throw new Refusal(429, 'too_many_requests', 'Too many requests');
  };
}

function answerRefusal(error: Error, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!(error instanceof Refusal)) return reply.code(500).send({ error: 'internal', message: error.message });
  const payload = error.payload === undefined ? {} : { payload: error.payload };
  return reply.code(error.status).send({ error: error.code, message: error.message, ...payload });
}

function pairOf(fields: Fields): { pair: SwapPair; flow: SwapFlow } {
  const word = (name: keyof SwapPair): string => {
    const found = fields[name]?.toLowerCase();
    if (!found) throw new Refusal(400, 'bad_params', `${name} is required`);
    return found;
  };
  const pair = {
    fromCurrency: word('fromCurrency'),
    fromNetwork: word('fromNetwork'),
    toCurrency: word('toCurrency'),
    toNetwork: word('toNetwork'),
  };
  for (const [ticker, network] of [
    [pair.fromCurrency, pair.fromNetwork],
    [pair.toCurrency, pair.toNetwork],
  ] as const) {
    if (!coinOf(ticker, network))
      throw new Refusal(400, 'not_found_currency', `Currency ${ticker} not found`);
  }
  if (!isTraded(pair)) throw new Refusal(400, 'pair_is_inactive', 'Pair is inactive');
  const flow = fields.flow || 'standard';
  if (flow !== 'standard' && flow !== 'fixed-rate') throw new Refusal(400, 'bad_params', 'Invalid flow');
  return { pair, flow };
}

function amountOf(value: string | undefined): string {
  if (value === undefined || !/^\d+(\.\d+)?$/.test(value)) {
    throw new Refusal(400, 'bad_params', 'fromAmount should be a number');
  }
  return new Rate(value).toFixed();
}

function checkLimits(memory: OrderBook, pair: SwapPair, fromAmount: string): void {
  const { min, max } = limitsOf(memory.settings, pair);
  const payload = { range: rangeBody(memory, pair) };
  if (new Rate(fromAmount).lt(min)) {
    throw new Refusal(400, 'deposit_too_small', `Out of min amount ${min} ${pair.fromCurrency}`, payload);
  }
  if (max !== null && new Rate(fromAmount).gt(max)) {
    throw new Refusal(400, 'out_of_range', `Out of max amount ${max} ${pair.fromCurrency}`, payload);
  }
}

function rangeBody(memory: OrderBook, pair: SwapPair) {
  const { min, max } = limitsOf(memory.settings, pair);
  return { minAmount: json.exact(min), maxAmount: max === null ? null : json.exact(max) };
}

function estimateBody(
  memory: OrderBook,
  pair: SwapPair,
  fromAmount: string,
  rate: { flow: SwapFlow; rateId: string | null; until: number | null },
) {
  return {
    ...pair,
    flow: rate.flow,
    type: 'direct',
    rateId: rate.rateId,
    validUntil: rate.until === null ? null : new Date(rate.until).toISOString(),
    transactionSpeedForecast: '10-60',
    warningMessage: null,
    depositFee: json.exact('0'),
    withdrawalFee: json.exact('0'),
    userId: null,
    fromAmount: json.exact(fromAmount),
    toAmount: json.exact(convert(memory.settings, pair, fromAmount)),
  };
}

interface Wish {
  readonly pair: SwapPair;
  readonly flow: SwapFlow;
  readonly rateId: string | null;
  readonly fromAmount: string;
  readonly payoutAddress: string;
  readonly payoutExtraId: string | null;
  readonly refundAddress: string | null;
  readonly reference: string | null;
}

function wishOf(body: json.Json | undefined, rates: Map<string, FixedRate>): Wish {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal(400, 'bad_params', 'Request body should be JSON');
  }
  // Amounts come as strings by their documentation and as numbers from many; the text is the same.
  const fields = Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, value === null ? undefined : String(value)]),
  ) as Fields;
  const { pair, flow } = pairOf(fields);
  const address = fields.address ?? '';
  if (!isAddress(pair.toCurrency, address, pair.toNetwork)) {
    throw new Refusal(400, 'not_valid_address', 'Invalid recipient address');
  }
  const refundAddress = fields.refundAddress || null;
  if (refundAddress !== null && !isAddress(pair.fromCurrency, refundAddress, pair.fromNetwork)) {
    throw new Refusal(400, 'not_valid_refund_address', 'Invalid refund address');
  }
  if (flow === 'fixed-rate') checkRate(pair, refundAddress, rates.get(fields.rateId ?? ''));
  return {
    pair,
    flow,
    rateId: fields.rateId || null,
    fromAmount: amountOf(fields.fromAmount),
    payoutAddress: address,
    payoutExtraId: fields.extraId || null,
    refundAddress,
    reference: fields.userId || null,
  };
}

function checkRate(pair: SwapPair, refundAddress: string | null, rate: FixedRate | undefined): void {
  if (refundAddress === null) throw new Refusal(400, 'bad_params', 'refundAddress is required');
  const same = rate !== undefined && JSON.stringify(rate.pair) === JSON.stringify(pair);
  if (!same || rate.until < Date.now()) throw new Refusal(400, 'rate_expired', 'Rate id is not valid');
}

function open(memory: OrderBook, wish: Wish, plan: Plan): Order {
  const now = Date.now();
  const index = memory.nextIndex();
  const firstDue = [plan.overdueMs, plan.expireMs].filter((one) => one !== null);
  const order: Order = {
    ...wish.pair,
    id: memory.nextId(),
    index,
    flow: wish.flow,
    rateId: wish.rateId,
    expectedAmountFrom: wish.fromAmount,
    expectedAmountTo: convert(memory.settings, wish.pair, wish.fromAmount),
    payinAddress: devDepositAddress(index),
    payoutAddress: wish.payoutAddress,
    payoutExtraId: wish.payoutExtraId,
    refundAddress: wish.refundAddress,
    reference: wish.reference,
    createdAt: new Date(now).toISOString(),
    updatedAt: '',
    plan,
    status: 'waiting',
    ...{ amountFrom: null, amountTo: null, payinHash: null, payoutHash: null, refundHash: null },
    ...{ refundAmount: null, depositReceivedAt: null, deposits: [], step: 0, settled: false, payment: null },
    dueAt: firstDue.length === 0 ? null : now + Math.min(...firstDue),
  };
  memory.save(order);
  return order;
}

function createdBody(order: Order) {
  return {
    fromAmount: json.exact(order.expectedAmountFrom),
    toAmount: json.exact(order.expectedAmountTo),
    flow: order.flow,
    type: 'direct',
    payinAddress: order.payinAddress,
    payoutAddress: order.payoutAddress,
    payoutExtraId: order.payoutExtraId ?? '',
    fromCurrency: order.fromCurrency,
    toCurrency: order.toCurrency,
    refundAddress: order.refundAddress ?? '',
    refundExtraId: '',
    id: order.id,
    fromNetwork: order.fromNetwork,
    toNetwork: order.toNetwork,
  };
}

function statusBody(order: Order) {
  const number = (value: string | null) => (value === null ? null : json.exact(value));
  return {
    id: order.id,
    status: order.status,
    actionsAvailable: false,
    fromCurrency: order.fromCurrency,
    fromNetwork: order.fromNetwork,
    toCurrency: order.toCurrency,
    toNetwork: order.toNetwork,
    expectedAmountFrom: number(order.expectedAmountFrom),
    expectedAmountTo: number(order.expectedAmountTo),
    amountFrom: number(order.amountFrom),
    amountTo: order.status === 'finished' ? number(order.amountTo) : null,
    payinAddress: order.payinAddress,
    payoutAddress: order.payoutAddress,
    payinExtraId: null,
    payoutExtraId: order.payoutExtraId,
    refundAddress: order.refundAddress,
    refundExtraId: null,
    createdAt: order.createdAt,
    updatedAt: order.updatedAt,
    depositReceivedAt: order.depositReceivedAt,
    payinHash: order.payinHash,
    payoutHash: order.payoutHash,
    fromLegacyTicker: order.fromCurrency,
    toLegacyTicker: order.toCurrency,
    refundHash: order.refundHash,
    refundAmount: number(order.refundHash === null ? null : order.refundAmount),
    userId: order.reference,
    validUntil: null,
    relatedExchangesInfo: [],
    repeatedExchangesInfo: [],
    originalExchangeInfo: null,
  };
}

function listBody(memory: OrderBook, query: Fields) {
  const limit = Number(query.limit || LIST_DEFAULT);
  const offset = Number(query.offset || 0);
  if (!(limit > 0 && limit <= LIST_DEFAULT) || !(offset >= 0)) {
    throw new Refusal(400, 'bad_params', 'limit or offset is not valid');
  }
  const found = [...memory.orders.values()].filter(
    (order) =>
      (!query.userId || order.reference === query.userId) &&
      (!query.requestId || order.id === query.requestId) &&
      (!query.payoutAddress || order.payoutAddress === query.payoutAddress) &&
      (!query.statuses || query.statuses.split(',').includes(order.status)),
  );
  if (query.sortDirection !== 'ASC') found.reverse();
  return { count: found.length, exchanges: found.slice(offset, offset + limit).map(listEntry) };
}

function listEntry(order: Order) {
  const number = (value: string | null) => (value === null ? null : json.exact(value));
  const { fromCurrency, toCurrency, amountFrom, expectedAmountFrom } = order;
  return {
    createdAt: order.createdAt,
    updatedAt: order.updatedAt,
    exchangeId: `${order.id}-exchange`,
    requestId: order.id,
    status: order.status,
    validUntil: null,
    flow: order.flow,
    payin: {
      ...{ currency: fromCurrency, address: order.payinAddress, extraId: null, hash: order.payinHash },
      ...{ amount: number(amountFrom), expectedAmount: number(expectedAmountFrom) },
    },
    payout: {
      ...{ currency: toCurrency, address: order.payoutAddress, extraId: order.payoutExtraId },
      ...{ amount: number(order.amountTo), hash: order.payoutHash },
    },
    refund: { currency: fromCurrency, address: order.refundAddress, extra_id: null, hash: order.refundHash },
    partnerInfo: {
      commission: { currency: fromCurrency, amount: json.exact('0'), percent: 0 },
      userId: order.reference,
      payload: null,
    },
  };
}

/**
 * ChangeNOW API v2 over HTTP: prices, limits, orders and their state. Amounts stay exact decimal text
 * throughout.
 */
import { afterEffect, malformed, ProviderError } from '../error.ts';
import { createHttp, type Http, json } from '../http.ts';
import {
  orderOf,
  PROVIDER,
  readCreated,
  readCurrency,
  readEstimate,
  readListed,
  readRange,
  readStatus,
} from './answers.ts';
import type { SwapOrder, SwapPair, SwapProvider, SwapRequest, SwapStatus } from './swap.ts';

export interface ChangeNowOptions {
  /** With or without the closing `/v2`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly timeoutMs?: number;
  /** Our own limit; what goes over the provider's is answered 429 and comes back later. */
  readonly perMinute?: number;
}

const PER_MINUTE_DEFAULT = 1_800;
/** The list takes limits below 100. */
const PAGE = 99;
/** A list that never ends, because its filter is ignored, must not be read for ever. */
const PAGES_MAX = 20;

export function createChangeNow(options: ChangeNowOptions): SwapProvider {
  const http = createHttp({
    provider: PROVIDER,
    baseUrl: options.baseUrl.replace(/\/+$/, '').replace(/\/v2$/, ''),
    headers: { 'x-changenow-api-key': options.apiKey },
    perMinute: options.perMinute ?? PER_MINUTE_DEFAULT,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  return {
    async currencies() {
      const answer = await http.get('/v2/exchange/currencies', { active: 'true', flow: 'standard' });
      return json.array(answer, `${PROVIDER}.currencies`).map(readCurrency);
    },
    async range(pair, flow = 'standard') {
      return readRange(await http.get('/v2/exchange/range', { ...pairQuery(pair), flow }), pair);
    },
    async estimate({ pair, fromAmount, flow }) {
      const answer = await http.get('/v2/exchange/estimated-amount', {
        ...pairQuery(pair),
        fromAmount,
        flow,
        type: 'direct',
        useRateId: flow === 'fixed-rate' ? 'true' : undefined,
      });
      const estimate = readEstimate(answer, pair);
      if (estimate.fromAmount !== json.decimal(fromAmount, `${PROVIDER}.estimate.fromAmount`)) {
        throw malformed(PROVIDER, `estimate for ${estimate.fromAmount}, asked for ${fromAmount}`);
      }
      if (flow === 'fixed-rate' && estimate.rateId === null) throw malformed(PROVIDER, 'no rateId');
      return estimate;
    },
    async create(request) {
      const answer = await http.post('/v2/exchange', createBody(request), { effect: true });
      return afterEffect(() => readCreated(answer, request));
    },
    find: (reference) => findOrders(http, reference),
    byId: (id) => statusOf(http, id),
    async addressValid(currency, address) {
      const found = json.object(
        await http.get('/v2/validate/address', { currency: currency.toLowerCase(), address }),
        `${PROVIDER}.validate`,
      );
      if (typeof found.result !== 'boolean') throw malformed(PROVIDER, 'address check without a result');
      return {
        valid: found.result,
        reason: json.nullableText(found.message, `${PROVIDER}.validate.message`),
      };
    },
  };
}

function pairQuery(pair: SwapPair): Record<keyof SwapPair, string> {
  const { fromCurrency, fromNetwork, toCurrency, toNetwork } = pair;
  return { fromCurrency, fromNetwork, toCurrency, toNetwork };
}

/**
 * Every documented field, empty where we have nothing to say; amounts are strings here, by their
 * documentation.
 */
function createBody(request: SwapRequest): Record<string, string> {
  return {
    ...pairQuery(request.pair),
    fromAmount: request.fromAmount,
    toAmount: '',
    address: request.address,
    extraId: request.extraId ?? '',
    refundAddress: request.refundAddress,
    refundExtraId: '',
    userId: request.reference,
    payload: '',
    contactEmail: '',
    source: '',
    flow: request.flow,
    type: 'direct',
    rateId: request.rateId ?? '',
  };
}

async function findOrders(http: Http, reference: string): Promise<SwapOrder[]> {
  const ids = new Set<string>();
  for (let page = 0; ; page += 1) {
    if (page === PAGES_MAX) throw malformed(PROVIDER, `more than ${PAGES_MAX} pages for one reference`);
    const answer = await http.get('/v2/exchanges', {
      userId: reference,
      limit: String(PAGE),
      offset: page === 0 ? undefined : String(page * PAGE),
      sortDirection: 'ASC',
      sortField: 'createdAt',
    });
    const listed = readListed(answer, reference);
    for (const id of listed.ids) ids.add(id);
    if (listed.entries < PAGE) break;
  }
  // The list has no networks: each order is read by its id.
  return Promise.all([...ids].map((id) => knownOrder(http, id, reference)));
}

async function knownOrder(http: Http, id: string, reference: string): Promise<SwapOrder> {
  const status = await statusOf(http, id);
  if (status === null) throw malformed(PROVIDER, `order ${id} is listed but not known by its id`);
  if (status.reference !== null && status.reference !== reference) {
    throw malformed(PROVIDER, `order ${id} is listed for ${reference} but carries ${status.reference}`);
  }
  return orderOf(status, reference);
}

async function statusOf(http: Http, id: string): Promise<SwapStatus | null> {
  try {
    return readStatus(await http.get('/v2/exchange/by-id', { id }), id);
  } catch (error) {
    // Only the API's own 404 says so; a proxy's or a wrong address's 404 says nothing about the order.
    if (error instanceof ProviderError && error.status === 404 && error.code !== 'http_404') return null;
    throw error;
  }
}

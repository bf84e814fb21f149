/**
 * ChangeNOW's answers read into our words; what does not have the documented shape is `malformed`, never
 * guessed.
 */
import { malformed } from '../error.ts';
import { json } from '../http.ts';
import type { Currency, Estimate, SwapOrder, SwapPair, SwapRequest, SwapStatus } from './swap.ts';

export const PROVIDER = 'changenow';

export function readCurrency(item: json.Json): Currency {
  const found = json.object(item, `${PROVIDER}.currency`);
  const path = `${PROVIDER}.currency`;
  return {
    ticker: json.text(found.ticker, `${path}.ticker`),
    network: json.text(found.network, `${path}.network`),
    name: json.nullableText(found.name, `${path}.name`) ?? '',
    tokenContract: json.nullableText(found.tokenContract, `${path}.tokenContract`),
    buy: found.buy === true,
    sell: found.sell === true,
    extraIdSupported: found.isExtraIdSupported === true || found.hasExternalId === true,
    fixedRate: found.supportsFixedRate === true,
  };
}

export function readRange(answer: json.Json, pair: SwapPair): { min: string; max: string | null } {
  const found = json.object(answer, `${PROVIDER}.range`);
  assertPair(found, pair, 'range');
  return {
    min: json.decimal(found.minAmount, `${PROVIDER}.range.minAmount`),
    max: json.nullableDecimal(found.maxAmount, `${PROVIDER}.range.maxAmount`),
  };
}

export function readEstimate(answer: json.Json, pair: SwapPair): Estimate {
  const found = json.object(answer, `${PROVIDER}.estimate`);
  const path = `${PROVIDER}.estimate`;
  assertPair(found, pair, 'estimate');
  return {
    fromAmount: json.decimal(found.fromAmount, `${path}.fromAmount`),
    toAmount: json.decimal(found.toAmount, `${path}.toAmount`),
    depositFee: json.nullableDecimal(found.depositFee, `${path}.depositFee`),
    withdrawalFee: json.nullableDecimal(found.withdrawalFee, `${path}.withdrawalFee`),
    rateId: json.nullableText(found.rateId, `${path}.rateId`),
    validUntil: json.nullableText(found.validUntil, `${path}.validUntil`),
  };
}

/**
 * The reply to `create`. What it says is passed on even where it contradicts the request: the caller decides.
 */
export function readCreated(answer: json.Json, request: SwapRequest): SwapOrder {
  const found = json.object(answer, `${PROVIDER}.order`);
  const path = `${PROVIDER}.order`;
  return {
    id: json.identifier(found.id, `${path}.id`),
    ...readPair(found, path),
    fromAmount: json.decimal(found.fromAmount, `${path}.fromAmount`),
    toAmount: json.nullableDecimal(found.toAmount, `${path}.toAmount`),
    payinAddress: json.text(found.payinAddress, `${path}.payinAddress`),
    payinExtraId: json.nullableText(found.payinExtraId, `${path}.payinExtraId`),
    payoutAddress: json.text(found.payoutAddress, `${path}.payoutAddress`),
    payoutExtraId: json.nullableText(found.payoutExtraId, `${path}.payoutExtraId`),
    refundAddress: json.nullableText(found.refundAddress, `${path}.refundAddress`),
    // The documented reply does not repeat the user id; one that does must be seen.
    reference: json.nullableText(found.userId, `${path}.userId`) ?? request.reference,
  };
}

export function readStatus(answer: json.Json, id: string): SwapStatus {
  const found = json.object(answer, `${PROVIDER}.status`);
  const path = `${PROVIDER}.status`;
  const got = json.identifier(found.id, `${path}.id`);
  if (got !== id) throw malformed(PROVIDER, `status of order ${got}, asked for ${id}`);
  const amount = (name: string) => json.nullableDecimal(found[name], `${path}.${name}`);
  const word = (name: string) => json.nullableText(found[name], `${path}.${name}`);
  return {
    id,
    ...readPair(found, path),
    status: json.text(found.status, `${path}.status`).toLowerCase(),
    amountFrom: amount('amountFrom'),
    amountTo: amount('amountTo'),
    expectedAmountFrom: amount('expectedAmountFrom'),
    expectedAmountTo: amount('expectedAmountTo'),
    payinAddress: json.text(found.payinAddress, `${path}.payinAddress`),
    payinExtraId: word('payinExtraId'),
    payinHash: word('payinHash'),
    payoutAddress: json.text(found.payoutAddress, `${path}.payoutAddress`),
    payoutExtraId: word('payoutExtraId'),
    payoutHash: word('payoutHash'),
    refundAddress: word('refundAddress'),
    refundHash: word('refundHash'),
    refundAmount: amount('refundAmount'),
    reference: json.nullableIdentifier(found.userId, `${path}.userId`),
    updatedAt: json.nullableInstant(found.updatedAt, `${path}.updatedAt`),
  };
}

/** One page of the list: ids of the orders with that reference, and how many entries the page had. */
export function readListed(answer: json.Json, reference: string): { ids: string[]; entries: number } {
  const found = json.object(answer, `${PROVIDER}.list`);
  const entries = json.array(found.exchanges, `${PROVIDER}.list.exchanges`);
  const ids: string[] = [];
  for (const item of entries) {
    const entry = json.object(item, `${PROVIDER}.list.exchange`);
    const partner = json.object(entry.partnerInfo ?? {}, `${PROVIDER}.list.partnerInfo`);
    // The filter is documented but not trusted: another order's id here would be adopted and funded.
    if (json.nullableIdentifier(partner.userId, `${PROVIDER}.list.userId`) !== reference) continue;
    ids.push(json.identifier(entry.requestId, `${PROVIDER}.list.requestId`));
  }
  return { ids, entries: entries.length };
}

export function orderOf(status: SwapStatus, reference: string): SwapOrder {
  if (status.expectedAmountFrom === null) throw malformed(PROVIDER, `order ${status.id} has no amount`);
  const { id, fromCurrency, fromNetwork, toCurrency, toNetwork, payinAddress, payinExtraId } = status;
  const { payoutAddress, payoutExtraId, refundAddress } = status;
  return {
    ...{ id, fromCurrency, fromNetwork, toCurrency, toNetwork, payinAddress, payinExtraId },
    ...{ payoutAddress, payoutExtraId, refundAddress },
    fromAmount: status.expectedAmountFrom,
    toAmount: status.expectedAmountTo,
    reference,
  };
}

function readPair(found: json.JsonObject, path: string): SwapPair {
  const word = (name: keyof SwapPair) => json.text(found[name], `${path}.${name}`).toLowerCase();
  return {
    fromCurrency: word('fromCurrency'),
    fromNetwork: word('fromNetwork'),
    toCurrency: word('toCurrency'),
    toNetwork: word('toNetwork'),
  };
}

/** A price of another pair must not become a rate. */
function assertPair(found: json.JsonObject, asked: SwapPair, what: string): void {
  const got = readPair(found, `${PROVIDER}.${what}`);
  for (const name of ['fromCurrency', 'fromNetwork', 'toCurrency', 'toNetwork'] as const) {
    if (got[name] !== asked[name].toLowerCase()) {
      throw malformed(PROVIDER, `${what} for ${name} ${got[name]}, asked for ${asked[name]}`);
    }
  }
}

/**
 * What a swap provider offers us, in our words; amounts are exact decimal text in whole units of their
 * currency.
 */

export interface SwapPair {
  /** Tickers and networks as the provider writes them, in lower case: `usdt` on `eth`. */
  readonly fromCurrency: string;
  readonly fromNetwork: string;
  readonly toCurrency: string;
  readonly toNetwork: string;
}

export type SwapFlow = 'standard' | 'fixed-rate';

export interface Currency {
  readonly ticker: string;
  readonly network: string;
  readonly name: string;
  readonly tokenContract: string | null;
  /** We can receive it; we can send it. */
  readonly buy: boolean;
  readonly sell: boolean;
  /** An address of it may need a memo, tag or destination id. */
  readonly extraIdSupported: boolean;
  readonly fixedRate: boolean;
}

export interface Estimate {
  readonly fromAmount: string;
  /** What arrives, after all fees of the provider. */
  readonly toAmount: string;
  /** Fee on our deposit, in fromCurrency; null when not told. */
  readonly depositFee: string | null;
  /** Network fee of the payout, in toCurrency; null when not told. */
  readonly withdrawalFee: string | null;
  /** Only in the fixed-rate flow: what `create` must be given, and until when. */
  readonly rateId: string | null;
  readonly validUntil: string | null;
}

export interface SwapRequest {
  readonly pair: SwapPair;
  readonly fromAmount: string;
  /** Where the proceeds go. */
  readonly address: string;
  /** Memo or tag of that address. */
  readonly extraId?: string;
  readonly refundAddress: string;
  /** Our own name of this attempt, sent as `userId`: how an order is found again after an unknown outcome. */
  readonly reference: string;
  readonly flow: SwapFlow;
  readonly rateId?: string;
}

/**
 * An order as the provider describes it. Nothing here was compared with the request: the caller does that
 * before it funds anything.
 */
export interface SwapOrder extends SwapPair {
  readonly id: string;
  readonly fromAmount: string;
  /** Expected, not promised; null when not told. */
  readonly toAmount: string | null;
  readonly payinAddress: string;
  readonly payinExtraId: string | null;
  readonly payoutAddress: string;
  readonly payoutExtraId: string | null;
  readonly refundAddress: string | null;
  readonly reference: string;
}

export interface SwapStatus extends SwapPair {
  readonly id: string;
  /**
   * In the provider's word: new waiting confirming exchanging sending verifying finished failed refunded
   * expired hold overdue; a word not known here is passed on as it is.
   */
  readonly status: string;
  /** What really arrived there and what was really sent; null = not yet, never zero. */
  readonly amountFrom: string | null;
  readonly amountTo: string | null;
  readonly expectedAmountFrom: string | null;
  readonly expectedAmountTo: string | null;
  readonly payinAddress: string;
  readonly payinExtraId: string | null;
  readonly payinHash: string | null;
  readonly payoutAddress: string;
  readonly payoutExtraId: string | null;
  readonly payoutHash: string | null;
  readonly refundAddress: string | null;
  readonly refundHash: string | null;
  readonly refundAmount: string | null;
  /** Our reference, null where the account has no special partner fields. */
  readonly reference: string | null;
  readonly updatedAt: Date | null;
}

/** Every method throws ProviderError. */
export interface SwapProvider {
  currencies(): Promise<Currency[]>;
  /** Smallest and largest amount in fromCurrency; max null = none. */
  range(pair: SwapPair, flow?: SwapFlow): Promise<{ min: string; max: string | null }>;
  estimate(request: { pair: SwapPair; fromAmount: string; flow: SwapFlow }): Promise<Estimate>;
  /** Not idempotent: after `unknown_outcome` look with `find` before anything else. */
  create(request: SwapRequest): Promise<SwapOrder>;
  /** Every order that carries the reference, oldest first. */
  find(reference: string): Promise<SwapOrder[]>;
  /** Null when the provider itself says that there is no such order. */
  byId(id: string): Promise<SwapStatus | null>;
  /** @param currency ticker; the provider checks by ticker alone */
  addressValid(currency: string, address: string): Promise<{ valid: boolean; reason: string | null }>;
}

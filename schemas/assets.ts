/** The catalogue of what the host wallet can hold. Everything else is an observed quantity, never money. */

export type LedgerAsset = 'ETH' | 'USDT';

export interface AssetInfo {
  readonly asset: LedgerAsset;
  /** Digits after the point of one whole unit; one minor unit is 10^-decimals. */
  readonly decimals: number;
  /** `outcome_currency` in a NOWPayments IPN. */
  readonly nowpaymentsCode: string;
  /** ChangeNOW ticker and network. */
  readonly ticker: string;
  readonly network: string;
  /** Upper bound of gas that a plain transfer of this asset needs; used when an estimate is not larger. */
  readonly transferGas: bigint;
  /** True for an ERC-20; its contract address is a setting (USDT_CONTRACT). */
  readonly isToken: boolean;
}

export const ASSETS: Readonly<Record<LedgerAsset, AssetInfo>> = {
  ETH: {
    asset: 'ETH',
    decimals: 18,
    nowpaymentsCode: 'eth',
    ticker: 'eth',
    network: 'eth',
    transferGas: 21_000n,
    isToken: false,
  },
  USDT: {
    asset: 'USDT',
    decimals: 6,
    nowpaymentsCode: 'usdterc20',
    ticker: 'usdt',
    network: 'eth',
    transferGas: 100_000n,
    isToken: true,
  },
};

export const LEDGER_ASSETS: readonly LedgerAsset[] = ['ETH', 'USDT'];

/** The ledger asset that a NOWPayments currency code stands for (any case), or undefined: not held. */
export function assetOfNowpaymentsCode(code: string): LedgerAsset | undefined {
  const wanted = code.toLowerCase();
  return LEDGER_ASSETS.find((asset) => ASSETS[asset].nowpaymentsCode === wanted);
}

/** The ledger asset that a client's payout currency and network name, when it takes a held asset directly. */
export function heldAssetOf(currency: string, network: string): LedgerAsset | undefined {
  const ticker = currency.toLowerCase();
  const chain = network.toLowerCase();
  return LEDGER_ASSETS.find((asset) => ASSETS[asset].ticker === ticker && ASSETS[asset].network === chain);
}

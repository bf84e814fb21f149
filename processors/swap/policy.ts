/** The settings that decide about outgoing money, as plain data for the transitions. */
import type { Settings } from '../../schemas/settings.ts';

export interface OutPolicy {
  readonly chainId: bigint;
  /** The host wallet. */
  readonly host: string;
  /** wei per gas */
  readonly gasMax: bigint;
  /** wei */
  readonly gasReserve: bigint;
  readonly varianceMaxBps: number;
  /** US dollars as minor units of USDT. */
  readonly payoutMax: bigint;
  readonly dailyMax: bigint;
  readonly monthlyMax: bigint;
  readonly approvalFrom: bigint;
  /** Milliseconds after which a rate is not used. */
  readonly rateMaxAgeMs: number;
}

export type OutSettings = Pick<
  Settings,
  | 'GAS_MAX_GWEI'
  | 'GAS_RESERVE_ETH'
  | 'RATE_VARIANCE_MAX_BPS'
  | 'PAYOUT_MAX_USD'
  | 'PAYOUT_DAILY_MAX_USD'
  | 'PAYOUT_MONTHLY_MAX_USD'
  | 'PAYOUT_APPROVAL_USD'
  | 'RATE_MAX_AGE'
> & { readonly EVM_CHAIN_ID: number };

/** @param host the wallet's address in its checksummed form: rows are found by it */
export function policyOf(settings: OutSettings, host: string): OutPolicy {
  return {
    chainId: BigInt(settings.EVM_CHAIN_ID),
    host,
    gasMax: settings.GAS_MAX_GWEI,
    gasReserve: settings.GAS_RESERVE_ETH.minor,
    varianceMaxBps: settings.RATE_VARIANCE_MAX_BPS,
    payoutMax: settings.PAYOUT_MAX_USD.minor,
    dailyMax: settings.PAYOUT_DAILY_MAX_USD.minor,
    monthlyMax: settings.PAYOUT_MONTHLY_MAX_USD.minor,
    approvalFrom: settings.PAYOUT_APPROVAL_USD.minor,
    rateMaxAgeMs: settings.RATE_MAX_AGE,
  };
}

/** USDT that payouts wait for, that is settled and free, and that conversions under way will bring. Minor units. */
import type { Db } from '../db.ts';

const SQL = `SELECT
  (SELECT coalesce(sum(amount), 0)::text FROM payout_batches
    WHERE asset = 'USDT' AND state IN ('requested', 'awaiting_funds')) AS wanted,
  (SELECT balance::text FROM wallet_accounts WHERE account = 'wallet:host' AND asset = 'USDT') AS settled,
  (SELECT coalesce(sum(usdt_expected), 0)::text FROM conversions
    WHERE state NOT IN ('completed', 'cancelled')) AS coming`;

export interface UsdtOutlook {
  readonly wanted: bigint;
  readonly settled: bigint;
  readonly coming: bigint;
}

export async function usdtOutlook(tx: Db): Promise<UsdtOutlook> {
  const [row] = await tx.query<{ wanted: string; settled: string; coming: string }>(SQL, [], 'usdt_outlook');
  return { wanted: BigInt(row!.wanted), settled: BigInt(row!.settled), coming: BigInt(row!.coming) };
}

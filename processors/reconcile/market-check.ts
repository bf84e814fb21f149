/** Invariant (4): cover at market. What clients are owed against what is held, ETH at the current rate. */
import type { Db } from '../../ledger/db.ts';
import type { Check } from '../../ledger/invariants.ts';
import { latestRate } from '../../ledger/sql/latest-rate.ts';
import { convertFloor, money, Rate } from '../../schemas/money.ts';

export const MARKET_CHECK = 'cover_at_market';
const SQL = `SELECT a.asset,
    (coalesce((SELECT sum(balance) FROM wallet_accounts w WHERE w.asset = a.asset
        AND account IN ('wallet:host', 'wallet:sending', 'swap:in_transit')), 0)
      + coalesce((SELECT sum(balance) FROM gl_balances g WHERE g.asset = a.asset AND account = 'wallet:incoming'), 0)
      + coalesce((SELECT sum(debt) FROM client_accounts c WHERE c.asset = a.asset), 0))::text AS held,
    coalesce((SELECT sum(available + reserved + unvalued) FROM client_accounts c WHERE c.asset = a.asset), 0)::text AS owed
  FROM (VALUES ('ETH'), ('USDT')) AS a(asset) ORDER BY 1`;

/** @param maxAgeMs RATE_MAX_AGE; without a usable rate nothing can be said as long as any ETH is involved */
export async function checkMarket(db: Db, now: Date, maxAgeMs: number): Promise<Check> {
  const [eth, usdt] = await db.query<{ held: string; owed: string }>(SQL);
  const rate = await latestRate(db, now, maxAgeMs);
  const ethHeld = BigInt(eth?.held ?? 0);
  const ethOwed = BigInt(eth?.owed ?? 0);
  if (!rate && (ethHeld !== 0n || ethOwed !== 0n)) {
    return { name: MARKET_CHECK, ok: null, difference: '', detail: 'could not be checked: no usable rate' };
  }
  const inUsdt = (minor: bigint) =>
    rate && minor > 0n ? convertFloor(money('ETH', minor), new Rate(rate.usdt_per_eth), 'USDT').minor : 0n;
  const held = BigInt(usdt?.held ?? 0) + inUsdt(ethHeld);
  const owed = BigInt(usdt?.owed ?? 0) + inUsdt(ethOwed);
  return {
    name: MARKET_CHECK,
    ok: held >= owed,
    difference: `${held - owed} USDT`,
    detail: `held ${held}, owed ${owed} at rate ${rate?.usdt_per_eth ?? 'none'} (${rate?.rate_id ?? 'none'})`,
  };
}

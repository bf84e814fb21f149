/** A payout before any money moves: what it is worth in US dollars, and whether a person has to approve it. */
import { type PayoutRow, payoutBatches } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { ASSETS, type LedgerAsset } from '../../schemas/assets.ts';
import { parseUnits } from '../../schemas/money.ts';
import { usdValue } from '../accumulate/payout.ts';
import type { Next } from '../runtime/schedule.ts';
import { explain, move } from '../swap/owner.ts';
import type { OutPolicy } from '../swap/policy.ts';

/** US dollars of the other payouts of that time that are not cancelled, as minor units of USDT. */
export interface Spent {
  readonly day: bigint;
  readonly month: bigint;
}

/** `requested` -> `awaiting_funds`, or `awaiting_approval` when a limit is touched. Never split (flow.md, strategy). */
export function checkLimits(
  work: Work,
  row: PayoutRow,
  spent: Spent,
  usdtPerEth: string | undefined,
  policy: OutPolicy,
): Next {
  const owner = { kind: 'payout', id: row.payout_id } as const;
  const usd = row.usd_value ?? usdValue(row.asset as LedgerAsset, row.amount, usdtPerEth);
  if (usd === null) {
    explain(work, owner, 'no_usable_rate');
    return { pollAt: 'soon' };
  }
  // Counted by the payouts that are checked after this one, whatever becomes of it.
  work.put(payoutBatches, { ...row, usd_value: usd });
  if (isOverLimit(parseUnits(usd, ASSETS.USDT.decimals), spent, policy)) {
    move(work, owner, 'awaiting_approval', { reason: 'over_limit' });
    return { done: true };
  }
  move(work, owner, 'awaiting_funds');
  return { pollAt: work.now };
}

/** @param usd minor units of USDT */
export function isOverLimit(usd: bigint, spent: Spent, policy: OutPolicy): boolean {
  return (
    usd > policy.payoutMax ||
    usd >= policy.approvalFrom ||
    spent.day + usd > policy.dailyMax ||
    spent.month + usd > policy.monthlyMax
  );
}

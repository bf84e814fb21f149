/** The intent `payout`: limits first, then the way of every swap or direct transfer. */
import type { Db } from '../../ledger/db.ts';
import { payoutsSpent } from '../../ledger/sql/payouts-spent.ts';
import type { Work } from '../../ledger/work.ts';
import { ASSETS } from '../../schemas/assets.ts';
import { parseUnits } from '../../schemas/money.ts';
import { usableRate } from '../accumulate/load.ts';
import type { AnyEffectKind } from '../runtime/intent-steps.ts';
import type { Next } from '../runtime/schedule.ts';
import { lockWallet } from '../swap/load.ts';
import { type Owner, payoutOf } from '../swap/owner.ts';
import type { OutPolicy } from '../swap/policy.ts';
import { type SwapDeps, swapKind } from '../swap/wiring.ts';
import { checkLimits } from './transition.ts';

export function payoutKind(deps: SwapDeps): AnyEffectKind {
  return swapKind('payout', deps, (tx, work, owner) => requested(tx, work, owner, deps.policy));
}

async function requested(tx: Db, work: Work, owner: Owner, policy: OutPolicy): Promise<Next | undefined> {
  if (owner.state !== 'requested') return undefined;
  // One at a time: two payouts checked at once would not see each other.
  if (!(await lockWallet(tx, work, policy))) return { pollAt: 'soon' };
  const text = await payoutsSpent(tx, work.now, owner.id);
  const spent = { day: usd(text.day), month: usd(text.month) };
  const rate = await usableRate(tx, work, policy.rateMaxAgeMs);
  return checkLimits(work, payoutOf(work, owner.id), spent, rate?.usdt_per_eth, policy);
}

function usd(text: string): bigint {
  return parseUnits(text, ASSETS.USDT.decimals);
}

/** Runs every invariant once: ledger, market, chain, topics. Used by the role and by `spillway reconcile`. */
import type { Database } from '../../ledger/db.ts';
import { type Check, checkInvariants, guarded } from '../../ledger/invariants.ts';
import { writeChecks } from '../../ledger/sql/write-checks.ts';
import { type ChainCheckDeps, checkChain } from './chain-check.ts';
import { checkMarket, MARKET_CHECK } from './market-check.ts';
import { checkTopics, type TopicsCheckDeps } from './topics-check.ts';

export interface ReconcileDeps extends TopicsCheckDeps, ChainCheckDeps {
  readonly db: Database;
  /** RATE_MAX_AGE, ms. */
  readonly rateMaxAgeMs: number;
}

/** Every check, in the order of money.md; its result is also kept for status and metrics. */
export async function reconcile(deps: ReconcileDeps): Promise<Check[]> {
  const now = deps.clock.now();
  // One snapshot for all of them: a transfer between two queries would look like a difference.
  const inside = await deps.db.transaction(
    async (tx) => [
      ...(await checkInvariants(tx)),
      await guarded(tx, MARKET_CHECK, () => checkMarket(tx, now, deps.rateMaxAgeMs)),
    ],
    { isolation: 'repeatable read', readOnly: true },
  );
  const checks = [...inside, await checkChain(deps), await checkTopics(deps)];
  await writeChecks(deps.db, checks, deps.clock.now());
  return checks;
}

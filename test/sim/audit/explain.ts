/** At rest `explain` must have a sentence for whatever there is, and name a rule that can hold it for ever. */
import type { Explanation } from '../../../processors/reconcile/explain.ts';
import { explainId } from '../../../processors/reconcile/explain-load.ts';
import { policyOf } from '../../../processors/swap/policy.ts';
import { REASONS, type ReasonCode } from '../../../schemas/reasons.ts';
import { isReason } from '../coverage.ts';
import { SETTINGS } from '../settings.ts';
import type { World } from '../world.ts';
import type { Books } from './books.ts';

/** What only time, more payments or a person ends. */
const LASTING = new Set<string>([
  'over',
  'below_threshold',
  'below_minimum',
  'client_debt',
  'refund_after_receipt',
  'not_finished',
  'value_too_small',
]);

const POLICY = policyOf(SETTINGS, SETTINGS.HOST_WALLET_ADDRESS);

/** A few of each kind: looking at all of them would take as long as the run. */
const LOOKED_AT = 2;

export async function auditExplain(world: World, books: Books): Promise<string[]> {
  // A wallet that somebody else uses keeps what goes out waiting.
  if (world.chain.foreignUse.length > 0) return [];
  const ids = [
    ...some(books.clients.map(({ client_id }) => String(client_id))),
    ...some(books.payouts.map(({ payout_id }) => payout_id)),
    ...some(books.legs.map(({ payment_id }) => payment_id)),
  ];
  const problems: string[] = [];
  for (const id of ids) {
    const found = await askWhy(world, id);
    if (found.length === 0) problems.push(`explain knows nothing of ${id}`);
    for (const { rule, sentence } of found) {
      const isParked = rule in REASONS && REASONS[rule as ReasonCode].end === 'quarantined';
      if (!LASTING.has(rule) && !isParked) problems.push(`explain at rest: ${sentence} (${rule})`);
    }
  }
  return problems;
}

/** Asks about one id, at any moment: each reason that is given counts as reached. */
export async function askWhy({ plain, engine }: World, id: string): Promise<Explanation[]> {
  const found = await explainId(plain, id, POLICY, engine.clock.now());
  for (const { rule } of found) if (isReason(rule)) engine.coverage.reason(rule);
  return found;
}

function some(ids: readonly string[]): string[] {
  const step = Math.max(1, Math.floor(ids.length / LOOKED_AT));
  return ids.filter((_, index) => index % step === 0).slice(0, LOOKED_AT);
}

/** At rest `explain` must have a sentence for whatever there is, and name a rule that can hold it for ever. */
import { explainId } from '../../../processors/reconcile/explain-load.ts';
import { policyOf } from '../../../processors/swap/policy.ts';
import { REASONS, type ReasonCode } from '../../../schemas/reasons.ts';
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
]);

/** A few of each kind: looking at all of them would take as long as the run. */
const LOOKED_AT = 2;

export async function auditExplain(world: World, books: Books): Promise<string[]> {
  // A wallet that somebody else uses keeps what goes out waiting.
  if (world.chain.foreignUse.length > 0) return [];
  const policy = policyOf(SETTINGS, SETTINGS.HOST_WALLET_ADDRESS);
  const ids = [
    ...some(books.clients.map(({ client_id }) => String(client_id))),
    ...some(books.payouts.map(({ payout_id }) => payout_id)),
    ...some(books.legs.map(({ payment_id }) => payment_id)),
  ];
  const problems: string[] = [];
  for (const id of ids) {
    const found = await explainId(world.plain, id, policy, world.engine.clock.now());
    if (found.length === 0) problems.push(`explain knows nothing of ${id}`);
    for (const { rule, sentence } of found) {
      const isParked = rule in REASONS && REASONS[rule as ReasonCode].end === 'quarantined';
      if (!LASTING.has(rule) && !isParked) problems.push(`explain at rest: ${sentence} (${rule})`);
    }
  }
  return problems;
}

function some(ids: readonly string[]): string[] {
  const step = Math.max(1, Math.floor(ids.length / LOOKED_AT));
  return ids.filter((_, index) => index % step === 0).slice(0, LOOKED_AT);
}

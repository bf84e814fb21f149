/** A person who decides, once things are quiet: what is on hold by the seed, what failed is tried again. */
import { decideOn } from '../../../processors/split/operate.ts';
import { DecisionRefused } from '../../../processors/swap/decisions.ts';
import { policyOf } from '../../../processors/swap/policy.ts';
import { SETTINGS } from '../settings.ts';
import { CODEC, type World } from '../world.ts';

/** @returns how many decisions were made */
export async function decideHeld(world: World): Promise<number> {
  const { plain: db, engine } = world;
  const policy = policyOf(SETTINGS, SETTINGS.HOST_WALLET_ADDRESS);
  const waiting = await db.query<{ kind: 'payout' | 'conversion'; id: string; state: string }>(`
    SELECT 'payout' AS kind, payout_id::text AS id, state FROM payout_batches WHERE state IN ('on_hold', 'failed')
    UNION ALL SELECT 'conversion', conversion_id::text, state FROM conversions WHERE state IN ('on_hold', 'failed')
    ORDER BY 1, 2`);
  for (const { kind, id, state } of waiting) {
    const decision = state === 'failed' ? 'retry' : engine.random.pick(['release', 'cancel'] as const);
    try {
      await decideOn({ db, codec: CODEC, policy }, kind, id, decision, engine.clock.now());
      engine.note(`operator decides to ${decision} ${kind} ${id}`);
    } catch (error) {
      if (!(error instanceof DecisionRefused)) throw error;
      engine.note(`operator may not ${decision}: ${error.message}`);
    }
  }
  return waiting.length;
}

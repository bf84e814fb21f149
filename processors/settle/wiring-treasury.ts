/** The intents `treasury` (opens conversions) and `conversion` (carries one out; the steps are those of every swap). */
import { openPositions } from '../../ledger/sql/open-positions.ts';
import { usdtOutlook } from '../../ledger/sql/usdt-outlook.ts';
import { loadByKeys, write } from '../../ledger/store.ts';
import { pairLimits } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import { ASSETS } from '../../schemas/assets.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { Settings } from '../../schemas/settings.ts';
import { CLIENT_PARTITIONS } from '../../schemas/topology.ts';
import type { AnyEffectKind, EffectKind } from '../runtime/intent-steps.ts';
import { move } from '../swap/owner.ts';
import { type SwapDeps, swapKind } from '../swap/wiring.ts';
import { openConversion, triggerOf } from './transition-treasury.ts';

export interface TreasuryDeps {
  readonly codec: Codec;
  readonly settings: Pick<Settings, 'CONVERSION_MIN_USD' | 'CONVERSION_MAX_AGE'>;
}

const LOOK_MS = 5_000;

export function treasuryKind({ codec, settings }: TreasuryDeps): EffectKind<never, never> {
  const policy = { minUsdt: settings.CONVERSION_MIN_USD.minor, maxAgeMs: settings.CONVERSION_MAX_AGE };
  const { ticker: currency, network } = ASSETS.USDT;
  return {
    kind: 'treasury',
    async plan(tx, _intent, now) {
      const work = new Work(now);
      const open = await openPositions(tx, CLIENT_PARTITIONS);
      if (open.length > 0) {
        const [limit] = await loadByKeys(tx, work, pairLimits, [{ asset: 'ETH', currency, network }]);
        const outlook = await usdtOutlook(tx);
        if (limit && triggerOf(open, outlook, limit, now, policy)) openConversion(work, open, limit);
        await write(tx, work, codec);
      }
      return { next: { pollAt: new Date(now.getTime() + LOOK_MS) } };
    },
    perform: () => Promise.reject(new Error('the treasury calls nobody')),
    apply: async (_tx, _intent, _call, _outcome, now) => ({ pollAt: now }),
  };
}

export function conversionKind(deps: SwapDeps): AnyEffectKind {
  return swapKind('conversion', deps, async (_tx, work, owner) => {
    if (owner.state !== 'requested') return undefined;
    move(work, owner, 'awaiting_funds');
    return { pollAt: work.now };
  });
}

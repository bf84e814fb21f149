/** The intent `limits`: asks the provider for the range of every pair that a payout or conversion may need. */
import { type PairToAsk, pairsToAsk } from '../../ledger/sql/pairs-to-ask.ts';
import { write } from '../../ledger/store.ts';
import { pairLimits } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { SwapProvider } from '../../providers/changenow/swap.ts';
import { ASSETS, heldAssetOf } from '../../schemas/assets.ts';
import type { Codec } from '../../schemas/codec.ts';
import { CLIENT_PARTITIONS } from '../../schemas/topology.ts';
import { type EffectKind, toFailure } from '../runtime/intent-steps.ts';
import type { ProviderFailure } from '../runtime/schedule.ts';
import type { Range } from '../swap/transition.ts';
import { rangeOf } from '../swap/wiring.ts';

export interface LimitsDeps {
  readonly codec: Codec;
  readonly swap: SwapProvider;
  readonly warn: (message: string) => void;
}

type Answer = PairToAsk & ({ readonly range: Range } | { readonly failure: ProviderFailure });

/** Limits of this age are asked for anew. */
export const OLD_AFTER_MS = 10 * 60_000;
/** A pair that fails is asked again after this; the others go on. */
const LOOK_MS = 5_000;
const AT_ONCE = 10;

export function limitsKind(deps: LimitsDeps): EffectKind<readonly PairToAsk[], readonly Answer[]> {
  return {
    kind: 'limits',
    async plan(tx, _intent, now) {
      const { ticker: currency, network } = ASSETS.USDT;
      const oldest = new Date(now.getTime() - OLD_AFTER_MS);
      const pairs = await pairsToAsk(tx, oldest, AT_ONCE, { currency, network });
      if (pairs.length > 0) return { call: pairs };
      return { next: { pollAt: new Date(now.getTime() + LOOK_MS) } };
    },
    perform: (pairs) => Promise.all(pairs.map((pair) => ask(deps.swap, pair))),
    isEffect: () => false,
    async apply(tx, _intent, _call, outcome, now) {
      const work = new Work(now);
      if ('ok' in outcome) for (const answer of outcome.ok) keep(work, answer, deps);
      await write(tx, work, deps.codec);
      const all = 'ok' in outcome && outcome.ok.every((answer) => 'range' in answer);
      return { pollAt: new Date(now.getTime() + (all ? 0 : LOOK_MS)) };
    },
  };
}

async function ask(swap: SwapProvider, pair: PairToAsk): Promise<Answer> {
  // No provider is needed to hand over what we hold.
  if (heldAssetOf(pair.currency, pair.network) === pair.asset)
    return { ...pair, range: { min: 0n, max: null } };
  const { ticker, network } = ASSETS[pair.asset];
  const asked = {
    fromCurrency: ticker,
    fromNetwork: network,
    toCurrency: pair.currency.toLowerCase(),
    toNetwork: pair.network.toLowerCase(),
  };
  try {
    return { ...pair, range: await rangeOf(swap, asked, pair.asset) };
  } catch (error) {
    return { ...pair, failure: toFailure(error) };
  }
}

function keep(work: Work, answer: Answer, deps: LimitsDeps): void {
  const { asset, currency, network, isNew } = answer;
  const name = `${asset} to ${currency} on ${network}`;
  if ('failure' in answer) {
    const { kind, code, message } = answer.failure;
    if (kind === 'permanent') work.discrepancy('pair_refused', `pair:${name}`, `${code}: ${message}`);
    deps.warn(`no limits for ${name}: ${code}`);
    return;
  }
  const { min, max } = answer.range;
  work.put(pairLimits, { asset, currency, network, min_amount: min, max_amount: max, at: work.now });
  // Balances may have waited for this minimum.
  if (!isNew) return;
  for (let partition = 0; partition < CLIENT_PARTITIONS; partition += 1) {
    work.wake(`sweep:${partition}`, 'sweep', String(partition));
  }
}

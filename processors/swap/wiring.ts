/** The intents `payout` and `conversion`: two transactions around one call to the swap provider or the chain. */
import type { Db } from '../../ledger/db.ts';
import { load, write } from '../../ledger/store.ts';
import { swapOrders } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { SwapPair, SwapProvider } from '../../providers/changenow/swap.ts';
import type { Chain } from '../../providers/evm/chain.ts';
import { ASSETS, type LedgerAsset } from '../../schemas/assets.ts';
import type { Codec } from '../../schemas/codec.ts';
import { parseUnits, Rate } from '../../schemas/money.ts';
import { failPoint } from '../runtime/fail-point.ts';
import type { CallOutcome, EffectKind, LeasedIntent } from '../runtime/intent-steps.ts';
import type { Next } from '../runtime/schedule.ts';
import { giveBack } from './decisions.ts';
import { loadDeposits, loadFunds, loadOwner, wakeWaiting } from './load.ts';
import type { OrderRequest } from './order.ts';
import { markParked, type Owner, type OwnerKind, ownerOf } from './owner.ts';
import type { OutPolicy } from './policy.ts';
import { applySwap, type Range, type Step, type SwapCall, type SwapResult, stepSwap } from './transition.ts';

export interface SwapDeps {
  readonly codec: Codec;
  readonly policy: OutPolicy;
  readonly swap: SwapProvider;
  readonly chain: Pick<Chain, 'quote'>;
}

/** Steps before any money moves, which payouts and conversions have of their own; undefined: none (any more). */
export type FirstSteps = (tx: Db, work: Work, owner: Owner) => Promise<Next | undefined>;

export function swapKind(
  kind: OwnerKind,
  deps: SwapDeps,
  first: FirstSteps,
): EffectKind<SwapCall, SwapResult> {
  return {
    kind,
    plan: (tx, intent, now) => plan(tx, kind, intent, new Work(now), deps, first),
    perform: (call, signal) => perform(deps, call, signal),
    apply: (tx, intent, call, outcome, now) => apply(tx, kind, intent, call, outcome, new Work(now), deps),
    isEffect: (call) => call.do !== 'status',
    async onParked(tx, intent, now) {
      const work = new Work(now);
      markParked(work, await loadOwner(tx, work, kind, intent.subject, deps.policy), true);
      await write(tx, work, deps.codec);
    },
  };
}

async function plan(
  tx: Db,
  kind: OwnerKind,
  intent: LeasedIntent,
  work: Work,
  deps: SwapDeps,
  first: FirstSteps,
): Promise<Step> {
  const { policy, codec } = deps;
  const owner = await loadOwner(tx, work, kind, intent.subject, policy);
  if (intent.parkedAt === null) markParked(work, owner, false);
  const early = await first(tx, work, owner);
  const funds = owner.state === 'awaiting_funds' ? await loadFunds(tx, work, owner, policy) : undefined;
  const step: Step = early ? { next: early } : stepSwap(work, owner, funds, policy);
  await wakeIfFreed(tx, work, owner, policy);
  await write(tx, work, codec);
  return step;
}

async function apply(
  tx: Db,
  kind: OwnerKind,
  intent: LeasedIntent,
  call: SwapCall,
  outcome: CallOutcome<SwapResult>,
  work: Work,
  deps: SwapDeps,
): Promise<Next> {
  const { policy, codec } = deps;
  const counter = call.do === 'create';
  const owner = await loadOwner(tx, work, kind, intent.subject, policy, { counter });
  await loadNamed(tx, work, outcome);
  const funds =
    call.do === 'quote' && owner.state === 'awaiting_funds'
      ? await loadFunds(tx, work, owner, policy)
      : undefined;
  const next = applySwap(work, { kind, id: owner.id }, call, outcome, funds, policy, (of, range) =>
    giveBack(work, of, range),
  );
  await wakeIfFreed(tx, work, owner, policy);
  await write(tx, work, codec);
  return next;
}

/** What the answer names: deposits by hash, and orders that carry the same provider id. */
async function loadNamed(tx: Db, work: Work, outcome: CallOutcome<SwapResult>): Promise<void> {
  if ('error' in outcome) return;
  const { ok } = outcome;
  if (ok.do === 'status' && ok.told) await loadDeposits(tx, work, [ok.told.payoutHash, ok.told.refundHash]);
  const ids = ok.do === 'created' ? [ok.order.id] : ok.do === 'found' ? ok.orders.map((one) => one.id) : [];
  if (ids.length > 0) await load(tx, work, swapOrders, 'WHERE r.provider_id = ANY($1::text[])', [ids]);
}

/** Proceeds and refunds are settled funds for whoever waits; the next in the queue moves up when one was served. */
async function wakeIfFreed(tx: Db, work: Work, before: Owner, policy: OutPolicy): Promise<void> {
  for (const asset of ['ETH', 'USDT'] as const) {
    if ((work.walletDeltas.get(`wallet:host|${asset}`) ?? 0n) > 0n) await wakeWaiting(tx, work, asset);
  }
  const after = ownerOf(work, before.kind, before.id, policy.host);
  if (before.state === 'awaiting_funds' && after.state !== 'awaiting_funds') {
    await wakeWaiting(tx, work, before.amount.asset);
  }
}

async function perform(deps: SwapDeps, call: SwapCall, signal: AbortSignal): Promise<SwapResult> {
  switch (call.do) {
    case 'create':
      return create(deps.swap, call, signal);
    case 'quote': {
      const { to, asset, amount } = call;
      const quote = await deps.chain.quote({ from: deps.policy.host, to, asset, amount });
      return { do: 'quote', quote };
    }
    case 'status':
      return { do: 'status', told: await deps.swap.byId(call.id) };
  }
}

type CreateCall = Extract<SwapCall, { do: 'create' }>;

async function create(swap: SwapProvider, call: CreateCall, signal: AbortSignal): Promise<SwapResult> {
  const { request, asset } = call;
  failPoint('order.marked');
  if (call.find) {
    const orders = await swap.find(request.reference);
    if (orders.length > 0) return { do: 'found', orders };
  }
  const range = await rangeOf(swap, request.pair, asset);
  const amount = parseUnits(request.fromAmount, ASSETS[asset].decimals);
  if (amount < range.min || (range.max !== null && amount > range.max)) return { do: 'outside', range };
  // Past its deadline nobody waits for the answer: an order made now would only be a stray.
  signal.throwIfAborted();
  const order = await swap.create(bodyOf(request));
  failPoint('order.created');
  return { do: 'created', order };
}

function bodyOf({ pair, fromAmount, address, memo, refundAddress, reference }: OrderRequest) {
  const base = { pair, fromAmount, address, refundAddress, reference, flow: 'standard' as const };
  return memo === null ? base : { ...base, extraId: memo };
}

/** The provider's range in minor units: the minimum rounded up, the maximum down, so that both are kept. */
export async function rangeOf(swap: SwapProvider, pair: SwapPair, asset: LedgerAsset): Promise<Range> {
  const { min, max } = await swap.range(pair);
  return {
    min: toMinor(min, asset, Rate.ROUND_UP),
    max: max === null ? null : toMinor(max, asset, Rate.ROUND_DOWN),
  };
}

function toMinor(decimalText: string, asset: LedgerAsset, rounding: 0 | 1): bigint {
  const { decimals } = ASSETS[asset];
  return parseUnits(new Rate(decimalText).toDecimalPlaces(decimals, rounding).toFixed(), decimals);
}

/** The intent `transfer`: two transactions around one look at, or one message to, the chain. */
import type { Db } from '../../ledger/db.ts';
import { write } from '../../ledger/store.ts';
import { transferTxs } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { Chain } from '../../providers/evm/chain.ts';
import type { Codec } from '../../schemas/codec.ts';
import { failPoint } from '../runtime/fail-point.ts';
import { type CallOutcome, type EffectKind, type LeasedIntent, toFailure } from '../runtime/intent-steps.ts';
import type { Next, ProviderFailure } from '../runtime/schedule.ts';
import { wakeWaiting } from '../swap/load.ts';
import type { OutPolicy } from '../swap/policy.ts';
import { finishTransfer } from './finish.ts';
import { loadTransfer } from './load.ts';
import type { Signer } from './sign.ts';
import {
  applyBroadcast,
  applyPrepared,
  applyUnmined,
  pollChain,
  stepTransfer,
  type Target,
  type TransferCall,
  type TransferContext,
  type TransferResult,
} from './transition.ts';

export interface TransferDeps {
  readonly codec: Codec;
  readonly policy: OutPolicy;
  readonly signer: Signer;
  readonly chain: Pick<
    Chain,
    'head' | 'quote' | 'nonces' | 'balances' | 'broadcast' | 'receipts' | 'transaction'
  >;
}

export function transferKind(deps: TransferDeps): EffectKind<TransferCall, TransferResult> {
  const loaded = (tx: Db, work: Work, intent: LeasedIntent) =>
    loadTransfer(tx, work, intent.subject, deps.policy, deps.signer);
  return {
    kind: 'transfer',
    async plan(tx, intent, now) {
      const work = new Work(now);
      const step = stepTransfer(work, await loaded(tx, work, intent));
      await write(tx, work, deps.codec);
      return step;
    },
    perform: (call) => perform(deps, call),
    async apply(tx, intent, call, outcome, now) {
      const work = new Work(now);
      const next = applyTransfer(work, await loaded(tx, work, intent), call, outcome);
      for (const asset of ['ETH', 'USDT'] as const) {
        if ((work.walletDeltas.get(`wallet:host|${asset}`) ?? 0n) > 0n) await wakeWaiting(tx, work, asset);
      }
      await write(tx, work, deps.codec);
      if (call.do === 'prepare') failPoint('transfer.stored');
      return next;
    },
    // Bytes that are stored may go out again at any time; only drawing a nonce is a new effect.
    isEffect: (call) => call.do === 'prepare',
  };
}

function applyTransfer(
  work: Work,
  context: TransferContext,
  call: TransferCall,
  outcome: CallOutcome<TransferResult>,
): Next {
  if (call.do === 'prepare') return applyPrepared(work, context, outcome);
  if (call.do === 'broadcast') return applyBroadcast(work, context, outcome);
  if ('error' in outcome) return { retry: `${outcome.error.code}: ${outcome.error.message}` };
  const seen = outcome.ok;
  const { transfer } = context;
  if (transfer.state !== 'broadcast' || seen.do !== 'watch') return { pollAt: work.now };
  const receipt = seen.receipts[0];
  if (!receipt) return applyUnmined(work, context, seen);
  const tx = work.must(transferTxs, receipt.hash);
  if (receipt.block > seen.finalized) return pollChain(work, tx.signed_at);
  finishTransfer(work, context, tx, receipt);
  return { done: true };
}

async function perform(deps: TransferDeps, call: TransferCall): Promise<TransferResult> {
  switch (call.do) {
    case 'prepare':
      return prepare(deps, call.target);
    case 'broadcast':
      failPoint('transfer.before_broadcast');
      await deps.chain.broadcast(call.raw);
      failPoint('transfer.broadcast');
      return { do: 'broadcast' };
    case 'watch':
      return watch(deps, call);
  }
}

async function prepare({ chain, policy }: TransferDeps, target: Target): Promise<TransferResult> {
  const [nonces, quote, balances] = await Promise.all([
    chain.nonces(policy.host),
    chain.quote({ from: policy.host, ...target }),
    chain.balances(policy.host, 'finalized'),
  ]);
  return { do: 'prepare', latestNonce: BigInt(nonces.latest), quote, balance: balances[target.asset] };
}

type WatchCall = Extract<TransferCall, { do: 'watch' }>;

/** Finality is read first: a receipt that is seen after it and lies below it is final. */
async function watch({ chain, policy }: TransferDeps, call: WatchCall): Promise<TransferResult> {
  const { finalized } = await chain.head();
  const found = await chain.receipts(call.hashes);
  const receipts = [...found].flatMap(([hash, receipt]) =>
    receipt === null ? [] : [{ ...receipt, hash, block: BigInt(receipt.block) }],
  );
  const seen = { do: 'watch', finalized: BigInt(finalized), receipts } as const;
  if (receipts.length > 0) return { ...seen, rebroadcast: null, quote: null };
  const isKnown = (await chain.transaction(call.latest.hash)) !== null;
  const rebroadcast = isKnown ? null : await sendAgain(chain, call.latest.raw);
  const quote = call.quote ? await chain.quote({ from: policy.host, ...call.quote }) : null;
  return { ...seen, rebroadcast, quote };
}

async function sendAgain(chain: Pick<Chain, 'broadcast'>, raw: string): Promise<ProviderFailure | null> {
  try {
    await chain.broadcast(raw);
    return null;
  } catch (error) {
    return toFailure(error);
  }
}

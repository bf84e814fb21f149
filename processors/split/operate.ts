/** A person's decision about a payout or conversion, as one transaction; called by the command line and the API. */
import type { Database } from '../../ledger/db.ts';
import { write } from '../../ledger/store.ts';
import { Work } from '../../ledger/work.ts';
import type { Codec } from '../../schemas/codec.ts';
import { type Decided, type Decision, decide } from '../swap/decisions.ts';
import { loadOwner, wakeWaiting } from '../swap/load.ts';
import { type OwnerKind, ownerOf } from '../swap/owner.ts';
import type { OutPolicy } from '../swap/policy.ts';

export interface OperatorDeps {
  readonly db: Database;
  readonly codec: Codec;
  readonly policy: Pick<OutPolicy, 'host' | 'chainId'>;
}

/**
 * @returns done, or asked: a signed transfer must be cancelled on chain first, and may still win
 * @throws DecisionRefused (what stands against it, one line), UnknownOwner
 */
export function decideOn(
  deps: OperatorDeps,
  kind: OwnerKind,
  id: string,
  decision: Decision,
  now: Date,
): Promise<Decided> {
  const policy = deps.policy as OutPolicy;
  return deps.db.transaction(async (tx) => {
    const work = new Work(now);
    const before = await loadOwner(tx, work, kind, id, policy, { counter: kind === 'conversion' });
    const decided = decide(work, before, decision);
    const after = ownerOf(work, kind, id, policy.host);
    // It was in the queue, or its funds came back: the next in line looks again.
    if (before.state !== after.state) await wakeWaiting(tx, work, before.amount.asset);
    await write(tx, work, deps.codec);
    return decided;
  });
}

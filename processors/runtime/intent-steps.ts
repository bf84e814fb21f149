/**
 * The steps of one leased intent: plan (first transaction), the outside call, apply (second transaction). Each can be
 * killed at any line: what an effect needs to be found again is written before the call, and a result is written only
 * by the holder of the lease. The simulation runs the same steps one by one.
 */
import type { Database, Db } from '../../ledger/db.ts';
import { holdsIntent } from '../../ledger/sql/intent-check.ts';
import type { LeasedIntent } from '../../ledger/sql/intent-lease.ts';
import { renewIntent } from '../../ledger/sql/intent-renew.ts';
import { settleIntent } from '../../ledger/sql/intent-settle.ts';
import { type Next, type ProviderFailure, settle } from './schedule.ts';

export type { LeasedIntent } from '../../ledger/sql/intent-lease.ts';

export type CallOutcome<Result> = { readonly ok: Result } | { readonly error: ProviderFailure };

/** One kind of intent: its decisions and its one outside call. */
export interface EffectKind<Call, Result> {
  readonly kind: string;
  /** First transaction: lock, load, decide, write what the call needs to be found again; or say what is next. */
  plan(tx: Db, intent: LeasedIntent, now: Date): Promise<{ call: Call } | { next: Next }>;
  perform(call: Call, signal: AbortSignal): Promise<Result>;
  /** Second transaction: lock, load, check, write the result or the error; says what is next. */
  apply(tx: Db, intent: LeasedIntent, call: Call, outcome: CallOutcome<Result>, now: Date): Promise<Next>;
  /** In the transaction that parks it: what others see of this work says so. */
  onParked?(tx: Db, intent: LeasedIntent, now: Date): Promise<void>;
  /** Whether the call changes something outside, rather than only looking. Absent: every call does. */
  isEffect?(call: Call): boolean;
}

/** Any kind, where calls and results pass through unseen. */
// biome-ignore lint/suspicious/noExplicitAny: a list of kinds has no common type of call
export type AnyEffectKind = EffectKind<any, any>;

/** Longest outside call; less than the lease, so that a result normally finds its lease alive. */
export const CALL_MS = 20_000;
export const LEASE_MS = 30_000;

/** Somebody else holds the intent: everything of this step is rolled back, and its result, if any, is dropped. */
export class LeaseLost extends Error {
  override name = 'LeaseLost';

  constructor(key: string) {
    super(`the lease of intent ${key} was lost`);
  }
}

/** Undoes the plan of an effect that a parked intent may not have. */
class ParkedEffect extends Error {
  override name = 'ParkedEffect';
}

/** @returns the call to make, or null when the intent is settled without one. @throws LeaseLost */
export async function planIntent<Call, Result>(
  db: Database,
  kind: EffectKind<Call, Result>,
  intent: LeasedIntent,
  now: Date,
): Promise<{ call: Call } | null> {
  try {
    return await db.transaction(async (tx) => {
      // What it decides on is read under lock; whether the lease is still ours is asked by what ends the transaction.
      const planned = await kind.plan(tx, intent, now);
      if ('next' in planned) {
        await settleHeld(tx, intent, planned.next, now, null, kind);
        return null;
      }
      const isEffect = kind.isEffect?.(planned.call) ?? true;
      if (intent.parkedAt !== null && isEffect) throw new ParkedEffect();
      const until = new Date(now.getTime() + LEASE_MS);
      if (!(await renewIntent(tx, intent.key, intent.leaseToken, until))) throw new LeaseLost(intent.key);
      return planned;
    });
  } catch (error) {
    if (!(error instanceof ParkedEffect)) throw error;
    await settleAlone(db, intent, { pollAt: 'soon' }, now);
    return null;
  }
}

/** Never throws: what went wrong is an outcome. An unexpected error means that we do not know what happened. */
export async function performCall<Call, Result>(
  kind: EffectKind<Call, Result>,
  call: Call,
  callMs = CALL_MS,
): Promise<CallOutcome<Result>> {
  const control = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new DeadlineError(callMs);
      control.abort(error);
      reject(error);
    }, callMs);
  });
  try {
    return { ok: await Promise.race([kind.perform(call, control.signal), late]) };
  } catch (error) {
    return { error: toFailure(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** @returns what was decided. @throws LeaseLost: the outcome is dropped, the next holder looks it up */
export function applyOutcome<Call, Result>(
  db: Database,
  kind: EffectKind<Call, Result>,
  intent: LeasedIntent,
  call: Call,
  outcome: CallOutcome<Result>,
  now: Date,
): Promise<Next> {
  return db.transaction(async (tx) => {
    await assertHeld(tx, intent);
    const next = await kind.apply(tx, intent, call, outcome, now);
    await settleHeld(tx, intent, next, now, 'error' in outcome ? outcome.error : null, kind);
    return next;
  });
}

/** Settles an intent whose plan or apply failed, in a transaction of its own. @throws LeaseLost */
export function settleAlone(db: Database, intent: LeasedIntent, next: Next, now: Date): Promise<void> {
  return db.transaction((tx) => settleHeld(tx, intent, next, now, null));
}

async function assertHeld(tx: Db, intent: LeasedIntent): Promise<void> {
  if (!(await holdsIntent(tx, intent.key, intent.leaseToken))) throw new LeaseLost(intent.key);
}

async function settleHeld(
  tx: Db,
  intent: LeasedIntent,
  next: Next,
  now: Date,
  failure: ProviderFailure | null,
  kind?: Pick<AnyEffectKind, 'onParked'>,
): Promise<void> {
  const settlement = settle(intent, next, now, failure);
  if (settlement.state === 'parked' && intent.parkedAt === null) await kind?.onParked?.(tx, intent, now);
  if (!(await settleIntent(tx, intent.key, intent.leaseToken, settlement))) throw new LeaseLost(intent.key);
}

class DeadlineError extends Error {
  override name = 'DeadlineError';
  readonly kind = 'unknown_outcome';
  readonly code = 'deadline';

  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

/** Errors of providers say their kind; everything else may have happened after the effect. */
export function toFailure(error: unknown): ProviderFailure {
  const { kind, code, message, retryAfterMs } = (error ?? {}) as Partial<ProviderFailure>;
  const known = kind === 'permanent' || kind === 'transient' || kind === 'unknown_outcome';
  return {
    kind: known ? kind : 'unknown_outcome',
    code: known ? (code ?? kind) : 'unexpected',
    message: message ?? String(error),
    ...(known && retryAfterMs !== undefined ? { retryAfterMs } : {}),
  };
}

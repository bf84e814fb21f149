/**
 * When an intent runs again, without I/O. "Not yet" is no failure: polls every 5 s, growing to 60 s. Failures: every
 * 60 s for 24 h, then parked. Permanent errors park at once. Parked: hourly look-ups until terminal.
 */
import type { IntentSettlement } from '../../ledger/sql/intent-settle.ts';

/** What an intent does next, as its kind decides. */
export type Next =
  | { readonly done: true }
  /** soon: 5 s, growing to 60 s with each poll; `startOver` begins again at 5 s. */
  | { readonly pollAt: 'soon' | Date; readonly startOver?: boolean }
  /** The reason, one line for people. */
  | { readonly retry: string }
  | { readonly park: string };

/** How an outside call failed; structurally what providers throw. */
export interface ProviderFailure {
  readonly kind: 'permanent' | 'transient' | 'unknown_outcome';
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number;
}

export interface IntentProgress {
  readonly attempt: number;
  readonly polls: number;
  readonly firstFailedAt: Date | null;
  readonly parkedAt: Date | null;
}

export const RETRY_MS = 60_000;
export const GIVE_UP_MS = 24 * 60 * 60_000;
export const PARKED_LOOK_MS = 60 * 60_000;
const POLL_FIRST_MS = 5_000;
const POLL_MAX_MS = 60_000;

/** What most kinds do with a failure: permanent parks, everything else is tried again. */
export function nextAfter(failure: ProviderFailure): Next {
  const reason = `${failure.code}: ${failure.message}`;
  return failure.kind === 'permanent' ? { park: reason } : { retry: reason };
}

/** @param polls how many came before */
export function pollDelayMs(polls: number): number {
  return Math.min(POLL_MAX_MS, Math.round(POLL_FIRST_MS * 1.5 ** Math.min(polls, 20)));
}

/** @param failure of the outside call, if it failed: its class is kept, and its wish to be left alone for a while */
export function settle(
  intent: IntentProgress,
  next: Next,
  now: Date,
  failure: ProviderFailure | null = null,
): IntentSettlement {
  if ('retry' in next) return afterFailure(intent, next.retry, now, failure);
  if ('park' in next) return parked(intent, next.park, now, failure?.kind ?? 'decision');
  const well = { attempt: 0, firstFailedAt: null, lastError: null, lastErrorClass: null };
  if ('done' in next) return { ...well, state: 'done', dueAt: now, polls: intent.polls, parkedAt: null };
  const polls = next.startOver ? 0 : intent.polls;
  const counted = { ...well, polls: next.pollAt === 'soon' ? polls + 1 : polls };
  const { parkedAt } = intent;
  if (parkedAt !== null) return { ...counted, state: 'parked', dueAt: later(now, PARKED_LOOK_MS), parkedAt };
  const dueAt = next.pollAt === 'soon' ? later(now, pollDelayMs(polls)) : latest(next.pollAt, now);
  return { ...counted, state: 'due', dueAt, parkedAt: null };
}

function afterFailure(
  intent: IntentProgress,
  reason: string,
  now: Date,
  failure: ProviderFailure | null,
): IntentSettlement {
  const firstFailedAt = intent.firstFailedAt ?? now;
  const errorClass = failure?.kind ?? 'internal';
  const since = { ...intent, firstFailedAt };
  if (intent.parkedAt !== null || now.getTime() - firstFailedAt.getTime() >= GIVE_UP_MS) {
    return parked(since, reason, now, errorClass);
  }
  // A provider that names a time knows best, within reason: an hour is the pace of parked work.
  const wishMs = Math.min(failure?.retryAfterMs ?? 0, PARKED_LOOK_MS);
  return {
    state: 'due',
    dueAt: later(now, Math.max(RETRY_MS, wishMs)),
    attempt: intent.attempt + 1,
    polls: intent.polls,
    firstFailedAt,
    lastError: reason,
    lastErrorClass: errorClass,
    parkedAt: null,
  };
}

function parked(intent: IntentProgress, reason: string, now: Date, errorClass: string): IntentSettlement {
  return {
    state: 'parked',
    dueAt: later(now, PARKED_LOOK_MS),
    attempt: intent.attempt + 1,
    polls: intent.polls,
    firstFailedAt: intent.firstFailedAt ?? now,
    lastError: reason,
    lastErrorClass: errorClass,
    parkedAt: intent.parkedAt ?? now,
  };
}

function later(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms);
}

function latest(a: Date, b: Date): Date {
  return a > b ? a : b;
}

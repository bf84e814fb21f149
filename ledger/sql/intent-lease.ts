/**
 * Leases due intents, and those whose lease has run out, oldest first. While leased `due_at` is infinity, so that a
 * wake in the meantime (`wake-intents.ts` keeps the lesser time) is seen when the lease ends.
 */
import type { Db } from '../db.ts';

export interface LeasedIntent {
  readonly key: string;
  readonly kind: string;
  readonly subject: string;
  /** Failures since it last went well. */
  readonly attempt: number;
  /** Answers "not yet" since it began or last started over. */
  readonly polls: number;
  readonly firstFailedAt: Date | null;
  /** Set: no further effects, only polls and look-ups. */
  readonly parkedAt: Date | null;
  readonly leaseToken: string;
  readonly createdAt: Date;
}

export interface LeaseRequest {
  readonly kinds: readonly string[];
  readonly limit: number;
  /** Fresh for every call: tells this holder from every earlier one. */
  readonly token: string;
  readonly now: Date;
  readonly until: Date;
}

/** Two branches, because each has an index of its own; one condition with OR scans every open intent. */
const TEXT = `
WITH due AS (
  SELECT i.key FROM intents i WHERE i.kind = ANY($1::text[]) AND i.state IN ('due', 'parked') AND i.due_at <= $2
  ORDER BY i.due_at, i.key LIMIT $3 FOR UPDATE SKIP LOCKED),
lost AS (
  SELECT i.key FROM intents i WHERE i.kind = ANY($1::text[]) AND i.state = 'leased' AND i.lease_until <= $2
  ORDER BY i.lease_until, i.key LIMIT $3 FOR UPDATE SKIP LOCKED),
both_kinds AS (SELECT key FROM lost UNION ALL SELECT key FROM due LIMIT $3)
UPDATE intents i SET state = 'leased', lease_token = $4, lease_until = $5, due_at = 'infinity'
FROM both_kinds b WHERE i.key = b.key
RETURNING i.key, i.kind, i.subject, i.attempt, i.polls, i.first_failed_at AS "firstFailedAt",
  i.parked_at AS "parkedAt", i.lease_token AS "leaseToken", i.created_at AS "createdAt"`;

export function leaseIntents(db: Db, request: LeaseRequest): Promise<LeasedIntent[]> {
  const { kinds, limit, token, now, until } = request;
  return db.query<LeasedIntent>(TEXT, [`{${kinds.join(',')}}`, now, limit, token, until], 'intent_lease');
}

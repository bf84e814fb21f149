/** Begins an audit in its transaction: how far payments.valued was applied, and what the relay must have published. */
import type { Db } from '../db.ts';

/** The topics are read while the transaction waits. */
const PATIENT = 'SET LOCAL idle_in_transaction_session_timeout = 0';
const POSITIONS = `SELECT part, next_offset FROM consumer_position WHERE right(grp, 10) = 'accumulate' ORDER BY part`;
const OUTBOX = `SELECT coalesce(max(id), 0)::bigint AS last FROM outbox`;

export interface AuditPositions {
  /** Offset after the last applied record of payments.valued, by partition. */
  readonly valued: ReadonlyMap<number, bigint>;
  readonly lastOutboxId: bigint;
}

/** Call it first in a repeatable read transaction: its first statement takes the snapshot. */
export async function auditPositions(tx: Db): Promise<AuditPositions> {
  await tx.query(PATIENT);
  const positions = await tx.query<{ part: number; next_offset: bigint }>(POSITIONS);
  const [outbox] = await tx.query<{ last: bigint }>(OUTBOX);
  return {
    valued: new Map(positions.map((row) => [row.part, BigInt(row.next_offset)])),
    lastOutboxId: BigInt(outbox?.last ?? 0n),
  };
}

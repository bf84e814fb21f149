/** Redrive as an operator's act: a filter, a bound, a dry run by default; whole entities, in order. */
import { load, write } from '../../ledger/store.ts';
import { quarantined } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { OrderKeys } from '../../schemas/order-id.ts';
import type { ApiDeps } from './clients.ts';
import { type Redriven, redriveRows } from './redrive.ts';

export interface RedriveRequest {
  readonly filter: { readonly reason?: string; readonly entity?: string; readonly id?: string };
  readonly max: number;
  readonly dryRun: boolean;
  readonly orders: OrderKeys | undefined;
}

const MATCHED = `(SELECT q.event_id, q.entity FROM quarantined q WHERE q.redriven_at IS NULL
    AND ($1::text IS NULL OR q.reason = $1::text) AND ($2::text IS NULL OR q.entity = $2::text)
    AND ($3::uuid IS NULL OR q.event_id = $3::uuid) ORDER BY q.at, q.source_offset LIMIT $4::int) m`;

/** Whoever matches brings all parked records of its entity along: they must be processed in order. */
const WHERE = `WHERE r.redriven_at IS NULL AND (r.event_id IN (SELECT m.event_id FROM ${MATCHED})
      OR r.entity IN (SELECT m.entity FROM ${MATCHED})) ORDER BY r.at, r.source_offset, r.event_id FOR UPDATE OF r`;

export async function redriveParked(deps: ApiDeps, request: RedriveRequest): Promise<Redriven[]> {
  const { filter, max, dryRun, orders } = request;
  return deps.db.transaction(async (tx) => {
    const work = new Work(deps.now());
    const rows = await load(tx, work, quarantined, WHERE, [
      filter.reason ?? null,
      filter.entity ?? null,
      filter.id ?? null,
      max,
    ]);
    const done = redriveRows(work, deps.codec, rows, orders);
    if (!dryRun) await write(tx, work, deps.codec);
    return done;
  });
}

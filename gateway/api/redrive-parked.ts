/** Redrive as an operator's act: a filter, a bound, a dry run by default; whole entities, in order. */
import { load, lockClients, write } from '../../ledger/store.ts';
import { quarantined } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import { isClientId, type OrderKeys } from '../../schemas/order-id.ts';
import { REASONS } from '../../schemas/reasons.ts';
import type { ApiDeps } from './clients.ts';
import { InputError } from './input-error.ts';
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
const CHOSEN = `r.redriven_at IS NULL AND (r.event_id IN (SELECT m.event_id FROM ${MATCHED})
      OR r.entity IN (SELECT m.entity FROM ${MATCHED}))`;
const KEYS = `SELECT DISTINCT r.key FROM quarantined r WHERE ${CHOSEN} AND r.key IS NOT NULL`;
const WHERE = `WHERE ${CHOSEN} ORDER BY r.at, r.source_offset, r.event_id FOR UPDATE OF r`;
const EVENT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function checkFilter({ reason, id }: RedriveRequest['filter']): void {
  if (reason !== undefined && !(reason in REASONS))
    throw new InputError('reason', reason, 'there is no such reason; `quarantine list` shows them');
  if (id !== undefined && !EVENT_ID.test(id))
    throw new InputError('id', id, 'give the whole id, as `quarantine list` shows it');
}

/** @throws InputError when the filter can match nothing */
export async function redriveParked(deps: ApiDeps, request: RedriveRequest): Promise<Redriven[]> {
  const { filter, max, dryRun, orders } = request;
  checkFilter(filter);
  const values = [filter.reason ?? null, filter.entity ?? null, filter.id ?? null, max];
  return deps.db.transaction(async (tx) => {
    const work = new Work(deps.now());
    // What goes out under a client's key is written behind the client's lock, and that comes before any other.
    const keys = await tx.query<{ key: string }>(KEYS, values);
    await lockClients(
      tx,
      work,
      keys.filter(({ key }) => isClientId(key)).map(({ key }) => BigInt(key)),
    );
    const rows = await load(tx, work, quarantined, WHERE, values);
    const done = redriveRows(work, deps.codec, rows, orders);
    if (!dryRun) await write(tx, work, deps.codec);
    return done;
  });
}

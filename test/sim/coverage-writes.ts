/** Reads from committed write statements which entity is in which state now, and for which reason it waits. */
import { type Coverage, isReason } from './coverage.ts';
import type { Committed } from './database.ts';
import { type WrittenRow, writtenBy } from './writes.ts';

interface Watched {
  readonly graph: string;
  readonly key: readonly string[];
}

/** Their steps are counted from their topics, where each has a record of its own: a transaction may take two at once. */
const TOLD: ReadonlySet<string> = new Set(['payout', 'conversion']);

const WATCHED: Readonly<Record<string, Watched>> = {
  payment_status: { graph: 'payment', key: ['client_id', 'provider', 'payment_id'] },
  payout_batches: { graph: 'payout', key: ['payout_id'] },
  conversions: { graph: 'conversion', key: ['conversion_id'] },
  transfers: { graph: 'transfer', key: ['transfer_id'] },
  swap_orders: { graph: 'order', key: ['owner_kind', 'owner_id', 'attempt'] },
  quarantined: { graph: 'quarantine', key: ['event_id'] },
};

const TABLES: ReadonlySet<string> = new Set(Object.keys(WATCHED));

export function coverWrites(coverage: Coverage, statements: readonly Committed[]): void {
  for (const [table, rows] of writtenBy(statements, TABLES) ?? []) {
    for (const row of rows) coverRow(coverage, WATCHED[table]!, row);
  }
}

function coverRow(coverage: Coverage, { graph, key }: Watched, row: WrittenRow): void {
  const { state, reason } = row;
  if (typeof reason === 'string' && isReason(reason)) coverage.reason(reason);
  if (typeof state !== 'string') return;
  const before = coverage.state(graph, key.map((name) => row[name]).join(' '), state);
  if (before !== undefined && !TOLD.has(graph)) coverage.edge(graph, before, state);
}

/** Reads from committed write statements which entity is in which state now, and for which reason it waits. */
import { type Coverage, isReason } from './coverage.ts';
import type { Committed } from './database.ts';

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

/** A table and the parameter that holds its rows. */
type Part = readonly [watched: Watched, parameter: number];

const PARTS = /INSERT INTO (\w+) [^;]*?json_to_recordset\(\$(\d+)::json\)/g;
const parsed = new Map<string, readonly Part[]>();

function partsOf(text: string): readonly Part[] {
  const known = parsed.get(text);
  if (known) return known;
  const parts = [...text.matchAll(PARTS)].flatMap(([, table, parameter]): Part[] => {
    const watched = WATCHED[table!];
    return watched ? [[watched, Number(parameter) - 1]] : [];
  });
  parsed.set(text, parts);
  return parts;
}

export function coverWrites(coverage: Coverage, statements: readonly Committed[]): void {
  for (const { text, values } of statements) {
    for (const [watched, parameter] of partsOf(text)) {
      const rows = JSON.parse(values[parameter] as string) as Record<string, unknown>[];
      for (const row of rows) coverRow(coverage, watched, row);
    }
  }
}

function coverRow(coverage: Coverage, { graph, key }: Watched, row: Readonly<Record<string, unknown>>): void {
  const { state, reason } = row;
  if (typeof reason === 'string' && isReason(reason)) coverage.reason(reason);
  if (typeof state !== 'string') return;
  const before = coverage.state(graph, key.map((name) => row[name]).join(' '), state);
  if (before !== undefined && !TOLD.has(graph)) coverage.edge(graph, before, state);
}

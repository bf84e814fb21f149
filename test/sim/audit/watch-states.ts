/**
 * After every commit: does everything move only along its declared graph, is what is over over, and does what may never
 * change stay as it was?
 */
import { GRAPHS } from '../../../processors/swap/graph.ts';
import type { Written, WrittenRow } from '../writes.ts';

interface Kind {
  readonly key: readonly string[];
  /** Never written again with another value. */
  readonly fixed: readonly string[];
  /** Written once: from null to a value, which then stays. */
  readonly once: readonly string[];
  readonly graph?: { readonly edges: Readonly<Record<string, readonly string[]>>; readonly first: string };
}

const KINDS: Readonly<Record<string, Kind>> = {
  payout_batches: {
    key: ['payout_id'],
    fixed: ['client_id', 'asset', 'amount', 'from_seq', 'to_seq', 'currency', 'network', 'address', 'memo'],
    once: ['returned_seq', 'completed_at'],
    graph: { edges: GRAPHS.payout, first: 'requested' },
  },
  conversions: {
    key: ['conversion_id'],
    fixed: ['eth', 'usdt_expected'],
    once: ['usdt_received', 'completed_at'],
    graph: { edges: GRAPHS.conversion, first: 'requested' },
  },
  transfers: {
    key: ['transfer_id'],
    fixed: ['owner_kind', 'owner_id', 'client_id', 'attempt', 'asset', 'amount', 'to_address', 'kind'],
    once: ['nonce', 'block', 'gas_spent'],
    graph: { edges: GRAPHS.transfer, first: 'chosen' },
  },
  transfer_txs: { key: ['hash'], fixed: ['transfer_id', 'nonce', 'kind', 'raw'], once: [] },
  swap_orders: {
    key: ['owner_kind', 'owner_id', 'attempt'],
    fixed: ['reference', 'asset', 'amount', 'to_currency', 'to_network', 'to_address', 'to_memo'],
    once: ['provider_id', 'payin_address', 'payin_memo'],
  },
  conversion_ranges: { key: ['conversion_id', 'partition'], fixed: ['from_batch', 'to_batch'], once: [] },
  chain_deposits: {
    key: ['hash', 'log_index'],
    fixed: ['block', 'asset', 'from_address', 'amount'],
    once: ['used_for', 'used_id'],
  },
  clients: { key: ['client_id'], fixed: ['partition', 'created_at'], once: [] },
};

export const STATE_TABLES = [...Object.keys(KINDS), 'payment_status', 'credit_batches'];

export class StatesWatch {
  readonly #rows = new Map<string, WrittenRow>();
  readonly #batches = new Map<string, bigint>();

  /** @returns one line per thing that is wrong */
  see(written: Written): string[] {
    const problems: string[] = [];
    for (const [table, kind] of Object.entries(KINDS)) {
      for (const row of written.get(table) ?? []) this.#row(table, kind, row, problems);
    }
    for (const row of written.get('payment_status') ?? []) this.#payment(row, problems);
    for (const row of written.get('credit_batches') ?? []) this.#batch(row, problems);
    return problems;
  }

  #before(table: string, key: readonly string[], row: WrittenRow): { name: string; before?: WrittenRow } {
    const name = `${table} ${key.map((column) => row[column]).join(' ')}`;
    const before = this.#rows.get(name);
    this.#rows.set(name, row);
    return before ? { name, before } : { name };
  }

  #row(table: string, { key, fixed, once, graph }: Kind, row: WrittenRow, problems: string[]): void {
    const { name, before } = this.#before(table, key, row);
    if (before) {
      for (const column of fixed)
        if (before[column] !== row[column])
          problems.push(`${name}: ${column} was ${before[column]} and is ${row[column]}`);
      for (const column of once)
        if (before[column] !== null && before[column] !== row[column])
          problems.push(`${name}: ${column} was ${before[column]} and is ${row[column]}`);
    }
    if (graph) this.#step(name, graph, before, row, problems);
  }

  /** A transaction may take several steps at once, each with a revision of its own. */
  #step(
    name: string,
    { edges, first }: NonNullable<Kind['graph']>,
    before: WrittenRow | undefined,
    row: WrittenRow,
    problems: string[],
  ): void {
    const [from, to] = [(before?.state as string) ?? first, row.state as string];
    const revisions = Number(row.revision) - (before ? Number(before.revision) : 1);
    if (before ? revisions < 0 : revisions < 0)
      problems.push(`${name}: revision ${row.revision} is no step on`);
    if (before && from !== to && revisions < 1)
      problems.push(`${name} went from ${from} to ${to} without a revision`);
    if (from !== to && !isReachable(edges, from, to, Math.max(1, revisions)))
      problems.push(`${name} went from ${from} to ${to} in ${revisions} steps`);
  }

  /** No leg is taken back, what is closed stays so, and no more is confirmed than was booked. */
  #payment(row: WrittenRow, problems: string[]): void {
    const { name, before } = this.#before('payment', ['client_id', 'provider', 'payment_id'], row);
    if (BigInt(row.confirmed as string) > BigInt(row.incoming as string))
      problems.push(`${name}: ${row.confirmed} of ${row.incoming} is confirmed`);
    if (!before) return;
    if (Number(before.legs) > Number(row.legs))
      problems.push(`${name} had ${before.legs} legs and has ${row.legs}`);
    if (before.state === 'closed' && row.state !== 'closed')
      problems.push(`${name} was closed and is ${row.state}`);
  }

  #batch({ partition, number }: WrittenRow, problems: string[]): void {
    const last = this.#batches.get(String(partition)) ?? 0n;
    if (BigInt(number as string) !== last + 1n)
      problems.push(`credit batch ${number} of partition ${partition} comes after ${last}`);
    this.#batches.set(String(partition), BigInt(number as string));
  }
}

/** In at most so many steps. */
function isReachable(
  edges: Readonly<Record<string, readonly string[]>>,
  from: string,
  to: string,
  steps: number,
): boolean {
  if (steps === 0) return false;
  const next = edges[from] ?? [];
  return next.includes(to) || next.some((state) => isReachable(edges, state, to, steps - 1));
}

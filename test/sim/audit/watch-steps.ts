/**
 * What must be true at each commit and can't be seen at the end: who may move a position or write a result, and when
 * money may leave. Looks at committed statements from outside, as a trigger in the database would.
 */
import type { Committed } from '../database.ts';
import { writtenBy } from '../writes.ts';

export interface StepOptions {
  /** Reads the ledger between two steps. */
  readonly query: <R>(text: string, values: readonly unknown[]) => R[];
  readonly isFinal: (hash: string) => boolean;
  /** Whether the swap provider has paid out for this payout, by this transaction. */
  readonly isSwapped: (payoutId: string, hash: string) => boolean;
}

interface PayoutRow {
  readonly payout_id: string;
  readonly asset: string;
  readonly currency: string;
  readonly network: string;
  readonly state: string;
  readonly payout_hash: string | null;
}

interface TransferRow {
  readonly transfer_id: string;
  readonly owner_kind: string;
  readonly owner_id: string;
  readonly state: string;
  readonly hash: string | null;
}

const TABLES: ReadonlySet<string> = new Set(['transfers', 'payout_batches']);
const OVER: ReadonlySet<string> = new Set(['final', 'reverted', 'cancelled']);

/** Payments behind a payout whose coins have not arrived. */
const UNCONFIRMED = `SELECT s.payment_id FROM payout_batches p
  JOIN payout_accumulation a ON a.client_id = p.client_id AND a.asset = p.asset AND a.seq > p.from_seq AND a.seq <= p.to_seq
  JOIN payment_status s ON s.client_id = a.client_id AND s.provider = a.provider AND s.payment_id = a.payment_id
  WHERE p.payout_id = $1::uuid AND s.confirmed < s.incoming`;

export class StepsWatch {
  readonly #options: StepOptions;
  /** Epoch and position of each partition. */
  readonly #positions = new Map<string, { epoch: bigint; next: bigint }>();
  /** Who leased an intent last. */
  readonly #leases = new Map<string, string>();
  #problems: string[] = [];

  constructor(options: StepOptions) {
    this.#options = options;
  }

  /** @returns one line per thing that is wrong */
  see(statements: readonly Committed[]): string[] {
    this.#problems = [];
    for (const statement of statements) {
      const { name } = statement;
      if (name === 'position_take') this.#taken(statement);
      else if (name === 'position_advance') this.#advanced(statement);
      else if (name === 'intent_lease') this.#leased(statement);
      else if (name === 'intent_settle') this.#settled(statement);
    }
    const written = writtenBy(statements, TABLES);
    for (const row of written?.get('transfers') ?? []) this.#transfer(row as unknown as TransferRow);
    for (const row of written?.get('payout_batches') ?? []) this.#payout(row as unknown as PayoutRow);
    return this.#problems;
  }

  #taken({ values, rows }: Committed): void {
    const [row] = rows as { epoch: bigint; nextOffset: bigint }[];
    if (row) this.#positions.set(values.slice(0, 3).join(' '), { epoch: row.epoch, next: row.nextOffset });
  }

  #advanced({ values, rows }: Committed): void {
    if (rows.length === 0) return;
    const key = values.slice(0, 3).join(' ');
    const [epoch, from, to] = values.slice(3, 6) as [bigint, bigint, bigint];
    const before = this.#positions.get(key);
    if (before && before.epoch !== epoch)
      this.#wrong(`epoch ${epoch} moved the position of ${key}, which epoch ${before.epoch} owns`);
    else if (before && before.next !== from)
      this.#wrong(`the position of ${key} went from ${before.next} to ${to}, for a batch from ${from}`);
    this.#positions.set(key, { epoch, next: to });
  }

  #leased({ rows }: Committed): void {
    for (const { key, leaseToken } of rows as { key: string; leaseToken: string }[])
      this.#leases.set(key, leaseToken);
  }

  #settled({ values, rows }: Committed): void {
    const [key, token] = values as [string, string];
    if (rows.length > 0 && this.#leases.get(key) !== token)
      this.#wrong(`intent ${key} was settled by a worker whose lease another has`);
  }

  #transfer(row: TransferRow): void {
    if (row.state === 'chosen' && row.owner_kind === 'payout') this.#funded(row);
    if (OVER.has(row.state) && !this.#options.isFinal(row.hash!))
      this.#wrong(`transfer ${row.transfer_id} is ${row.state}, its transaction is not final`);
  }

  /** Completed is what the client has: final on chain, or paid out by the provider. */
  #payout({ payout_id, asset, currency, network, state, payout_hash }: PayoutRow): void {
    if (state !== 'completed') return;
    const isDirect = network === 'eth' && currency === asset.toLowerCase();
    const { isFinal, isSwapped } = this.#options;
    if (!(isDirect ? isFinal(payout_hash!) : isSwapped(payout_id, payout_hash!)))
      this.#wrong(`payout ${payout_id} is completed by ${payout_hash}, which paid nobody`);
  }

  #funded({ owner_id }: TransferRow): void {
    const [open] = this.#options.query<{ payment_id: string }>(UNCONFIRMED, [owner_id]);
    if (open)
      this.#wrong(`payout ${owner_id} is funded before the coins of payment ${open.payment_id} arrived`);
  }

  #wrong(text: string): void {
    this.#problems.push(text);
  }
}

/**
 * What simulations reached: steps of the graphs, reasons, faults, and which faults struck while something was in which
 * state. Counts of many runs add up.
 */
import { REASONS, type ReasonCode } from '../../schemas/reasons.ts';
import type { FaultName } from './faults.ts';

/** Counts by key: `edge payout ordered funded`, `reason duplicate`, `fault crash`, `pair crash payout ordered`. */
export type Counts = Readonly<Record<string, number>>;

export function isReason(code: string): code is ReasonCode {
  return Object.hasOwn(REASONS, code);
}

export class Coverage {
  readonly #counts = new Map<string, number>();
  /** State of every entity seen, by `graph id`. */
  readonly #states = new Map<string, string>();
  /** How many entities are in a state, by `graph state`. */
  readonly #inState = new Map<string, number>();

  /** An entity went along an edge; `from` null: it came into being. */
  edge(graph: string, from: string | null, to: string): void {
    this.#count(`edge ${graph} ${from ?? 'new'} ${to}`);
  }

  /**
   * An entity's state as it was written.
   * @returns the state before, where it was another; null: the entity is new
   */
  state(graph: string, id: string, to: string): string | null | undefined {
    const entity = `${graph} ${id}`;
    const from = this.#states.get(entity);
    if (from === to) return undefined;
    this.#states.set(entity, to);
    if (from !== undefined) this.#move(`${graph} ${from}`, -1);
    this.#move(`${graph} ${to}`, 1);
    return from ?? null;
  }

  reason(code: ReasonCode): void {
    this.#count(`reason ${code}`);
  }

  /** A fault struck; by itself it is paired with every state that something is in, or with the one given. */
  fault(name: FaultName, state?: string): void {
    this.#count(`fault ${name}`);
    if (state !== undefined) this.#count(`pair ${name} ${state}`);
    else for (const [one, many] of this.#inState) if (many > 0) this.#count(`pair ${name} ${one}`);
  }

  /** Adds what another run reached. */
  add(counts: Counts): void {
    for (const [key, many] of Object.entries(counts)) this.#count(key, many);
  }

  /** How often the key was reached. */
  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  counts(): Counts {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #count(key: string, many = 1): void {
    this.#counts.set(key, this.of(key) + many);
  }

  #move(state: string, by: number): void {
    this.#inState.set(state, (this.#inState.get(state) ?? 0) + by);
  }
}

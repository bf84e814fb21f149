/**
 * When intents are due, kept from what was written: simulated workers look here, because most looks find nothing and a
 * statement for each took a third of a run. Every now and then the product's own statement is asked and must say the same.
 */
import type { Committed } from './database.ts';
import { type WrittenRow, writtenBy } from './writes.ts';

interface Intent {
  readonly kind: string;
  state: string;
  /** Milliseconds since 1970; Infinity while leased and not woken. */
  dueAt: number;
  leasedUntil: number;
  isParked: boolean;
}

const INTENTS: ReadonlySet<string> = new Set(['intents']);

export class IntentTimes {
  readonly #intents = new Map<string, Intent>();

  /** When the next one of these kinds can be leased; null: none is open. */
  next(kinds: readonly string[]): Date | null {
    let first = Number.POSITIVE_INFINITY;
    for (const { kind, state, dueAt, leasedUntil } of this.#intents.values()) {
      if (state === 'done' || !kinds.includes(kind)) continue;
      first = Math.min(first, state === 'leased' ? leasedUntil : dueAt);
    }
    return first === Number.POSITIVE_INFINITY ? null : new Date(first);
  }

  committed(statements: readonly Committed[]): void {
    for (const statement of statements) this.#see(statement);
  }

  #see(statement: Committed): void {
    const { name, values, rows } = statement;
    if (name === 'intent_lease') {
      for (const { key } of rows as readonly { key: string }[]) {
        const leased = { state: 'leased', dueAt: Number.POSITIVE_INFINITY, leasedUntil: ms(values[4]) };
        Object.assign(this.#intents.get(key)!, leased);
      }
      return;
    }
    if (name === undefined || !name.startsWith('intent_')) {
      for (const row of writtenBy([statement], INTENTS)?.get('intents') ?? []) this.#wake(row);
      return;
    }
    // The others change one, and tell by a row that they did.
    const intent = this.#intents.get(String(values[0]));
    if (!intent || rows.length === 0) return;
    if (name === 'intent_renew') intent.leasedUntil = ms(values[2]);
    if (name === 'intent_settle') settle(intent, values);
    if (name === 'intent_park') park(intent);
    if (name === 'intent_unpark') unpark(intent, values[1]);
  }

  #wake({ key, kind, due_at }: WrittenRow): void {
    const dueAt = ms(due_at);
    const intent = this.#intents.get(key as string);
    if (!intent) {
      const fresh = { kind: kind as string, state: 'due', dueAt, leasedUntil: 0, isParked: false };
      this.#intents.set(key as string, fresh);
      return;
    }
    if (intent.state === 'done') Object.assign(intent, { state: 'due', dueAt });
    else if (intent.state !== 'parked') intent.dueAt = Math.min(intent.dueAt, dueAt);
  }
}

/** As ledger/sql/intent-settle.ts has it. */
function settle(intent: Intent, values: readonly unknown[]): void {
  const state = values[2] as string;
  const dueAt = ms(values[3]);
  const wasWoken = state === 'done' && intent.dueAt < Number.POSITIVE_INFINITY;
  if (wasWoken) intent.state = 'due';
  else intent.state = state === 'due' && intent.isParked ? 'parked' : state;
  if (state === 'parked') intent.dueAt = dueAt;
  else if (!wasWoken) intent.dueAt = Math.min(intent.dueAt, dueAt);
  intent.isParked = state !== 'done' && (intent.isParked || values[9] !== null);
}

function park(intent: Intent): void {
  intent.isParked = true;
  if (intent.state === 'due') intent.state = 'parked';
}

function unpark(intent: Intent, at: unknown): void {
  Object.assign(intent, { state: 'due', dueAt: ms(at), isParked: false });
}

function ms(at: unknown): number {
  return new Date(at as string | Date).getTime();
}

/**
 * Does every payout come with the very credit that reached the threshold, and with no other? What a credit says of itself
 * is compared with the provider's minimum as it was known when it was booked.
 */
import type { OutRecord } from '../../../processors/runtime/publisher.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import type { Committed } from '../database.ts';
import { writtenBy } from '../writes.ts';

/** What a record of payments.credited says; amounts are minor units. */
export interface Credit {
  readonly clientId: string;
  readonly seq: bigint;
  readonly asset: string;
  /** Free after the credit, before anything is taken for a debt. */
  readonly available: bigint;
  /** US dollars with two decimals; null: the client does not accumulate. */
  readonly threshold: string | null;
  readonly hasPayout: boolean;
}

interface Client {
  readonly client_id: string;
  readonly payout_currency: string;
  readonly payout_network: string;
}

interface Limit {
  readonly asset: string;
  readonly currency: string;
  readonly network: string;
  readonly min_amount: string;
}

interface Entry {
  readonly client_id: string;
  readonly asset: string;
  readonly seq: string;
}

const TABLES: ReadonlySet<string> = new Set([
  'clients',
  'pair_limits',
  'payout_accumulation',
  'client_entries',
]);

export class ThresholdsWatch {
  readonly #creditOf: (value: Buffer) => Credit;
  /** Where a client is paid: currency and network. */
  readonly #pairs = new Map<string, string>();
  /** Least amount of USDT, by currency and network; what we hold ourselves has none. */
  readonly #minima = new Map<string, bigint>([['usdt eth', 0n]]);
  /** The minimum when an entry was booked, by client and number; undefined: it was not known. */
  readonly #booked = new Map<string, bigint | undefined>();
  /** A debt is taken from the credit first: what is left of it then is in no event. */
  readonly #indebted = new Set<string>();

  constructor(creditOf: (value: Buffer) => Credit) {
    this.#creditOf = creditOf;
  }

  see(statements: readonly Committed[]): string[] {
    const written = writtenBy(statements, TABLES);
    if (!written) return [];
    const rows = <R>(table: string): readonly R[] => (written.get(table) ?? []) as readonly R[];
    for (const { client_id, payout_currency, payout_network } of rows<Client>('clients'))
      this.#pairs.set(client_id, `${payout_currency} ${payout_network}`);
    for (const { asset, currency, network, min_amount } of rows<Limit>('pair_limits'))
      if (asset === 'USDT') this.#minima.set(`${currency} ${network}`, BigInt(min_amount));
    for (const { client_id, kind } of rows<Entry & { readonly kind: string }>('client_entries'))
      if (kind === 'recovery') this.#indebted.add(client_id);
    for (const { client_id, asset, seq } of rows<Entry>('payout_accumulation'))
      if (asset === 'USDT')
        this.#booked.set(`${client_id} ${seq}`, this.#minima.get(this.#pairs.get(client_id) ?? ''));
    return [];
  }

  /** @returns one line per thing that is wrong */
  appended({ topic, headers, value }: OutRecord): string[] {
    if (topic !== TOPIC.credited || headers['event-id'] === undefined || value === null) return [];
    const { clientId, seq, asset, available, threshold, hasPayout } = this.#creditOf(value);
    if (threshold === null || asset !== 'USDT' || this.#indebted.has(clientId)) return [];
    const minimum = this.#booked.get(`${clientId} ${seq}`);
    const wanted = BigInt(threshold.replace('.', '')) * 10_000n;
    // An owner's threshold is enough while nobody knows the minimum: whoever orders the payout asks for it.
    const isDue = available >= (minimum ?? 0n) && available >= wanted;
    if (isDue === hasPayout) return [];
    const what = `credit ${seq} of client ${clientId} made ${available} of ${wanted}`;
    return [`${what} with a minimum of ${minimum} and ${hasPayout ? 'a' : 'no'} payout`];
  }
}

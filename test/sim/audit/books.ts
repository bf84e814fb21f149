/** Raw rows for the second bookkeeper, read with its own SQL: nothing of ledger/ takes part in the judgement. */
import type { Db } from '../../../ledger/db.ts';

export interface Leg {
  readonly client_id: bigint;
  readonly payment_id: string;
  readonly leg: number;
  readonly asset: string;
  readonly seq: bigint;
  readonly gross: string;
  readonly fee: string;
  readonly net: string;
  readonly received_asset: string;
  readonly received: string;
  readonly rate_id: string | null;
  readonly source_partition: number;
  readonly source_offset: bigint;
}

export interface Payout {
  readonly client_id: bigint;
  readonly payout_id: string;
  readonly asset: string;
  readonly amount: string;
  readonly from_seq: bigint;
  readonly to_seq: bigint;
  readonly state: string;
  readonly status: string;
  readonly reason: string | null;
  readonly currency: string;
  readonly network: string;
  readonly address: string;
  readonly attempt: number;
  readonly returned_seq: bigint | null;
  readonly revision: bigint;
}

export interface Account {
  readonly client_id: bigint;
  readonly asset: string;
  readonly available: string;
  readonly reserved: string;
  readonly unvalued: string;
  readonly debt: string;
  readonly last_seq: bigint;
  readonly paid_seq: bigint;
}

export interface Line {
  readonly posting_set_id: string;
  readonly line: number;
  readonly cause_kind: string;
  readonly debit: string;
  readonly credit: string;
  readonly asset: string;
  readonly client_id: bigint | null;
  readonly amount: string;
}

export interface Client {
  readonly client_id: bigint;
  readonly payout_strategy: string;
  readonly payout_threshold_usd: string | null;
  readonly payout_currency: string;
  readonly payout_network: string;
}

export interface Books {
  readonly clients: readonly Client[];
  readonly legs: readonly Leg[];
  readonly payouts: readonly Payout[];
  readonly accounts: readonly Account[];
  readonly lines: readonly Line[];
  readonly entries: readonly {
    client_id: bigint;
    asset: string;
    seq: bigint;
    kind: string;
    amount: string;
  }[];
  readonly wallets: readonly { account: string; asset: string; balance: string }[];
  readonly totals: readonly { debit: string; credit: string; asset: string; amount: string }[];
  readonly rates: readonly {
    rate_id: string;
    at: Date;
    usable: boolean;
    usdt_per_eth: string;
    spot_eth_usd: string;
    spot_usdt_usd: string;
  }[];
  readonly batches: readonly { partition: number; number: bigint; eth: string; usdt: string }[];
  readonly conversions: readonly {
    conversion_id: string;
    eth: string;
    usdt_expected: string;
    state: string;
  }[];
  readonly ranges: readonly {
    conversion_id: string;
    partition: number;
    from_batch: bigint;
    to_batch: bigint;
  }[];
  readonly payments: readonly {
    payment_id: string;
    status: string;
    state: string;
    incoming: string;
    confirmed: string;
    quarantined: boolean;
  }[];
  readonly parked: readonly { event_id: string; entity: string | null; reason: string }[];
  readonly issues: readonly { kind: string; entity: string }[];
  readonly transfers: readonly {
    asset: string;
    amount: string;
    to_address: string;
    state: string;
    hash: string | null;
  }[];
  readonly unused: readonly { asset: string; amount: string }[];
}

export async function readBooks(db: Db): Promise<Books> {
  const all = <R>(text: string): Promise<R[]> => db.query<R>(text);
  return {
    clients: await all('SELECT * FROM clients ORDER BY client_id'),
    legs: await all('SELECT * FROM payout_accumulation ORDER BY client_id, asset, seq'),
    payouts: await all('SELECT * FROM payout_batches ORDER BY client_id, asset, to_seq'),
    accounts: await all('SELECT * FROM client_accounts ORDER BY client_id, asset'),
    lines: await all('SELECT * FROM gl_transfers ORDER BY posting_set_id, line'),
    entries: await all('SELECT * FROM client_entries ORDER BY client_id, asset, seq'),
    wallets: await all('SELECT * FROM wallet_accounts ORDER BY account, asset'),
    totals: await all('SELECT * FROM gl_totals'),
    rates: await all('SELECT * FROM rates'),
    batches: await all('SELECT * FROM credit_batches ORDER BY partition, number'),
    conversions: await all('SELECT * FROM conversions ORDER BY conversion_id'),
    ranges: await all('SELECT * FROM conversion_ranges ORDER BY partition, to_batch'),
    payments: await all('SELECT * FROM payment_status'),
    parked: await all('SELECT event_id::text AS event_id, entity, reason FROM quarantined'),
    issues: await all('SELECT kind, entity FROM discrepancies'),
    transfers: await all('SELECT * FROM transfers'),
    unused: await all('SELECT asset, amount FROM chain_deposits WHERE used_for IS NULL'),
  };
}

export function sum(amounts: Iterable<string>): bigint {
  let total = 0n;
  for (const amount of amounts) total += BigInt(amount);
  return total;
}

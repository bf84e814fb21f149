/**
 * After every commit: do its postings, its turnover, the wallet's accounts and the clients' rows say the same; is no
 * account on its forbidden side; is every entry the next of its sequence; is what clients are owed covered?
 */
import type { Written, WrittenRow } from '../writes.ts';

/** Accounts kept in one row, which never go below zero. */
const WALLET = ['wallet:host', 'wallet:gas', 'wallet:gas_held', 'wallet:sending', 'swap:in_transit'];
const PARTITIONED = [
  'wallet:incoming',
  'position:open',
  'platform:fees',
  'platform:rate_variance',
  'platform:gas',
  'platform:provider_costs',
  'platform:dust',
  'platform:capital',
];
/** Parts of a client's row; liabilities stand on the credit side. */
const PARTS = { available: -1n, reserved: -1n, unvalued: -1n, debt: 1n } as const;
type Part = keyof typeof PARTS;
const ACCOUNTS = new Set([...WALLET, ...PARTITIONED, ...Object.keys(PARTS).map((part) => `client:${part}`)]);
const ASSETS = ['ETH', 'USDT'];
const COVER = ['wallet:incoming', 'wallet:host', 'wallet:sending', 'swap:in_transit', 'position:open'];

interface ClientRow extends Record<Part, bigint> {
  readonly last_seq: bigint;
  readonly paid_seq: bigint;
}

const EMPTY: ClientRow = {
  available: 0n,
  reserved: 0n,
  unvalued: 0n,
  debt: 0n,
  last_seq: 0n,
  paid_seq: 0n,
};

export class BooksWatch {
  /** Debit less credit, by `account asset`. */
  readonly #balances = new Map<string, bigint>();
  readonly #clients = new Map<string, ClientRow>();
  /** Amounts of entries by client and asset; the entry of number n stands at n - 1. */
  readonly #entries = new Map<string, bigint[]>();

  /** @returns one line per thing that is wrong */
  see(written: Written): string[] {
    const problems: string[] = [];
    const changes = this.#book(written.get('gl_transfers') ?? [], problems);
    compare('turnover', changes.pairs, sums(written.get('gl_totals') ?? [], pairOf, 'amount'), problems);
    const wallet = sums(written.get('wallet_accounts') ?? [], accountOf, 'delta');
    compare('wallet', only(changes.accounts, WALLET), wallet, problems);
    const clients = this.#clientRows(written, problems);
    compare(
      'clients',
      only(
        changes.accounts,
        Object.keys(PARTS).map((part) => `client:${part}`),
      ),
      clients,
      problems,
    );
    this.#payouts(written.get('payout_batches') ?? [], problems);
    if (changes.accounts.size > 0) this.#standing(problems);
    return problems;
  }

  readonly #payoutEnds = new Map<string, bigint>();
  readonly #knownPayouts = new Set<string>();

  #book(lines: readonly WrittenRow[], problems: string[]) {
    const accounts = new Map<string, bigint>();
    const pairs = new Map<string, bigint>();
    for (const line of lines) {
      const { debit, credit, asset } = line as Record<string, string>;
      const amount = BigInt(line.amount as string);
      if (amount <= 0n || debit === credit || !ASSETS.includes(asset!))
        problems.push(`a line of ${amount} ${asset} from ${credit} to ${debit}`);
      for (const account of [debit!, credit!])
        if (!ACCOUNTS.has(account)) problems.push(`there is no account ${account}`);
      add(accounts, `${debit} ${asset}`, amount);
      add(accounts, `${credit} ${asset}`, -amount);
      add(pairs, pairOf(line), amount);
    }
    for (const [key, change] of accounts) add(this.#balances, key, change);
    return { accounts, pairs };
  }

  /** @returns how the clients' rows changed, as their control accounts must have */
  #clientRows(written: Written, problems: string[]): Map<string, bigint> {
    const changes = new Map<string, bigint>();
    const entries = newEntries(written);
    for (const row of written.get('client_accounts') ?? []) {
      const key = `${row.client_id} ${row.asset}`;
      const [before, after] = [this.#clients.get(key) ?? EMPTY, clientRow(row)];
      this.#clients.set(key, after);
      for (const part of Object.keys(PARTS) as Part[]) {
        add(changes, `client:${part} ${row.asset}`, PARTS[part] * (after[part] - before[part]));
        if (after[part] < 0n) problems.push(`client ${key} has ${part} ${after[part]}`);
      }
      this.#number(key, before, after, entries.get(key) ?? [], problems);
      entries.delete(key);
      if (after.paid_seq < before.paid_seq || after.paid_seq > after.last_seq)
        problems.push(`client ${key}: paid up to ${after.paid_seq}, before ${before.paid_seq}`);
    }
    for (const key of entries.keys()) problems.push(`client ${key} has entries that its row does not count`);
    return changes;
  }

  #number(
    key: string,
    before: ClientRow,
    after: ClientRow,
    entries: readonly Entry[],
    problems: string[],
  ): void {
    const list = this.#entries.get(key) ?? [];
    this.#entries.set(key, list);
    for (const { seq, amount } of [...entries].sort((a, b) => (a.seq < b.seq ? -1 : 1))) {
      if (seq !== BigInt(list.length) + 1n) problems.push(`client ${key}: entry ${seq} after ${list.length}`);
      list.push(amount);
    }
    if (after.last_seq !== BigInt(list.length) || after.last_seq < before.last_seq)
      problems.push(`client ${key}: last entry ${after.last_seq} of ${list.length}`);
  }

  /** A new payout begins where the last one ended, and is of exactly its entries. */
  #payouts(rows: readonly WrittenRow[], problems: string[]): void {
    const fresh = rows.filter((row) => !this.#knownPayouts.has(row.payout_id as string));
    for (const row of fresh.sort((a, b) =>
      BigInt(a.to_seq as string) < BigInt(b.to_seq as string) ? -1 : 1,
    )) {
      this.#knownPayouts.add(row.payout_id as string);
      const key = `${row.client_id} ${row.asset}`;
      const [from, to] = [BigInt(row.from_seq as string), BigInt(row.to_seq as string)];
      const end = this.#payoutEnds.get(key) ?? 0n;
      if (from !== end)
        problems.push(`payout ${row.payout_id} begins at ${from}, the last one ended at ${end}`);
      this.#payoutEnds.set(key, to);
      const due = (this.#entries.get(key) ?? []).slice(Number(from), Number(to)).reduce((a, b) => a + b, 0n);
      if (due <= 0n || due !== BigInt(row.amount as string))
        problems.push(`payout ${row.payout_id} is of ${row.amount}, its entries are ${due}`);
    }
    for (const key of new Set(fresh.map((row) => `${row.client_id} ${row.asset}`))) {
      const paid = this.#clients.get(key)?.paid_seq;
      if (paid !== this.#payoutEnds.get(key))
        problems.push(`client ${key} is paid up to ${paid}, its payouts end at ${this.#payoutEnds.get(key)}`);
    }
  }

  /** Signs of accounts kept in one row, and cover: what clients are owed is there or on its way. */
  #standing(problems: string[]): void {
    for (const asset of ASSETS) {
      const of = (account: string): bigint => this.#balances.get(`${account} ${asset}`) ?? 0n;
      for (const account of WALLET)
        if (of(account) < 0n) problems.push(`${account} is ${of(account)} ${asset}`);
      const owed = -(of('client:available') + of('client:reserved') + of('client:unvalued'));
      const held = COVER.reduce((total, account) => total + of(account), of('client:debt'));
      if (owed > held) problems.push(`clients are owed ${owed} ${asset}, held are ${held}`);
    }
  }
}

interface Entry {
  readonly seq: bigint;
  readonly amount: bigint;
}

function newEntries(written: Written): Map<string, Entry[]> {
  const entries = new Map<string, Entry[]>();
  const note = (row: WrittenRow, amount: unknown): void => {
    const key = `${row.client_id} ${row.asset}`;
    const entry = { seq: BigInt(row.seq as string), amount: BigInt(amount as string) };
    entries.set(key, [...(entries.get(key) ?? []), entry]);
  };
  for (const row of written.get('payout_accumulation') ?? []) note(row, row.net);
  for (const row of written.get('client_entries') ?? []) note(row, row.amount);
  return entries;
}

function clientRow(row: WrittenRow): ClientRow {
  const of = (name: keyof ClientRow): bigint => BigInt(row[name] as string);
  return {
    available: of('available'),
    reserved: of('reserved'),
    unvalued: of('unvalued'),
    debt: of('debt'),
    last_seq: of('last_seq'),
    paid_seq: of('paid_seq'),
  };
}

function accountOf({ account, asset }: WrittenRow): string {
  return `${account} ${asset}`;
}

function pairOf({ debit, credit, asset, partition, cause_kind }: WrittenRow): string {
  return `${debit} ${credit} ${asset} ${partition} ${cause_kind}`;
}

function sums(
  rows: readonly WrittenRow[],
  keyOf: (row: WrittenRow) => string,
  name: string,
): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const row of rows) add(found, keyOf(row), BigInt(row[name] as string));
  return found;
}

function only(changes: ReadonlyMap<string, bigint>, accounts: readonly string[]): Map<string, bigint> {
  return new Map([...changes].filter(([key]) => accounts.includes(key.split(' ')[0]!)));
}

function add(map: Map<string, bigint>, key: string, change: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + change);
}

function compare(
  what: string,
  wanted: ReadonlyMap<string, bigint>,
  got: ReadonlyMap<string, bigint>,
  problems: string[],
): void {
  for (const key of new Set([...wanted.keys(), ...got.keys()])) {
    const [a, b] = [wanted.get(key) ?? 0n, got.get(key) ?? 0n];
    if (a !== b) problems.push(`${what}: ${key} changed by ${b}, its postings by ${a}`);
  }
}

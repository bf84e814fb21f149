/** The one door for writing, on PGlite: every table comes back as it was put, and the database refuses what may not be. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { creditLocked, payoutCreated, receiptConfirmed, setAside } from '../../../ledger/posting.ts';
import { createPosition } from '../../../ledger/sql/position-create.ts';
import { load, loadByKeys, lockClients, lockCreditCounter, write } from '../../../ledger/store.ts';
import { columnList, decodeRow, type RowOf, type Table } from '../../../ledger/table.ts';
import * as tables from '../../../ledger/tables.ts';
import { Work } from '../../../ledger/work.ts';
import { createCodec } from '../../../schemas/codec.ts';
import { TOPIC, TOPIC_NAMES, type TopicName } from '../../../schemas/topology.ts';
import { accountRow, CLIENT, clientRow, eth, NOW, PARTITION, usdt } from '../../fixtures/ledger-rows.ts';
import { PgliteDatabase, WarmPglite } from '../../sim/database.ts';

const ids = Object.fromEntries(TOPIC_NAMES.map((topic, index) => [topic, index + 1])) as Record<
  TopicName,
  number
>;
const codec = createCodec(ids);
let warm: WarmPglite;
let db: PgliteDatabase;

beforeAll(async () => {
  warm = await WarmPglite.open();
  db = new PgliteDatabase(warm);
}, 60_000);
afterAll(() => warm?.close());
beforeEach(() => warm.reset());

const UUID = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const BIG = 10n ** 70n + 1n;

/** Values that a lossy way would change: beyond 2^53, trailing zeros, milliseconds, awkward text. */
function sample(t: Table, full: boolean): Record<string, unknown> {
  const values: Record<string, unknown> = {
    text: 'a "quoted" \\ ünï\tcode 🚀 \u2028',
    int: 1,
    bigint: 9_007_199_254_740_993n,
    units: BIG,
    decimal: '12345.60',
    bool: true,
    time: new Date('2026-01-02T03:04:05.678Z'),
    uuid: UUID,
    bytes: Buffer.from([0, 255, 10, 92]),
  };
  return Object.fromEntries(
    Object.entries(t.columns).map(([name, spec]) => {
      const nullable = spec.endsWith('?');
      return [name, nullable && !full ? null : values[nullable ? spec.slice(0, -1) : spec]];
    }),
  );
}

/** What the constraints of a table want of a sample. */
const FITTING: Readonly<Record<string, Record<string, unknown>>> = {
  clients: { payout_strategy: 'threshold', payout_threshold_usd: '500.00', max_wait_ms: 5n },
  client_accounts: { asset: 'ETH', last_seq: 9n, paid_seq: 9n },
  payment_status: { state: 'open', legs: 2 },
  payout_accumulation: { gross: 3n * BIG, fee: 2n * BIG, net: BIG },
  client_entries: { kind: 'dust', amount: -BIG },
  payout_batches: { state: 'requested', from_seq: 1n },
  conversions: { state: 'requested' },
  conversion_ranges: { from_batch: 1n },
  swap_orders: { owner_kind: 'payout', state: 'creating' },
  transfers: { owner_kind: 'payout', kind: 'swap', state: 'chosen' },
  transfer_txs: { kind: 'original' },
  gl_transfers: { credit: 'other' },
};

const WRITTEN: readonly Table[] = Object.values(tables).filter(
  (t): t is (typeof tables)['clients'] & Table =>
    !['outbox', 'wallet_accounts', 'credit_batches'].includes(t.name),
);

describe('a row comes back exactly as it was put [failures 16, 25, 29]', () => {
  it.each(WRITTEN.flatMap((t) => [[t.name, true, t] as const, [t.name, false, t] as const]))(
    '%s (everything set: %s)',
    async (_name, full, t) => {
      const wanted = { ...sample(t, full), ...FITTING[t.name] };
      if (t.name === 'clients' && !full) wanted.max_wait_ms = null;
      const work = new Work(NOW);
      work.put(t, wanted as RowOf<Table>);
      await db.transaction((tx) => write(tx, work, codec));
      const raw = await db.query<Record<string, unknown>>(`SELECT ${columnList(t)} FROM ${t.name}`);
      expect(raw.map((row) => decodeRow(t, row))).toEqual([wanted]);
    },
  );
});

async function seed(): Promise<void> {
  const work = new Work(NOW);
  work.put(tables.clients, clientRow());
  work.put(tables.clientAccounts, accountRow('ETH'));
  work.put(tables.clientAccounts, accountRow('USDT'));
  await db.transaction((tx) => write(tx, work, codec));
  for (const topic of [TOPIC.valued]) {
    await createPosition(db, { group: 'accumulate', topic, partition: PARTITION }, 'me', NOW);
  }
}

describe('writing', () => {
  it('upserts replace, inserts refuse a second row [failures 41, 44]', async () => {
    await seed();
    const again = new Work(NOW);
    again.put(tables.clientAccounts, accountRow('USDT', { available: 5n, last_seq: 1n }));
    await db.transaction((tx) => write(tx, again, codec));
    const read = new Work(NOW);
    await lockClients(db, read, [CLIENT]);
    expect(read.must(tables.clientAccounts, CLIENT, 'USDT')).toEqual(
      accountRow('USDT', { available: 5n, last_seq: 1n }),
    );
    expect(read.must(tables.clients, CLIENT)).toEqual(clientRow());
    const twice = () => {
      const work = new Work(NOW);
      work.post({ kind: 'capital', id: '1' }, payoutCreated(usdt('1')), { partition: 0 });
      return db.transaction((tx) => write(tx, work, codec));
    };
    await twice();
    await expect(twice()).rejects.toMatchObject({ code: '23505' });
  });

  it('numbers credit batches without a gap, with the sums of the position [failure H5]', async () => {
    await seed();
    for (const id of ['1', '2', '3']) {
      await db.transaction(async (tx) => {
        const work = new Work(NOW);
        await lockCreditCounter(tx, work, PARTITION);
        work.post({ kind: 'credit', id }, creditLocked(eth('0.0125'), usdt('48.5'), usdt('1.5')), {
          partition: PARTITION,
        });
        await write(tx, work, codec);
      });
    }
    const rows = await db.query('SELECT number, eth, usdt FROM credit_batches ORDER BY number');
    expect(rows).toEqual(
      [1n, 2n, 3n].map((number) => ({ number, eth: '12500000000000000', usdt: '50000000' })),
    );
  });

  it('refuses to change the position without the counter, and a counter that moved [failures 41, H5]', async () => {
    await seed();
    const blind = new Work(NOW);
    blind.post({ kind: 'credit', id: '1' }, creditLocked(eth('1'), usdt('1'), usdt('0')), {
      partition: PARTITION,
    });
    await expect(db.transaction((tx) => write(tx, blind, codec))).rejects.toThrow('was not locked');
    const stale = new Work(NOW);
    stale.partitionCounters.set(PARTITION, 7n);
    stale.post({ kind: 'credit', id: '1' }, creditLocked(eth('1'), usdt('1'), usdt('0')), {
      partition: PARTITION,
    });
    await expect(db.transaction((tx) => write(tx, stale, codec))).rejects.toThrow('credit counter: 0 rows');
  });

  it('totals and balances are the sums of the transfers', async () => {
    for (const id of ['1', '2']) {
      const work = new Work(NOW);
      work.post({ kind: 'receipts', id }, receiptConfirmed(eth('0.5')), { partition: 3 });
      await db.transaction((tx) => write(tx, work, codec));
    }
    expect(await db.query('SELECT account, partition, balance FROM gl_balances ORDER BY account')).toEqual([
      { account: 'wallet:host', partition: 3, balance: '1000000000000000000' },
      { account: 'wallet:incoming', partition: 3, balance: '-1000000000000000000' },
    ]);
    const [host] = await db.query<{ balance: string }>(
      "SELECT balance FROM wallet_accounts WHERE account = 'wallet:host' AND asset = 'ETH'",
    );
    expect(host?.balance).toBe('1000000000000000000');
  });

  it('an account kept in one row never goes below zero, and then nothing of the transaction is there [failure H20]', async () => {
    const work = new Work(NOW);
    work.post({ kind: 'set_aside', id: '1' }, setAside(usdt('1'), eth('0')), { partition: 0 });
    await expect(db.transaction((tx) => write(tx, work, codec))).rejects.toMatchObject({ code: '23514' });
    expect(await db.query('SELECT 1 FROM gl_transfers')).toEqual([]);
  });

  it('the outbox keeps the order of emitting, with the shard of the key', async () => {
    const work = new Work(NOW);
    for (let i = 0; i < 5; i++) work.note({ kind: 'not_credited', id: String(i) }, CLIENT);
    await db.transaction((tx) => write(tx, work, codec));
    const rows = await db.query<{ id: bigint; event_id: string; shard: number; value: Uint8Array }>(
      'SELECT * FROM outbox ORDER BY id',
    );
    expect(rows.map((row) => row.event_id)).toEqual(work.outbox.map((item) => item.value.event_id));
    expect(new Set(rows.map((row) => row.shard)).size).toBe(1);
    expect(codec.decode(TOPIC.journal, Buffer.from(rows[0]!.value))).toMatchObject({
      cause_kind: 'not_credited',
      cause_id: '0',
    });
  });

  it('discrepancies are kept once', async () => {
    for (let i = 0; i < 2; i++) {
      const work = new Work(new Date(NOW.getTime() + i));
      work.discrepancy('content_clash', 'payment:1', 'x');
      await db.transaction((tx) => write(tx, work, codec));
    }
    expect(await db.query('SELECT at FROM discrepancies')).toEqual([{ at: NOW }]);
  });
});

describe('intents', () => {
  const wake = async (dueAt: Date): Promise<void> => {
    const work = new Work(NOW);
    work.wake('payout:1', 'payout', '1', dueAt);
    await db.transaction((tx) => write(tx, work, codec));
  };
  const row = async () =>
    (
      await db.query<Record<string, unknown>>('SELECT state, due_at, attempt, polls, revision FROM intents')
    )[0];
  const later = new Date(NOW.getTime() + 5_000);

  it('a wish makes it due, or due sooner, never later', async () => {
    await wake(later);
    expect(await row()).toMatchObject({ state: 'due', due_at: later, revision: 1n });
    await wake(NOW);
    await wake(later);
    expect(await row()).toMatchObject({ due_at: NOW, revision: 3n });
  });

  it('one that is done begins again, one that is parked stays parked', async () => {
    await wake(NOW);
    await db.query("UPDATE intents SET state = 'done', attempt = 3, polls = 4");
    await wake(later);
    expect(await row()).toMatchObject({ state: 'due', due_at: later, attempt: 0, polls: 0 });
    await db.query("UPDATE intents SET state = 'parked', due_at = $1", [later]);
    await wake(NOW);
    expect(await row()).toMatchObject({ state: 'parked', due_at: later });
  });
});

describe('loading', () => {
  it('by keys finds each row once and leaves out what is not there', async () => {
    await seed();
    const work = new Work(NOW);
    const keys = [
      { client_id: CLIENT, asset: 'USDT' },
      { client_id: CLIENT, asset: 'ETH' },
      { client_id: 5n, asset: 'ETH' },
    ];
    const rows = await loadByKeys(db, work, tables.clientAccounts, keys);
    expect(rows.map((row) => row.asset)).toEqual(['USDT', 'ETH']);
    expect(await loadByKeys(db, work, tables.clientAccounts, [])).toEqual([]);
  });

  it('locking clients loads their accounts and the policy behind the lock; unknown ones are simply absent', async () => {
    await seed();
    const work = new Work(NOW);
    await lockClients(db, work, [CLIENT, 5n]);
    expect(work.all(tables.clientAccounts).map((row) => row.asset)).toEqual(['ETH', 'USDT']);
    expect(work.get(tables.clients, 5n)).toBeUndefined();
    await load(db, work, tables.plans, 'WHERE r.client_id = $1::bigint', [String(CLIENT)]);
    expect(work.all(tables.plans)).toEqual([]);
  });

  it('the counter of a partition that was never read is a fault', async () => {
    await expect(lockCreditCounter(db, new Work(NOW), 11)).rejects.toThrow('has no position yet');
  });
});

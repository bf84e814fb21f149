/** Two connections at once on one ledger: whoever comes second waits, sees what the first did, and nothing is done twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addClient, setClient } from '../../../gateway/api/clients.ts';
import { InputError } from '../../../gateway/api/input-error.ts';
import type { Database, Db } from '../../../ledger/db.ts';
import { CommitUnknownError } from '../../../ledger/db-errors.ts';
import { type ClientRow, payoutBatches } from '../../../ledger/tables.ts';
import { sweepPartition } from '../../../processors/accumulate/recurring.ts';
import type { PaymentFacts } from '../../../schemas/events.ts';
import { partitionOf } from '../../../schemas/partition.ts';
import { NOW, proposed, usdt } from '../../fixtures/ledger-rows.ts';
import { until } from '../runtime/support.ts';
import { codec, LedgerBench, THRESHOLD_500 } from './ledger-bench.ts';

let bench: LedgerBench;
let second: Database;
beforeAll(async () => {
  bench = await LedgerBench.open();
  second = bench.connect();
});
afterAll(async () => {
  await second.close();
  await bench.close();
});
beforeEach(() => {
  bench.time = NOW;
});

let lastPayment = 7_000_000_000;
let lastClient = -1_005_000_000_000n;

function pay(client: { client_id: bigint }, part: Partial<PaymentFacts> = {}) {
  lastPayment += 1;
  return proposed({ client_id: String(client.client_id), payment_id: String(lastPayment), ...part });
}

/** The next client id, in a given partition where it matters. */
function freshClient(partition?: number): bigint {
  do lastClient -= 1n;
  while (partition !== undefined && partitionOf(String(lastClient)) !== partition);
  return lastClient;
}

const own = (client: ClientRow) => `client_id = ${client.client_id}`;
const recurring = (db = bench.db) => ({ db, codec, clock: bench.clock, settings: { RATE_MAX_AGE: 300_000 } });
const api = (db = bench.db) => ({ db, codec, now: bench.clock.now });
const input = (id: bigint) => ({ ...THRESHOLD_500, clientId: String(id), title: 'channel', plans: [] });

interface Paused {
  readonly db: Database;
  /** Resolves when the statement has run in the first transaction that reaches it; it goes on after release(). */
  readonly reached: Promise<void>;
  release(): void;
}

/** The same database, whose first transaction stops behind the first statement that matches. */
function pausing(db: Database, match: RegExp): Paused {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let used = false;
  const stop = (tx: Db): Db => ({
    query: async <R>(text: string, values?: readonly unknown[], name?: string) => {
      const rows = await tx.query<R>(text, values, name);
      if (!used && match.test(text)) {
        used = true;
        reached.resolve();
        await released.promise;
      }
      return rows;
    },
  });
  const transaction: Database['transaction'] = (fn, options) => db.transaction((tx) => fn(stop(tx)), options);
  return { db: { ...db, transaction }, reached: reached.promise, release: () => released.resolve() };
}

/** Until a session of this ledger waits for a lock. */
const lockWait = () =>
  until('somebody waits for a lock', async () => {
    const rows = await second.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    return rows.length > 0;
  });

const CLIENT_LOCK = /FROM client_accounts r WHERE .* FOR UPDATE/s;

describe('one client registered twice at once', () => {
  test('one wins, the other is told [failure 107]', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = freshClient();
      const both = await Promise.allSettled([addClient(api(), input(id)), addClient(api(second), input(id))]);
      const lost = both.filter((one) => one.status === 'rejected');
      expect(lost).toHaveLength(1);
      expect(lost[0]!.reason).toBeInstanceOf(InputError);
      expect(lost[0]!.reason.message).toMatch(/exists already/);
      expect(await bench.count('client_accounts', `client_id = ${id}`)).toBe(2);
    }
  });

  test('a late second one never resets what was credited meanwhile [failures 43, 107]', async () => {
    const id = freshClient();
    const late = pausing(second, /FROM clients r/);
    const adding = addClient(api(late.db), input(id));
    await late.reached;
    const client = await bench.addClient({}, id);
    await bench.feed([pay(client)]);
    late.release();
    await expect(adding).rejects.toThrow(/exists already/);
    expect(await bench.account(client)).toMatchObject({ available: usdt('48.5').minor, last_seq: 1n });
    expect(await bench.broken()).toEqual([]);
  });
});

describe('credit and sweep', () => {
  test('a credit waits for a sweep that holds the client, and sees its payout [failures 10, 43]', async () => {
    const client = await bench.addClient();
    await bench.feed([pay(client), pay(client)]);
    await bench.db.query(`UPDATE clients SET payout_threshold_usd = 90 WHERE ${own(client)}`);
    const sweep = pausing(second, CLIENT_LOCK);
    const sweeping = sweepPartition(recurring(sweep.db), client.partition);
    await sweep.reached;
    const crediting = bench.feed([pay(client)]);
    await lockWait();
    sweep.release();
    await Promise.all([sweeping, crediting]);
    expect(await bench.rows(payoutBatches, own(client))).toMatchObject([
      { amount: usdt('97').minor, to_seq: 2n },
    ]);
    expect(await bench.account(client)).toMatchObject({
      available: usdt('48.5').minor,
      reserved: usdt('97').minor,
    });
    expect(await bench.broken()).toEqual([]);
  });

  test('a sweep waits for a credit that has not committed [failures 10, 43]', async () => {
    const client = await bench.addClient();
    await bench.feed([pay(client)]);
    await bench.db.query(`UPDATE clients SET payout_threshold_usd = 90 WHERE ${own(client)}`);
    const slow = pausing(second, CLIENT_LOCK);
    const other = bench.drive(slow.db, 'slow');
    await bench.takeOver(other);
    const crediting = bench.feed([pay(client)], {}, other);
    await slow.reached;
    const sweeping = sweepPartition(recurring(), client.partition);
    slow.release();
    await Promise.all([crediting, sweeping]);
    expect(await bench.rows(payoutBatches, own(client))).toMatchObject([
      { amount: usdt('97').minor, to_seq: 2n },
    ]);
    await bench.takeOver(bench.main);
    expect(await bench.broken()).toEqual([]);
  });

  test('two sweeps make one payout [failures 10, 43]', async () => {
    const client = await bench.addClient();
    await bench.feed([pay(client), pay(client)]);
    await bench.db.query(`UPDATE clients SET payout_threshold_usd = 90 WHERE ${own(client)}`);
    await Promise.all([
      sweepPartition(recurring(), client.partition),
      sweepPartition(recurring(second), client.partition),
    ]);
    expect(await bench.count('payout_batches', own(client))).toBe(1);
    expect(await bench.broken()).toEqual([]);
  });

  test('a refund and a sweep at once: the refund is taken from the balance or holds the payout, never both', async () => {
    for (let round = 0; round < 5; round += 1) {
      const client = await bench.addClient();
      const paid = [pay(client), pay(client)];
      await bench.feed(paid);
      await bench.db.query(`UPDATE clients SET payout_threshold_usd = 90 WHERE ${own(client)}`);
      const refund = pay(client, { payment_id: paid[0]!.payment.payment_id, payment_status: 'refunded' });
      await Promise.all([sweepPartition(recurring(second), client.partition), bench.feed([refund])]);
      const account = await bench.account(client);
      const [payout] = await bench.rows(payoutBatches, own(client));
      if (payout) {
        expect(payout).toMatchObject({ state: 'on_hold', amount: usdt('97').minor });
        expect(account).toMatchObject({ available: 0n, debt: usdt('48.5').minor });
      } else {
        expect(account).toMatchObject({ available: usdt('48.5').minor, debt: 0n });
      }
    }
    expect(await bench.broken()).toEqual([]);
  });
});

describe('a change of policy', () => {
  test('that holds the client is what the waiting batch reads [failure H23]', async () => {
    const client = await bench.addClient({ thresholdUsd: '40' });
    const address = '0x00000000000000000000000000000000000000C1';
    const change = pausing(second, CLIENT_LOCK);
    const changing = setClient(api(change.db), String(client.client_id), {
      currency: 'usdt',
      network: 'eth',
      address,
    });
    await change.reached;
    const crediting = bench.feed([pay(client)]);
    await lockWait();
    change.release();
    await Promise.all([changing, crediting]);
    expect(await bench.rows(payoutBatches, own(client))).toMatchObject([{ currency: 'usdt', address }]);
    expect(await bench.broken()).toEqual([]);
  });

  test('waits for a batch under way, whose payout keeps the wallet that was current [failure H23]', async () => {
    const client = await bench.addClient({ thresholdUsd: '40' });
    const slow = pausing(second, CLIENT_LOCK);
    const other = bench.drive(slow.db, 'slow');
    await bench.takeOver(other);
    const crediting = bench.feed([pay(client)], {}, other);
    await slow.reached;
    const changing = setClient(api(), String(client.client_id), { thresholdUsd: '700' });
    await lockWait();
    slow.release();
    const [, changed] = await Promise.all([crediting, changing]);
    expect(changed).toMatchObject({ revision: 2n, payout_threshold_usd: '700' });
    expect(await bench.rows(payoutBatches, own(client))).toMatchObject([
      { currency: 'xmr', amount: usdt('48.5').minor },
    ]);
    await bench.takeOver(bench.main);
    expect(await bench.broken()).toEqual([]);
  });
});

describe('a batch', () => {
  test('that loses a deadlock is repeated and applied once', async () => {
    const one = await bench.addClient();
    const two = await bench.addClient({}, freshClient(one.partition));
    const lock = (tx: Db, id: bigint) =>
      tx.query('SELECT 1 FROM client_accounts WHERE client_id = $1 FOR UPDATE', [id]);
    const deadlocks = async () => {
      await second.query('SELECT pg_stat_force_next_flush()');
      const [row] = await second.query<{ deadlocks: bigint }>(
        'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
      );
      return row!.deadlocks;
    };
    const before = await deadlocks();
    // The smaller id is locked first everywhere; this one comes from the other side, and is the patient one of the two.
    const [low, high] = [two.client_id, one.client_id].sort((a, b) => (a < b ? -1 : 1));
    const inOrder = bench.append(
      [pay(one), pay(two)].map((value) => value),
      { key: String(one.client_id) },
    );
    const records = inOrder.records.map((record, index) => ({
      ...record,
      key: String([one, two][index]!.client_id),
    }));
    bench.log.set(one.partition, [...bench.log.get(one.partition)!.slice(0, -2), ...records]);
    let crediting: Promise<unknown> = Promise.resolve();
    await second.transaction(async (tx) => {
      await tx.query("SET LOCAL deadlock_timeout = '20s'");
      await lock(tx, high!);
      crediting = bench.process({ ...inOrder, records });
      await lockWait();
      await lock(tx, low!);
    });
    await crediting;
    expect(await deadlocks()).toBeGreaterThan(before);
    for (const client of [one, two])
      expect(await bench.account(client)).toMatchObject({ available: usdt('48.5').minor, last_seq: 1n });
    expect(await bench.broken()).toEqual([]);
  });

  test('of an owner that was replaced writes nothing; the new owner applies it [failure 43]', async () => {
    const client = await bench.addClient();
    const next = bench.drive(second, 'next');
    const batch = bench.append([pay(client)]);
    await bench.takeOver(next, false);
    expect(await bench.process(batch)).toBe('fenced');
    expect(await bench.account(client)).toMatchObject({ available: 0n });
    expect(await bench.process(batch, next)).toBe('done');
    expect(await bench.account(client)).toMatchObject({ available: usdt('48.5').minor, last_seq: 1n });
    await bench.takeOver(bench.main);
    expect(await bench.broken()).toEqual([]);
  });

  test('under way when its owner is replaced: the takeover waits for it and goes on behind it', async () => {
    const client = await bench.addClient();
    const slow = pausing(second, CLIENT_LOCK);
    const zombie = bench.drive(slow.db, 'zombie');
    await bench.takeOver(zombie);
    const batch = bench.append([pay(client)]);
    const late = bench.process(batch, zombie);
    await slow.reached;
    const taking = bench.takeOver(bench.main);
    await lockWait();
    slow.release();
    expect(await late).toBe('done');
    await taking;
    expect(await bench.process(batch)).toBe('below');
    expect(await bench.account(client)).toMatchObject({ last_seq: 1n });
    expect(await bench.feed([pay(client)], {}, zombie)).toBe('fenced');
    expect(await bench.account(client)).toMatchObject({ last_seq: 1n });
  });
});

describe('a COMMIT without an answer', () => {
  test('that was undone, its session killed: the batch is applied once', async () => {
    await bench.takeOver(bench.main);
    // Sleeps inside COMMIT, the first time only, so that it can be killed there.
    await second.query(`CREATE SEQUENCE slow_commits;
      CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('slow_commits') = 1 THEN PERFORM pg_sleep(20); END IF; RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON payout_accumulation DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slow_commit()`);
    const client = await bench.addClient();
    const crediting = bench.feed([pay(client)]);
    const killed = await until('the session is killed in COMMIT', async () => {
      const rows = await second.query<{ done: boolean }>(
        `SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
          WHERE datname = current_database() AND query = 'COMMIT' AND wait_event = 'PgSleep'`,
      );
      return rows.length === 1 && rows[0]!.done;
    });
    expect(killed).toBe(true);
    expect(await crediting).toBe('done');
    await second.query('DROP TRIGGER slow_commit ON payout_accumulation');
    expect(await bench.account(client)).toMatchObject({ available: usdt('48.5').minor, last_seq: 1n });
    expect(await bench.count('payout_accumulation', own(client))).toBe(1);
  });

  test('that was done: the batch is recognised as its own [failure 44]', async () => {
    const client = await bench.addClient();
    let lost = 0;
    const transaction: Database['transaction'] = async (fn, options) => {
      const result = await second.transaction(fn, options);
      if (lost++ === 0) throw new CommitUnknownError(new Error('the answer was lost'));
      return result;
    };
    const driven = bench.drive({ ...second, transaction }, 'unlucky');
    await bench.takeOver(driven);
    expect(await bench.feed([pay(client)], {}, driven)).toBe('done');
    expect(lost).toBe(1);
    expect(await bench.account(client)).toMatchObject({ available: usdt('48.5').minor, last_seq: 1n });
    expect(await bench.count('payout_accumulation', own(client))).toBe(1);
  });
});

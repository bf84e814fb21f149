/** Every invariant holds after a flow, turns false when its table is tampered with, and says when it could not be checked. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Db } from '../../../ledger/db.ts';
import { type Check, checkInvariants } from '../../../ledger/invariants.ts';
import { writeRows } from '../../../ledger/sql/write-rows.ts';
import { type ClientRow, wallets } from '../../../ledger/tables.ts';
import { checkChain } from '../../../processors/reconcile/chain-check.ts';
import { checkMarket } from '../../../processors/reconcile/market-check.ts';
import { createChain } from '../../../providers/evm/chain.ts';
import { NOW, proposed } from '../../fixtures/ledger-rows.ts';
import { INSTANT, LedgerBench } from '../in/ledger-bench.ts';

let bench: LedgerBench;
let client: ClientRow;

beforeAll(async () => {
  bench = await LedgerBench.open();
  client = await bench.addClient();
  const instant = await bench.addClient(INSTANT);
  const pay = (one: ClientRow, id: string, strategy: string, outcome_amount = '0.0125') =>
    proposed({ client_id: String(one.client_id), payment_id: id, outcome_amount }, { strategy });
  await bench.feed(Array.from({ length: 12 }, (_, index) => pay(client, `1${index}`, 'threshold')));
  await bench.feed([pay(instant, '21', 'instant'), pay(instant, '22', 'instant', '0.001')]);
  const refunded = { ...pay(client, '111', 'threshold').payment, payment_status: 'refunded' };
  await bench.feed([proposed(refunded)]);
});
afterAll(() => bench.close());

class Undo extends Error {}

/** Names of the checks that are not true while `statement` holds. */
async function tampered(statement: string): Promise<string[]> {
  let checks: Check[] = [];
  const undone = bench.db.transaction(async (tx) => {
    const done = await tx.query(`${statement} RETURNING 1`);
    expect(done.length, 'the tampering must touch something').toBeGreaterThan(0);
    checks = await checkInvariants(tx);
    throw new Undo();
  });
  await expect(undone).rejects.toBeInstanceOf(Undo);
  return checks.filter(({ ok }) => ok !== true).map(({ name }) => name);
}

test('all hold after a flow with payouts and a refund', async () => {
  expect(await bench.broken()).toEqual([]);
});

describe('a check turns false when', () => {
  const own = () => `client_id = ${client.client_id}`;
  test.each([
    [
      'accounts_sum_to_zero',
      'a balance of a client is raised',
      () => `UPDATE client_accounts SET available = available + 1 WHERE ${own()} AND asset = 'USDT'`,
    ],
    [
      'accounts_sum_to_zero',
      'a balance of the wallet is raised',
      () =>
        "UPDATE wallet_accounts SET balance = balance + 1 WHERE account = 'wallet:host' AND asset = 'ETH'",
    ],
    [
      'totals_equal_transfers',
      'a total is changed',
      () => "UPDATE gl_totals SET amount = amount + 1 WHERE credit = 'platform:fees' AND asset = 'USDT'",
    ],
    [
      'totals_equal_transfers',
      'a transfer is deleted',
      () => "DELETE FROM gl_transfers WHERE cause_kind = 'payout_created' AND asset = 'ETH'",
    ],
    [
      'custody',
      'money is in custody that never came in',
      () =>
        "UPDATE wallet_accounts SET balance = balance + 1 WHERE account = 'swap:in_transit' AND asset = 'USDT'",
    ],
    [
      'cover_at_book',
      'more is owed than is covered',
      () =>
        `UPDATE client_accounts SET unvalued = unvalued + 1000000000000000000 WHERE ${own()} AND asset = 'ETH'`,
    ],
    [
      'control_accounts',
      'the sum of the clients differs from the general ledger',
      () => `UPDATE client_accounts SET debt = debt + 1 WHERE ${own()} AND asset = 'USDT'`,
    ],
    [
      'credits_equal_payments',
      'a payment of a batch is deleted',
      () => `DELETE FROM payout_accumulation WHERE ${own()} AND payment_id = '10'`,
    ],
    [
      'credits_equal_payments',
      'a fee is moved within a payment',
      () =>
        `UPDATE payout_accumulation SET fee = fee + 1, net = net - 1 WHERE ${own()} AND payment_id = '10'`,
    ],
    [
      'available_equals_open_entries',
      'an open entry is deleted',
      () => `DELETE FROM client_entries WHERE ${own()} AND kind = 'refund'`,
    ],
    [
      'reserved_equals_open_payouts',
      'a payout is cancelled without its postings',
      () => `UPDATE payout_batches SET state = 'cancelled' WHERE ${own()}`,
    ],
    [
      'payouts_own_their_entries',
      'the amount of a payout is changed',
      () => `UPDATE payout_batches SET amount = amount + 1 WHERE ${own()}`,
    ],
    [
      'payouts_own_their_entries',
      'a range is stretched over another entry',
      () => `UPDATE payout_batches SET to_seq = to_seq + 1 WHERE ${own()}`,
    ],
    [
      'position_equals_open_batches',
      'a credit batch is deleted',
      () => `DELETE FROM credit_batches WHERE partition = ${client.partition} AND number = 1`,
    ],
    [
      'payment_ids_of_one_client',
      'a payment is moved to another client',
      () => "UPDATE payment_status SET payment_id = '21' WHERE payment_id = '10'",
    ],
  ])('%s: %s [failure 12]', async (name, _what, statement) => {
    expect(await tampered(statement())).toContain(name);
  });

  test('each invariant is among them', async () => {
    const all = (await checkInvariants(bench.db)).map(({ name }) => name);
    expect(all).toHaveLength(11);
  });
});

describe('a check that cannot be run', () => {
  test('is not true, says why, and does not keep the others from running [failure 41]', async () => {
    let checks: Check[] = [];
    const undone = bench.db.transaction(async (tx) => {
      await tx.query('ALTER TABLE credit_batches RENAME TO hidden');
      checks = await checkInvariants(tx);
      throw new Undo();
    });
    await expect(undone).rejects.toBeInstanceOf(Undo);
    const failed = checks.filter(({ ok }) => ok !== true);
    expect(failed).toMatchObject([
      {
        name: 'position_equals_open_batches',
        ok: null,
        detail: expect.stringMatching(/could not be checked/),
      },
    ]);
  });
});

describe('cover at market', () => {
  const at = (tx: Db, rate: string) => tx.query('UPDATE rates SET usdt_per_eth = $1', [rate]);

  test('holds at the rate of the locks, fails when ETH falls, is not known without a rate', async () => {
    expect(await checkMarket(bench.db, NOW, 300_000)).toMatchObject({ ok: true });
    const undone = bench.db.transaction(async (tx) => {
      await at(tx, '2000');
      expect(await checkMarket(tx, NOW, 300_000)).toMatchObject({
        ok: false,
        difference: expect.stringMatching(/^-\d+ USDT$/),
      });
      throw new Undo();
    });
    await expect(undone).rejects.toBeInstanceOf(Undo);
    const later = new Date(NOW.getTime() + 300_001);
    expect(await checkMarket(bench.db, later, 300_000)).toMatchObject({
      ok: null,
      detail: expect.stringMatching(/no usable rate/),
    });
  });
});

describe('the wallet against the chain', () => {
  const chainId = 31_337n;
  const address = '0x00000000000000000000000000000000000A11cE';
  const balances = { ETH: 5_000n, USDT: 70n };
  const chain = {
    balances: async (_: string, block: number | 'finalized') => ({ ...balances, block: Number(block) }),
    nonceAt: async (_address: string, _block: number) => 0,
  };
  const check = (other: Partial<typeof chain> = {}) =>
    checkChain({ db: bench.db, chain: { ...chain, ...other }, chainId, address, chainTries: 1 });

  test('is not known before the wallet was scanned, equal after, and false when either side moves [failures 12, 22]', async () => {
    expect(await check()).toMatchObject({ ok: null, detail: 'the wallet was not scanned yet' });
    await writeRows(
      bench.db,
      wallets,
      [
        {
          chain_id: chainId,
          address: address.toLowerCase(),
          next_nonce: 0n,
          halted: null,
          cursor_block: 12n,
        },
      ],
      'insert',
    );
    expect(await check()).toMatchObject({ ok: false, difference: '5000 ETH, 70 USDT' });
    await bench.db.query(
      "UPDATE wallet_accounts SET balance = 5000 WHERE account = 'wallet:gas' AND asset = 'ETH'",
    );
    await bench.db.query(
      "INSERT INTO chain_deposits (hash, log_index, block, asset, from_address, amount) VALUES ('0x1', 0, 11, 'USDT', '0x2', 70)",
    );
    expect(await check()).toMatchObject({ ok: true, difference: '0 ETH, 0 USDT' });
  });

  test('is not known while a transaction of ours is not booked, or when no node answers', async () => {
    expect(await check({ nonceAt: async () => 1 })).toMatchObject({
      ok: null,
      detail: expect.stringMatching(/had sent 1 transactions, 0 are booked/),
    });
    const dead = createChain({
      rpcUrls: ['http://127.0.0.1:1'],
      chainId,
      usdtContract: address,
      timeoutMs: 100,
    });
    expect(await check({ balances: dead.balances, nonceAt: dead.nonceAt })).toMatchObject({
      ok: null,
      detail: expect.stringMatching(/could not be checked/),
    });
    dead.close();
  });
});

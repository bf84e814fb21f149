/** A few seeds in every test run, and what the simulation itself must be: repeatable, and able to fail. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../ledger/db.ts';
import { audit } from './auditor.ts';
import { type PgliteDatabase, WarmPglite } from './database.ts';
import { FAULT_NAMES, parseFaults } from './faults.ts';
import { Random } from './random.ts';
import { simulate } from './run.ts';
import type { World } from './world.ts';

let warm: WarmPglite;

beforeAll(async () => {
  warm = await WarmPglite.open();
}, 60_000);
afterAll(() => warm?.close());

/** The same database for somebody who is in a transaction already: what was tampered with is undone afterwards. */
function within(plain: Database): Database {
  const query: Database['query'] = (...statement) => plain.query(...statement);
  return { ...plain, query, transaction: (fn) => fn({ query }) };
}

describe('simulation', () => {
  it.each(['1', '2', '3'])(
    'seed %s comes to rest and the second bookkeeper agrees',
    { timeout: 60_000 },
    async (seed) => {
      const result = await simulate(warm, { seed });
      expect(result.problems).toEqual([]);
      expect(result.payments).toBeGreaterThanOrEqual(20);
    },
  );

  it('the same seed gives the same trace, another seed another', { timeout: 90_000 }, async () => {
    const one = await simulate(warm, { seed: '5' });
    const other = await simulate(warm, { seed: '6' });
    const again = await simulate(warm, { seed: '5' });
    expect(again.hash).toBe(one.hash);
    expect(other.hash).not.toBe(one.hash);
  });

  it('the auditor sees a single unit that is somewhere else', { timeout: 60_000 }, async () => {
    const noticed = new Map<string, readonly string[]>();
    const tampered = async (world: World, sql: string): Promise<void> => {
      warm.session.exec('BEGIN');
      await world.plain.query(sql);
      noticed.set(sql, await audit({ ...world, plain: within(world.plain) as PgliteDatabase }));
      warm.session.exec('ROLLBACK');
    };
    const acts = [
      "UPDATE client_accounts SET available = available + 1 WHERE asset = 'USDT'",
      "UPDATE wallet_accounts SET balance = balance + 1 WHERE account = 'wallet:host' AND asset = 'ETH'",
      'UPDATE payout_accumulation SET gross = gross + 1, net = net + 1 WHERE seq = 1',
      'DELETE FROM payout_accumulation WHERE seq = 1',
      'UPDATE gl_transfers SET amount = amount + 1 WHERE line = 0',
      "UPDATE payout_batches SET amount = amount + 1 WHERE state = 'completed'",
      "UPDATE payout_batches SET revision = revision + 1 WHERE state = 'completed'",
      "UPDATE transfers SET amount = amount + 1 WHERE state = 'final'",
      'UPDATE payment_status SET confirmed = 0 WHERE confirmed > 0',
    ];
    const result = await simulate(warm, {
      seed: '4',
      faults: [],
      beforeAudit: async (world) => {
        for (const sql of acts) await tampered(world, sql);
      },
    });
    expect(result.problems).toEqual([]);
    for (const sql of acts) expect(noticed.get(sql), sql).not.toEqual([]);
  });
});

describe('chance', () => {
  it('is the same on every machine', () => {
    const random = new Random('1');
    expect([random.int(0, 1_000_000), random.int(0, 1_000_000), random.uuid()]).toMatchInlineSnapshot(`
      [
        653639,
        72252,
        "0a95de84-6ef8-9b0f-bef8-29042fc80c8e",
      ]
    `);
  });

  it('names of faults are checked', () => {
    expect(parseFaults('crash, stall')).toEqual(['crash', 'stall']);
    expect(parseFaults('all')).toBeUndefined();
    expect(parseFaults('none')).toEqual([]);
    expect(() => parseFaults('rain')).toThrow('"rain" is not a fault');
    expect(FAULT_NAMES.length).toBeGreaterThan(10);
  });
});

/** The platform's own money and the fee schedule, booked once or refused in words. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CapitalMove, depositCapital, setFee, withdrawCapital } from '../../../gateway/api/capital.ts';
import { feeInForce } from '../../../ledger/sql/fee-in-force.ts';
import { writeRows } from '../../../ledger/sql/write-rows.ts';
import { chainDeposits } from '../../../ledger/tables.ts';
import { eth, usdt } from '../../fixtures/ledger-rows.ts';
import { codec, LedgerBench } from '../in/ledger-bench.ts';

let bench: LedgerBench;
beforeAll(async () => {
  bench = await LedgerBench.open();
});
afterAll(() => bench.close());

let lastHash = 0;
const freshHash = () => `0x${(++lastHash).toString(16).padStart(64, 'a')}`;
const api = () => ({ db: bench.db, codec, now: bench.clock.now });
const gas = (part: Partial<CapitalMove> = {}): CapitalMove => ({
  account: 'wallet:gas',
  amount: eth('10'),
  tx: null,
  reference: `opening ${++lastHash}`,
  ...part,
});

/** What the scan of finalized blocks writes. */
const scanned = (hash: string, asset: 'ETH' | 'USDT', amount: bigint, log_index = -1) =>
  writeRows(
    bench.db,
    chainDeposits,
    [{ hash, log_index, block: 7n, asset, from_address: '0x1', amount, used_for: null, used_id: null }],
    'insert',
  );

async function balance(account: string, asset: string): Promise<bigint> {
  const [row] = await bench.db.query<{ balance: string }>(
    'SELECT balance::text AS balance FROM wallet_accounts WHERE account = $1 AND asset = $2',
    [account, asset],
  );
  return BigInt(row!.balance);
}

describe('a deposit', () => {
  test('with a transaction waits until that is scanned, and is booked once', async () => {
    const tx = freshHash();
    const before = await balance('wallet:gas', 'ETH');
    const booking = depositCapital(api(), gas({ tx: tx.toUpperCase().replace('0X', '0x') }));
    const first = await Promise.race([booking.then(() => 'booked'), pause(400, 'waiting')]);
    expect(first).toBe('waiting');
    await scanned(tx, 'ETH', eth('10').minor);
    await booking;
    expect(await balance('wallet:gas', 'ETH')).toBe(before + eth('10').minor);
    await expect(depositCapital(api(), gas({ tx }))).rejects.toThrow(/already booked as capital/);
    expect(await balance('wallet:gas', 'ETH')).toBe(before + eth('10').minor);
    expect(await bench.rows(chainDeposits, `hash = '${tx}'`)).toMatchObject([{ used_for: 'capital' }]);
    expect(await bench.broken()).toEqual([]);
  });

  test('of another amount than the transaction brought is refused with both', async () => {
    const tx = freshHash();
    await scanned(tx, 'ETH', eth('9.5').minor);
    await expect(depositCapital(api(), gas({ tx }))).rejects.toThrow(
      'amount "10": the transaction brought 9.5',
    );
  });

  test('of a transaction that brought several amounts takes the one that fits', async () => {
    const tx = freshHash();
    await scanned(tx, 'USDT', usdt('5').minor, 0);
    await scanned(tx, 'USDT', usdt('7').minor, 1);
    const host = (amount: string) => gas({ account: 'wallet:host', amount: usdt(amount), tx });
    await depositCapital(api(), host('7'));
    await depositCapital(api(), host('5'));
    await expect(depositCapital(api(), host('5'))).rejects.toThrow(/already booked/);
    expect(await balance('wallet:host', 'USDT')).toBe(usdt('12').minor);
    expect(await bench.broken()).toEqual([]);
  });

  test('of a transaction that nobody sees is given up, saying what to look at', async () => {
    const late = depositCapital(api(), gas({ tx: freshHash() }), 0);
    await expect(late).rejects.toThrow(/not seen in a finalized block yet; is the role `payout` running\?/);
  });

  test('without a transaction is booked once per reference, also by two at once', async () => {
    const move = gas({ amount: eth('1') });
    const before = await balance('wallet:gas', 'ETH');
    const both = await Promise.allSettled([depositCapital(api(), move), depositCapital(api(), move)]);
    const refused = both.filter((one) => one.status === 'rejected');
    expect(refused).toHaveLength(1);
    expect(refused[0]!.reason.message).toMatch(/^reference "opening \d+": it is booked already/);
    expect(await balance('wallet:gas', 'ETH')).toBe(before + eth('1').minor);
    expect(await bench.broken()).toEqual([]);
  });
});

test('a withdrawal takes what is there, and not more', async () => {
  await depositCapital(api(), gas({ amount: eth('2') }));
  await withdrawCapital(api(), gas({ amount: eth('1.5') }));
  const left = await balance('wallet:gas', 'ETH');
  const more = gas({ amount: { asset: 'ETH', minor: left + 1n } });
  await expect(withdrawCapital(api(), more)).rejects.toThrow(
    /^amount "[\d.]+": wallet:gas does not hold that much/,
  );
  expect(await balance('wallet:gas', 'ETH')).toBe(left);
  expect(await bench.broken()).toEqual([]);
});

test('a fee holds from its time on; payments before keep theirs [failure 7]', async () => {
  const from = new Date(bench.clock.now().getTime() + 60_000);
  await setFee(api(), 250, from);
  expect(await feeInForce(bench.db, new Date(from.getTime() - 1))).toBe(300);
  expect(await feeInForce(bench.db, from)).toBe(250);
  await setFee(api(), 0, from);
  expect(await feeInForce(bench.db, from)).toBe(0);
});

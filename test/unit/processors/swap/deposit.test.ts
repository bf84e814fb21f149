/** Which coins on chain are meant: by hash, asset and, where one transaction pays twice, by amount. */
import { expect, test } from 'vitest';
import { type ChainDepositRow, chainDeposits } from '../../../../ledger/tables.ts';
import { Work } from '../../../../ledger/work.ts';
import { chainHash, depositsOf, meantDeposit, useDeposit } from '../../../../processors/swap/deposit.ts';
import { NOW, usdt } from '../../../fixtures/ledger-rows.ts';
import { hash } from '../../../fixtures/out-desk.ts';

function deposit(log_index: number, amount: string, part: Partial<ChainDepositRow> = {}): ChainDepositRow {
  return {
    hash: hash(1),
    log_index,
    block: 5n,
    asset: 'USDT',
    from_address: '0x1',
    amount: usdt(amount).minor,
    used_for: null,
    used_id: null,
    ...part,
  };
}

function workOf(...rows: readonly ChainDepositRow[]): Work {
  const work = new Work(NOW);
  work.load(chainDeposits, rows);
  return work;
}

const mixed = `0x${'aB'.repeat(32)}`;

test.each([
  [hash(1), hash(1)],
  [mixed, mixed.toLowerCase()],
  [null, null],
  ['', null],
  [`${hash(1)}0`, null],
  [hash(1).slice(0, -1), null],
  [` ${hash(1)}`, null],
  [`${hash(1)}\n`, null],
  [hash(1).slice(2), null],
  ['the hash of a monero transaction', null],
])('%j as a hash of our chain: %s', (told, expected) => {
  expect(chainHash(told)).toBe(expected);
});

test('the deposits of a transaction: its own, of that asset, unused, in their order', () => {
  const work = workOf(
    deposit(9, '3'),
    deposit(2, '1'),
    deposit(5, '2'),
    deposit(1, '4', { hash: hash(2) }),
    deposit(3, '5', { asset: 'ETH' }),
    deposit(4, '6', { used_for: 'receipt', used_id: 'x' }),
  );
  expect(depositsOf(work, hash(1), 'USDT').map(({ log_index }) => log_index)).toEqual([2, 5, 9]);
  expect(depositsOf(work, null, 'USDT')).toEqual([]);
  expect(depositsOf(work, 'none', 'USDT')).toEqual([]);
});

test('the one that is meant', () => {
  const one = workOf(deposit(2, '1'), deposit(1, '4', { hash: hash(2) }));
  expect(meantDeposit(one, hash(1), 'USDT', '77')).toMatchObject({ log_index: 2 });
  expect(meantDeposit(one, hash(1), 'USDT', null)).toMatchObject({ log_index: 2 });
  expect(meantDeposit(one, hash(3), 'USDT', '1')).toBeUndefined();
  const two = workOf(deposit(2, '1'), deposit(5, '2'));
  expect(meantDeposit(two, hash(1), 'USDT', '2.00')).toMatchObject({ log_index: 5 });
  expect(meantDeposit(two, hash(1), 'USDT', '3')).toBeUndefined();
  expect(meantDeposit(two, hash(1), 'USDT', null)).toBeUndefined();
});

test('used once, by one', () => {
  const work = workOf(deposit(2, '1'));
  useDeposit(work, deposit(2, '1'), 'proceeds', 'c');
  expect(work.changed(chainDeposits)).toMatchObject([{ used_for: 'proceeds', used_id: 'c' }]);
  expect(depositsOf(work, hash(1), 'USDT')).toEqual([]);
});

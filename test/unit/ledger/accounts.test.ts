/** What holds of the chart of accounts for those who read it. */
import { expect, it } from 'vitest';
import { ROW_ACCOUNTS } from '../../../ledger/accounts.ts';

it('the accounts that can never fall below zero, each kept in one row, are those of the wallet and what is in transit', () => {
  expect(ROW_ACCOUNTS).toEqual([
    'wallet:host',
    'wallet:gas',
    'wallet:gas_held',
    'wallet:sending',
    'swap:in_transit',
  ]);
});

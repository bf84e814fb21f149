/** The chart of accounts (money.md): every account, its class, and in how many rows it is kept. */

export type AccountClass = 'asset' | 'trading' | 'liability' | 'income' | 'cost' | 'equity';

export interface AccountInfo {
  readonly class: AccountClass;
  /** row: one row, sign enforced by the database; partition: a row per partition; client: control account of client rows. */
  readonly kept: 'row' | 'partition' | 'client';
}

export const ACCOUNTS = {
  'wallet:incoming': { class: 'asset', kept: 'partition' },
  'wallet:host': { class: 'asset', kept: 'row' },
  'wallet:gas': { class: 'asset', kept: 'row' },
  'wallet:gas_held': { class: 'asset', kept: 'row' },
  'wallet:sending': { class: 'asset', kept: 'row' },
  'swap:in_transit': { class: 'asset', kept: 'row' },
  'position:open': { class: 'trading', kept: 'partition' },
  'client:available': { class: 'liability', kept: 'client' },
  'client:reserved': { class: 'liability', kept: 'client' },
  'client:unvalued': { class: 'liability', kept: 'client' },
  'client:debt': { class: 'asset', kept: 'client' },
  'platform:fees': { class: 'income', kept: 'partition' },
  'platform:rate_variance': { class: 'income', kept: 'partition' },
  'platform:gas': { class: 'cost', kept: 'partition' },
  'platform:provider_costs': { class: 'cost', kept: 'partition' },
  'platform:dust': { class: 'income', kept: 'partition' },
  'platform:capital': { class: 'equity', kept: 'partition' },
} as const satisfies Record<string, AccountInfo>;

export type AccountName = keyof typeof ACCOUNTS;
export const ACCOUNT_NAMES = Object.keys(ACCOUNTS) as AccountName[];

/** Accounts whose sign the database enforces in one row per asset. */
export const ROW_ACCOUNTS = ACCOUNT_NAMES.filter((name) => ACCOUNTS[name].kept === 'row');

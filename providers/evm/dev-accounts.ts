/**
 * Who is who on the development chain. The keys come from the phrase that every anvil starts with; it is
 * public, so these accounts own nothing on any other chain.
 */
import { HDNodeWallet } from 'ethers';

export const DEV_MNEMONIC = 'test test test test test test test test test test test junk';

export interface DevAccount {
  readonly address: string;
  /** Private key, hex. */
  readonly key: string;
}

/** Index in anvil's list of funded accounts. */
export const DEV_ACCOUNTS = { deployer: 0, nowpayments: 1, changenow: 2, funder: 3 } as const;

/** The account with that role; anvil gives each 10,000 ETH. */
export function devAccount(role: keyof typeof DEV_ACCOUNTS): DevAccount {
  const wallet = derive(`m/44'/60'/0'/0/${DEV_ACCOUNTS[role]}`);
  return { address: wallet.address, key: wallet.privateKey };
}

const depositRoot = derive("m/44'/60'/2'/0");

/** A deposit address that nobody else was given; `index` counts from 0. */
export function devDepositAddress(index: number): string {
  return depositRoot.deriveChild(index).address;
}

function derive(path: string): HDNodeWallet {
  return HDNodeWallet.fromPhrase(DEV_MNEMONIC, '', path);
}

/** The settings of every simulation: the product's defaults, with shorter waits where virtual time would only be idle. */
import { computeAddress } from 'ethers';
import { readSettings } from '../../schemas/settings.ts';

/** A key that holds nothing anywhere. */
export const HOST_KEY = `0x${'5b'.repeat(32)}`;
export const IPN_SECRET = 'simulated-ipn-secret';
export const ORDER_SECRET = 'simulated-order-secret';

const ENV = {
  EVM_CHAIN_ID: '31337',
  HOST_WALLET_ADDRESS: computeAddress(HOST_KEY),
  USDT_CONTRACT: '0xdAC17F958D2ee523a2206206994597C13D831ec7',
  PARTIAL_AFTER: '2m',
  MISSED_AFTER: '2m',
  MISSED_UNTIL: '20m',
  PAYOUT_APPROVAL_USD: '170',
  RATE_MAX_AGE: '2m',
  CONVERSION_MAX_AGE: '5m',
  HOST_WALLET_KEY: HOST_KEY,
  LOG_LEVEL: 'silent',
};

function noFiles(path: string): string {
  throw new Error(`the simulation reads no files: ${path}`);
}

export const SETTINGS = readSettings(
  ENV,
  ['EVM_CHAIN_ID', 'HOST_WALLET_ADDRESS', 'HOST_WALLET_KEY', 'USDT_CONTRACT'],
  noFiles,
);

export type SimSettings = typeof SETTINGS;

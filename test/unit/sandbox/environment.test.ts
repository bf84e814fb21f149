/** What is embedded, and which development secret may be used with it. */
import { expect, test } from 'vitest';
import { addressesOf } from '../../../sandbox/addresses.ts';
import { restartDelay } from '../../../sandbox/backoff.ts';
import { lastLineOf } from '../../../sandbox/command.ts';
import { embedded, usableSecrets } from '../../../sandbox/environment.ts';
import { javaMajor } from '../../../sandbox/java.ts';

const SECRETS = {
  ORDER_SECRET: 'o',
  NOWPAYMENTS_IPN_SECRET: 'i',
  NOWPAYMENTS_API_KEY: 'n',
  CHANGENOW_API_KEY: 'c',
  HOST_WALLET_KEY: '0x01',
};

test('an address that is set, directly or by file, is not embedded', () => {
  const env = { KAFKA_BROKERS: 'k:9092', DATABASE_URL_FILE: '/run/secrets/db', PRICE_FEED_URL: ' ' };
  expect([...embedded(env)].sort()).toEqual(['chain', 'changenow', 'nowpayments', 'prices', 'registry']);
});

test('a development secret never goes to a real provider or chain', () => {
  expect(usableSecrets({}, SECRETS)).toEqual(SECRETS);
  expect(usableSecrets({ NOWPAYMENTS_API_URL: 'https://real.example' }, SECRETS)).toEqual({
    ORDER_SECRET: 'o',
    CHANGENOW_API_KEY: 'c',
    HOST_WALLET_KEY: '0x01',
  });
  expect(usableSecrets({ USDT_CONTRACT: '0x00' }, SECRETS)).not.toHaveProperty('HOST_WALLET_KEY');
  expect(usableSecrets({ ORDER_SECRET: 'mine' }, SECRETS)).not.toHaveProperty('ORDER_SECRET');
});

test('stack.json has no password in it', () => {
  const env = {
    DATABASE_URL: 'postgres://ann:hunter2@db.example:5432/ledger',
    EVM_RPC_URLS: 'http://a, http://b',
  };
  const addresses = addressesOf(env, []);
  expect(addresses.database).toBe('postgres://ann@db.example:5432/ledger');
  expect(addresses.chain).toBe('http://a');
});

test('the restart delay doubles up to half a minute', () => {
  expect([1, 2, 3, 4].map(restartDelay)).toEqual([500, 1_000, 2_000, 4_000]);
  expect(restartDelay(1_000)).toBe(30_000);
});

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['openjdk version "21" 2023-09-19', 21],
  ['java version "1.8.0_402"', 8],
  ['command not found', null],
])('the Java of %j is %s', (output, major) => {
  expect(javaMajor(output)).toBe(major);
});

test('the one line of a failure is the telling one', () => {
  expect(lastLineOf('start\nspillway: topics: no brokers\nbye')).toBe('topics: no brokers');
  expect(lastLineOf('x\nTypeError: a is not b\n    at c (d.ts:1:1)\n\nNode.js v24\n')).toBe(
    'TypeError: a is not b',
  );
  expect(lastLineOf('')).toBe('no output');
});

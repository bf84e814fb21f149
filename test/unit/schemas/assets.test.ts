/** The catalogue: codes are read in any case, what it does not know is nothing, and no default stands in for it. */
import { describe, expect, it } from 'vitest';
import { ASSETS, assetOfNowpaymentsCode, heldAssetOf, LEDGER_ASSETS } from '../../../schemas/assets.ts';

describe('codes of NOWPayments', () => {
  it.each([
    ['eth', 'ETH'],
    ['ETH', 'ETH'],
    ['Eth', 'ETH'],
    ['usdterc20', 'USDT'],
    ['USDTERC20', 'USDT'],
  ])('%s is %s, in whatever case [failure 19]', (code, asset) => {
    expect(assetOfNowpaymentsCode(code)).toBe(asset);
  });

  it.each(['', 'usdt', 'usdttrc20', 'ethbase', 'еth', ' eth', 'constructor'])(
    '%j is no asset of ours, and none stands in for it [failures 3, H3]',
    (code) => {
      expect(assetOfNowpaymentsCode(code)).toBeUndefined();
    },
  );
});

describe('what a client takes', () => {
  it.each([
    ['eth', 'eth', 'ETH'],
    ['USDT', 'ETH', 'USDT'],
    ['usdt', 'trx', undefined],
    ['eth', 'arbitrum', undefined],
    ['usdterc20', 'eth', undefined],
    ['xmr', 'xmr', undefined],
  ])('%s on %s is %s', (currency, network, asset) => {
    expect(heldAssetOf(currency, network)).toBe(asset);
  });
});

it('each asset is listed, says its own name, and a token needs more gas than ETH', () => {
  expect(LEDGER_ASSETS.toSorted()).toEqual(Object.keys(ASSETS).toSorted());
  for (const asset of LEDGER_ASSETS) expect(ASSETS[asset].asset).toBe(asset);
  expect([ASSETS.ETH.decimals, ASSETS.USDT.decimals]).toEqual([18, 6]);
  expect([ASSETS.ETH.isToken, ASSETS.USDT.isToken]).toEqual([false, true]);
  expect(ASSETS.USDT.transferGas).toBeGreaterThan(ASSETS.ETH.transferGas);
  expect(ASSETS.ETH.transferGas).toBe(21_000n);
});

/** The addresses of the demo pass the checks that addresses of real clients must pass. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { addressProblem } from '../../../../gateway/api/address.ts';
import { freshAddress } from '../../../../sandbox/demo/addresses.ts';

describe('fresh addresses', () => {
  it.each([
    ['xmr', 'xmr', 95],
    ['btc', 'btc', undefined],
    ['ltc', 'ltc', undefined],
    ['doge', 'doge', undefined],
    ['usdt', 'eth', 42],
  ])('of %s on %s are accepted', (currency, network, length) => {
    for (let count = 0; count < 50; count += 1) {
      const address = freshAddress(network, randomBytes);
      expect(addressProblem(currency, network, address)).toBeUndefined();
      if (length !== undefined) expect(address).toHaveLength(length);
    }
  });

  it('differ from each other', () => {
    expect(freshAddress('xmr', randomBytes)).not.toBe(freshAddress('xmr', randomBytes));
  });

  it('refuse what they do not know', () => {
    expect(() => freshAddress('sol', randomBytes)).toThrow(/no addresses are made for sol/);
  });
});

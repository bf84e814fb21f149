/** Payout addresses: what can be checked is checked by checksum, the rest for shape. */
import { describe, expect, it } from 'vitest';
import { addressProblem } from '../../../../gateway/api/address.ts';

const XMR = '4AdUndXHHZ6cfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2684Rge';
const EVM = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';

describe('accepted [failures 23, 67]', () => {
  it.each([
    ['xmr', 'xmr', XMR],
    ['btc', 'btc', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'],
    ['btc', 'btc', 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq'],
    ['usdt', 'eth', EVM],
    ['USDT', 'ETH', EVM],
    ['eth', 'arbitrum', EVM.toLowerCase()],
    ['unknowncoin', 'itsnetwork', 'any-shape-that-is-plain'],
  ])('%s on %s: %s', (currency, network, address) => {
    expect(addressProblem(currency, network, address)).toBeUndefined();
  });
});

/** Each character replaced in turn: a single slip must never pass. */
const slips = (address: string) =>
  [...address].map((char, at) => address.slice(0, at) + (char === '2' ? '3' : '2') + address.slice(at + 1));

describe('refused [failures 101, 104]', () => {
  it.each([
    ['xmr', 'xmr', XMR.slice(0, -1), 'no valid xmr address'],
    ['xmr', 'xmr', EVM, 'no valid xmr address'],
    ['btc', 'btc', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb', 'no valid btc address'],
    ['btc', 'btc', 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx', 'no valid btc address'],
    ['usdt', 'eth', EVM.replace('5aAeb', '5aaeb'), 'no valid Ethereum address'],
    ['usdt', 'eth', EVM.slice(2), 'no valid Ethereum address'],
    ['usdt', 'eth', `${EVM}0`, 'no valid Ethereum address'],
    ['ltc', 'ltc', XMR, 'no valid ltc address'],
    ['xmr', 'xmr', ` ${XMR}`, 'without spaces around it'],
    ['xmr', 'xmr', '', 'without spaces around it'],
    ['unknowncoin', 'itsnetwork', 'short', '8 to 120 printable characters'],
    ['unknowncoin', 'itsnetwork', 'a'.repeat(121), '8 to 120 printable characters'],
    ['unknowncoin', 'itsnetwork', 'with a space in it', '8 to 120 printable characters'],
    ['unknowncoin', 'itsnetwork', 'with\u0000nothing', '8 to 120 printable characters'],
  ])('%s on %s: %s', (currency, network, address, problem) => {
    expect(addressProblem(currency, network, address)).toContain(problem);
  });

  it.each([
    ['xmr', 'xmr', XMR],
    ['btc', 'btc', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'],
    ['btc', 'btc', 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq'],
  ])('a %s address with any one character wrong', (currency, network, address) => {
    for (const slip of slips(address)) {
      if (slip !== address) expect(addressProblem(currency, network, slip), slip).toBeDefined();
    }
  });
});

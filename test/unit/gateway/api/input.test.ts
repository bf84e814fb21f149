/** What people may give to operator functions: each field wrong in turn is refused by name, before anything is touched. */
import { describe, expect, it } from 'vitest';
import {
  type CapitalMove,
  depositCapital,
  setFee,
  withdrawCapital,
} from '../../../../gateway/api/capital.ts';
import {
  type ApiDeps,
  addClient,
  type NewClient,
  readClientId,
  setClient,
} from '../../../../gateway/api/clients.ts';
import { InputError } from '../../../../gateway/api/input-error.ts';
import { redriveParked } from '../../../../gateway/api/redrive-parked.ts';
import { codec } from '../support.ts';

const REACHED = 'the database was reached';
/** Whoever comes this far has accepted the input. */
const deps: ApiDeps = {
  codec,
  now: () => new Date(0),
  db: {
    query: () => Promise.reject(new Error(REACHED)),
    transaction: () => Promise.reject(new Error(REACHED)),
    listen: () => Promise.reject(new Error(REACHED)),
    close: () => Promise.resolve(),
  },
};

const CLIENT: NewClient = {
  clientId: '-1001234567890',
  title: 'A channel, 100 % café',
  plans: [{ priceUsd: '49.99', days: 30 }],
  strategy: 'threshold',
  thresholdUsd: '500',
  maxWaitMs: null,
  currency: 'usdt',
  network: 'eth',
  address: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  memo: null,
};

describe('a new client', () => {
  it.each<[string, Partial<NewClient>]>([
    ['as it is', {}],
    ['instant without a threshold', { strategy: 'instant', thresholdUsd: null }],
    ['with a longest wait', { maxWaitMs: 1n }],
    ['with a memo', { memo: '1234567890' }],
    ['without plans', { plans: [] }],
    ['with as many plans as there are tiers', { plans: Array(9).fill({ priceUsd: '1', days: 1 }) }],
    ['with the least threshold', { thresholdUsd: '0.01' }],
  ])('%s is accepted', async (_what, part) => {
    await expect(addClient(deps, { ...CLIENT, ...part })).rejects.toThrow(REACHED);
  });

  it.each<[string, string, Partial<NewClient>]>([
    ['client', 'a positive id', { clientId: '1001234567890' }],
    ['client', 'no id', { clientId: '' }],
    ['client', 'a leading zero', { clientId: '-01234567' }],
    ['client', 'too long', { clientId: `-${'9'.repeat(19)}` }],
    ['client', 'something behind it', { clientId: '-1001234567890 ' }],
    ['title', 'nothing', { title: '  ' }],
    ['title', 'too long', { title: 'x'.repeat(129) }],
    ['title', 'a NUL', { title: 'a\u0000b' }],
    ['title', 'a line end', { title: 'a\nb' }],
    ['strategy', 'another word', { strategy: 'weekly' }],
    ['threshold', 'none', { thresholdUsd: null }],
    ['threshold', 'zero', { thresholdUsd: '0.00' }],
    ['threshold', 'below zero', { thresholdUsd: '-5' }],
    ['threshold', 'three decimals', { thresholdUsd: '1.005' }],
    ['threshold', 'an exponent', { thresholdUsd: '1e3' }],
    ['threshold', 'a word', { thresholdUsd: 'NaN' }],
    ['threshold', 'too large', { thresholdUsd: '1'.repeat(13) }],
    ['max wait', 'zero', { maxWaitMs: 0n }],
    ['max wait', 'more than ten years', { maxWaitMs: 3_650n * 86_400_000n + 1n }],
    ['currency', 'nothing', { currency: '' }],
    ['currency', 'a symbol', { currency: 'us$t' }],
    ['network', 'nothing', { network: '' }],
    ['network', 'a space', { network: 'e th' }],
    ['address', 'a wrong checksum', { address: CLIENT.address.replace('5aA', '5aa') }],
    ['address', 'of another currency', { currency: 'xmr', network: 'xmr' }],
    ['memo', 'nothing', { memo: '' }],
    ['memo', 'a space', { memo: 'a b' }],
    ['memo', 'too long', { memo: '1'.repeat(121) }],
    ['plans', 'ten', { plans: Array(10).fill({ priceUsd: '1', days: 1 }) }],
    ['plan price', 'zero', { plans: [{ priceUsd: '0', days: 30 }] }],
    ['plan price', 'three decimals', { plans: [{ priceUsd: '1.999', days: 30 }] }],
    [
      'plan price',
      'the second one',
      {
        plans: [
          { priceUsd: '5', days: 30 },
          { priceUsd: 'x', days: 30 },
        ],
      },
    ],
    ['plan days', 'zero', { plans: [{ priceUsd: '1', days: 0 }] }],
    ['plan days', 'a half', { plans: [{ priceUsd: '1', days: 0.5 }] }],
    ['plan days', 'more than ten years', { plans: [{ priceUsd: '1', days: 3_661 }] }],
  ])('%s: %s is refused by name [failures 64, 65, 104, H22]', async (field, _what, part) => {
    const refusal = await addClient(deps, { ...CLIENT, ...part }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(InputError);
    expect((refusal as InputError).field).toBe(field);
    expect((refusal as InputError).message).not.toContain('\n');
  });
});

describe('other operator functions', () => {
  const move: CapitalMove = {
    account: 'wallet:gas',
    amount: { asset: 'ETH', minor: 1n },
    tx: `0x${'ab'.repeat(32)}`,
    reference: 'opening',
  };

  it.each<[string, string, Partial<CapitalMove>]>([
    ['amount', 'zero', { amount: { asset: 'ETH', minor: 0n } }],
    ['amount', 'below zero', { amount: { asset: 'ETH', minor: -1n } }],
    ['asset', 'USDT as gas', { amount: { asset: 'USDT', minor: 1n } }],
    ['tx', 'half a hash', { tx: '0xabcd' }],
    ['reference', 'nothing', { reference: '' }],
    ['reference', 'a NUL', { reference: '\u0000' }],
  ])('capital: %s, %s is refused', async (field, _what, part) => {
    for (const act of [depositCapital, withdrawCapital]) {
      await expect(act(deps, { ...move, ...part })).rejects.toMatchObject({ name: 'InputError', field });
      await expect(act(deps, move)).rejects.toThrow(REACHED);
    }
  });

  it.each([-1, 2_001, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'a fee of %s is refused [failure 7]',
    async (bps) => {
      await expect(setFee(deps, bps, new Date(0))).rejects.toMatchObject({ field: 'fee' });
    },
  );

  it('a fee from a time that is none is refused', async () => {
    await expect(setFee(deps, 300, new Date('soon'))).rejects.toMatchObject({ field: 'from' });
    await expect(setFee(deps, 2_000, new Date(0))).rejects.toThrow(REACHED);
  });

  it.each(['abc', '12345678', '', '%', 'ABCDEF01-0000-0000-0000-000000000000'])(
    'a redrive of id %j is refused',
    async (id) => {
      const request = { filter: { id }, max: 1, dryRun: true, orders: undefined };
      await expect(redriveParked(deps, request)).rejects.toMatchObject({ field: 'id' });
    },
  );

  it('a client id is the number of a channel, and nothing else', async () => {
    expect(readClientId('-1001234567890')).toBe(-1_001_234_567_890n);
    for (const text of ['-1', '0', '-', 'x', '-1001234567890.0', '−1001234567890'])
      expect(() => readClientId(text)).toThrow(InputError);
    await expect(setClient(deps, '12', {})).rejects.toMatchObject({ field: 'client' });
  });

  it('what is shown of a wrong value is one line and not endless', () => {
    const error = new InputError('title', `a\n${'x'.repeat(500)}`, 'give less');
    expect(error.message.length).toBeLessThan(160);
    expect(error.message).not.toContain('\n');
  });
});

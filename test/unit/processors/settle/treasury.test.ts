/** When the open position is swapped, and how much of it: at each bound exactly, and where it must not be. */
import { describe, expect, test } from 'vitest';
import type { OpenRange } from '../../../../ledger/sql/open-positions.ts';
import {
  conversionRanges,
  conversions,
  discrepancies,
  type PairLimitRow,
} from '../../../../ledger/tables.ts';
import { openConversion, triggerOf } from '../../../../processors/settle/transition-treasury.ts';
import { eth, limitRow, NOW, usdt, workWith } from '../../../fixtures/ledger-rows.ts';

function range(partition: number, amount: string, part: Partial<OpenRange> = {}): OpenRange {
  return {
    partition,
    fromBatch: 0n,
    toBatch: 3n,
    eth: eth(amount).minor,
    usdt: usdt('400').minor,
    oldest: NOW,
    ...part,
  };
}
const limit = (part: Partial<PairLimitRow> = {}) =>
  limitRow('ETH', '0.01', { currency: 'usdt', network: 'eth', ...part });
const POLICY = { minUsdt: usdt('500').minor, maxAgeMs: 900_000 };
const CALM = { wanted: 0n, settled: 0n, coming: 0n };
const SHORT = { ...CALM, wanted: 1n };

describe('a conversion is asked for', () => {
  test('by exactly the least value', () => {
    expect(triggerOf([range(1, '0.1', { usdt: POLICY.minUsdt })], CALM, limit(), NOW, POLICY)).toBe('value');
  });

  test('by the age of one range among young ones', () => {
    const old = new Date(NOW.getTime() - POLICY.maxAgeMs);
    const open = [range(1, '0.01', { usdt: 1n }), range(2, '0.01', { usdt: 1n, oldest: old })];
    expect(triggerOf(open, CALM, limit(), NOW, POLICY)).toBe('age');
  });

  test('at exactly the provider’s minimum', () => {
    expect(triggerOf([range(1, '0.01')], SHORT, limit(), NOW, POLICY)).toBe('payout');
  });

  test('never of nothing, even where there is no minimum', () => {
    const free = limit({ min_amount: 0n });
    for (const amount of ['0', '-0.1'])
      expect(triggerOf([range(1, amount)], SHORT, free, NOW, POLICY)).toBeUndefined();
    expect(triggerOf([range(1, '0.1', { usdt: 0n })], SHORT, free, NOW, POLICY)).toBeUndefined();
  });
});

describe('a conversion is made', () => {
  function opened(open: readonly OpenRange[], of = limit()) {
    const work = workWith();
    return { work, id: openConversion(work, open, of) };
  }

  test('of exactly the provider’s minimum, and looked at at once', () => {
    const { work, id } = opened([range(1, '0.01')]);
    expect(work.must(conversions, id!)).toMatchObject({ state: 'requested', parked: false, attempt: 0 });
    expect([...work.intents.values()]).toMatchObject([
      { key: `conversion:${id}`, kind: 'conversion', subject: id, dueAt: NOW },
    ]);
  });

  test.each<[string, readonly OpenRange[], PairLimitRow]>([
    ['nothing open', [], limit({ min_amount: 0n })],
    ['no ETH', [range(1, '0')], limit({ min_amount: 0n })],
    ['ETH below zero', [range(1, '-0.1')], limit({ min_amount: 0n })],
    ['no USDT', [range(1, '0.1', { usdt: 0n })], limit()],
    ['USDT below zero', [range(1, '0.1', { usdt: -1n })], limit()],
    ['below the minimum', [range(1, '0.0099')], limit()],
    ['all above the maximum', [range(1, '0.3')], limit({ max_amount: eth('0.2').minor })],
    [
      'what fits is below the minimum',
      [range(1, '0.3'), range(2, '0.001')],
      limit({ max_amount: eth('0.2').minor }),
    ],
  ])('not with %s', (_name, open, of) => {
    const { work, id } = opened(open, of);
    expect([id, work.all(conversions), work.all(conversionRanges)]).toEqual([undefined, [], []]);
    expect([...work.intents]).toEqual([]);
  });

  test('at exactly the maximum it takes all, and nobody need know', () => {
    const of = limit({ max_amount: eth('0.2').minor });
    for (const open of [[range(1, '0.2')], [range(1, '0.1'), range(2, '0.1')]]) {
      const { work } = opened(open, of);
      expect(work.all(conversionRanges)).toHaveLength(open.length);
      expect(work.all(discrepancies)).toEqual([]);
    }
  });

  test('a range of exactly the maximum waits for the next one without a person', () => {
    const { work } = opened([range(1, '0.1'), range(2, '0.2')], limit({ max_amount: eth('0.2').minor }));
    expect(work.all(conversionRanges).map((row) => row.partition)).toEqual([1]);
    expect(work.all(discrepancies)).toEqual([]);
  });

  test('is named after its ranges: the next one of the same partitions is another', () => {
    const first = opened([range(1, '0.1'), range(2, '0.1')]).id;
    expect(opened([range(1, '0.1'), range(2, '0.1')]).id).toBe(first);
    const others = [
      opened([range(1, '0.1', { toBatch: 4n }), range(2, '0.1')]).id,
      opened([range(1, '0.1'), range(3, '0.1')]).id,
    ];
    expect(new Set([first, ...others]).size).toBe(3);
  });
});

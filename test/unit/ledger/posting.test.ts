/** The posting table of money.md, row by row with its figures, and what holds for every posting whatever the figures. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACCOUNT_NAMES } from '../../../ledger/accounts.ts';
import * as posting from '../../../ledger/posting.ts';
import { formatMoney, type Money, money, negate, subtract } from '../../../schemas/money.ts';
import { effectOf, eth, usdt } from '../../fixtures/ledger-rows.ts';

const none = usdt('0');

/** The rows of the table in its order: what it is, what we book, what the page says. */
const TABLE: readonly [string, () => posting.Transfer[], Record<string, string>][] = [
  [
    'opening balance or top-up of gas',
    () => posting.capitalIn('wallet:gas', eth('2')),
    { 'wallet:gas ETH': '2', 'platform:capital ETH': '-2' },
  ],
  [
    'top-up of the host account',
    () => posting.capitalIn('wallet:host', usdt('100')),
    { 'wallet:host USDT': '100', 'platform:capital USDT': '-100' },
  ],
  [
    'withdrawal',
    () => posting.capitalOut('wallet:gas', eth('0.5')),
    { 'wallet:gas ETH': '-0.5', 'platform:capital ETH': '0.5' },
  ],
  [
    'threshold payment, 0.0125 ETH, 50.00 USDT',
    () => posting.creditLocked(eth('0.0125'), usdt('48.5'), usdt('1.5')),
    {
      'wallet:incoming ETH': '0.0125',
      'position:open ETH': '-0.0125',
      'position:open USDT': '50',
      'client:available USDT': '-48.5',
      'platform:fees USDT': '-1.5',
    },
  ],
  [
    'instant payment, 0.0125 ETH',
    () => posting.creditHeld(eth('0.012125'), eth('0.000375')),
    {
      'wallet:incoming ETH': '0.0125',
      'client:available ETH': '-0.012125',
      'platform:fees ETH': '-0.000375',
    },
  ],
  [
    'outcome already 50 USDT',
    () => posting.creditHeld(usdt('48.5'), usdt('1.5')),
    { 'wallet:incoming USDT': '50', 'client:available USDT': '-48.5', 'platform:fees USDT': '-1.5' },
  ],
  [
    'unvalued',
    () => posting.creditUnvalued(eth('0.0125')),
    { 'wallet:incoming ETH': '0.0125', 'client:unvalued ETH': '-0.0125' },
  ],
  [
    'unvalued, then valued',
    () => posting.valueLocked(eth('0.0125'), usdt('48.5'), usdt('1.5')),
    {
      'client:unvalued ETH': '0.0125',
      'position:open ETH': '-0.0125',
      'position:open USDT': '50',
      'client:available USDT': '-48.5',
      'platform:fees USDT': '-1.5',
    },
  ],
  [
    'receipts confirmed',
    () => posting.receiptConfirmed(eth('0.1375')),
    { 'wallet:host ETH': '0.1375', 'wallet:incoming ETH': '-0.1375' },
  ],
  [
    'payout created',
    () => posting.payoutCreated(usdt('533.5')),
    { 'client:available USDT': '533.5', 'client:reserved USDT': '-533.5' },
  ],
  [
    'set aside for a transfer',
    () => posting.setAside(usdt('533.5'), eth('0.003')),
    {
      'wallet:sending USDT': '533.5',
      'wallet:host USDT': '-533.5',
      'wallet:gas_held ETH': '0.003',
      'wallet:gas ETH': '-0.003',
    },
  ],
  [
    'our transfer final, to a swap',
    () => [...posting.transferFinal('swap', usdt('533.5')), ...posting.gasSpent(eth('0.001'), eth('0.003'))],
    {
      'swap:in_transit USDT': '533.5',
      'wallet:sending USDT': '-533.5',
      'platform:gas ETH': '0.001',
      'wallet:gas ETH': '0.002',
      'wallet:gas_held ETH': '-0.003',
    },
  ],
  [
    'our transfer final, direct',
    () => posting.transferFinal('direct', usdt('533.5')),
    { 'client:reserved USDT': '533.5', 'wallet:sending USDT': '-533.5' },
  ],
  [
    'our transfer reverted, final',
    () => [...posting.transferUndone(usdt('533.5')), ...posting.gasSpent(eth('0.003'), eth('0.003'))],
    {
      'wallet:host USDT': '533.5',
      'wallet:sending USDT': '-533.5',
      'platform:gas ETH': '0.003',
      'wallet:gas_held ETH': '-0.003',
    },
  ],
  [
    'conversion of 0.1375 ETH, expected 550, got 548.90',
    () => posting.conversionCompleted(eth('0.1375'), usdt('550'), usdt('548.9')),
    {
      'position:open ETH': '0.1375',
      'swap:in_transit ETH': '-0.1375',
      'wallet:host USDT': '548.9',
      'platform:rate_variance USDT': '1.1',
      'position:open USDT': '-550',
    },
  ],
  [
    'conversion of 0.1375 ETH, expected 550, got 551.20',
    () => posting.conversionCompleted(eth('0.1375'), usdt('550'), usdt('551.2')),
    {
      'position:open ETH': '0.1375',
      'swap:in_transit ETH': '-0.1375',
      'wallet:host USDT': '551.2',
      'platform:rate_variance USDT': '-1.2',
      'position:open USDT': '-550',
    },
  ],
  [
    'payout swap completed',
    () => posting.payoutSwapCompleted(usdt('533.5')),
    { 'client:reserved USDT': '533.5', 'swap:in_transit USDT': '-533.5' },
  ],
  [
    'payout swap refunded with 531.50: reserved stays',
    () => posting.payoutSwapRefunded(usdt('533.5'), usdt('531.5')),
    { 'wallet:host USDT': '531.5', 'platform:provider_costs USDT': '2', 'swap:in_transit USDT': '-533.5' },
  ],
  [
    'conversion refunded with 0.1370 ETH: the loss stays in the position',
    () => posting.conversionRefunded(eth('0.1375'), eth('0.137')),
    { 'wallet:host ETH': '0.137', 'position:open ETH': '0.0005', 'swap:in_transit ETH': '-0.1375' },
  ],
  [
    'provider refund of a threshold payment that is still there',
    () => posting.refundLocked(eth('0.0125'), usdt('48.5'), usdt('1.5'), none, 'wallet:incoming'),
    {
      'client:available USDT': '48.5',
      'platform:fees USDT': '1.5',
      'position:open USDT': '-50',
      'position:open ETH': '0.0125',
      'wallet:incoming ETH': '-0.0125',
    },
  ],
  [
    'provider refund of a threshold payment of which 20 are gone: a debt',
    () => posting.refundLocked(eth('0.0125'), usdt('48.5'), usdt('1.5'), usdt('20'), 'wallet:incoming'),
    {
      'client:available USDT': '28.5',
      'client:debt USDT': '20',
      'platform:fees USDT': '1.5',
      'position:open USDT': '-50',
      'position:open ETH': '0.0125',
      'wallet:incoming ETH': '-0.0125',
    },
  ],
  [
    'provider refund of an instant payment',
    () => posting.refundHeld(eth('0.012125'), eth('0.000375'), eth('0'), 'wallet:incoming'),
    { 'client:available ETH': '0.012125', 'platform:fees ETH': '0.000375', 'wallet:incoming ETH': '-0.0125' },
  ],
  [
    'provider refund of an instant payment that was paid out: all of it a debt',
    () => posting.refundHeld(eth('0.012125'), eth('0.000375'), eth('0.012125'), 'wallet:incoming'),
    { 'client:debt ETH': '0.012125', 'platform:fees ETH': '0.000375', 'wallet:incoming ETH': '-0.0125' },
  ],
  [
    'provider refund of an unvalued payment',
    () => posting.refundUnvalued(eth('0.0125'), 'wallet:incoming'),
    { 'client:unvalued ETH': '0.0125', 'wallet:incoming ETH': '-0.0125' },
  ],
  [
    'operator sends a confirmed payment back: the same set with sending in place of incoming',
    () => posting.refundLocked(eth('0.0125'), usdt('48.5'), usdt('1.5'), none, 'wallet:sending'),
    {
      'client:available USDT': '48.5',
      'platform:fees USDT': '1.5',
      'position:open USDT': '-50',
      'position:open ETH': '0.0125',
      'wallet:sending ETH': '-0.0125',
    },
  ],
  [
    'payout rejected or cancelled',
    () => posting.payoutReturned(usdt('533.5')),
    { 'client:available USDT': '-533.5', 'client:reserved USDT': '533.5' },
  ],
  [
    'set-aside undone before signing',
    () => posting.setAsideUndone(usdt('533.5'), eth('0.003')),
    {
      'wallet:host USDT': '533.5',
      'wallet:sending USDT': '-533.5',
      'wallet:gas ETH': '0.003',
      'wallet:gas_held ETH': '-0.003',
    },
  ],
  [
    'replacement with a higher fee',
    () => posting.feeRaised(eth('0.0005')),
    { 'wallet:gas_held ETH': '0.0005', 'wallet:gas ETH': '-0.0005' },
  ],
  [
    'converted, 0.001 ETH at 4,000',
    () => posting.converted(eth('0.001'), usdt('4')),
    {
      'client:available ETH': '0.001',
      'position:open ETH': '-0.001',
      'position:open USDT': '4',
      'client:available USDT': '-4',
    },
  ],
  [
    'recovery of a debt',
    () => posting.recovery(usdt('20')),
    { 'client:available USDT': '20', 'client:debt USDT': '-20' },
  ],
  [
    'adjustment upwards',
    () => posting.adjustment(usdt('3')),
    { 'client:available USDT': '-3', 'platform:capital USDT': '3' },
  ],
  [
    'adjustment downwards',
    () => posting.adjustment(usdt('-3')),
    { 'client:available USDT': '3', 'platform:capital USDT': '-3' },
  ],
  [
    'unvalued, valued as instant',
    () => posting.valueHeld(eth('0.012125'), eth('0.000375')),
    {
      'client:unvalued ETH': '0.0125',
      'client:available ETH': '-0.012125',
      'platform:fees ETH': '-0.000375',
    },
  ],
  [
    'dust',
    () => posting.dust(usdt('0.000001')),
    { 'client:available USDT': '0.000001', 'platform:dust USDT': '-0.000001' },
  ],
];

describe('the posting table of money.md', () => {
  it.each(TABLE)('%s', (_name, book, expected) => {
    expect(effectOf(book())).toEqual(expected);
  });
});

const minor = fc.bigInt({ min: 0n, max: 10n ** 30n });
const anEth = minor.map((n) => money('ETH', n));
const aUsdt = minor.map((n) => money('USDT', n));
const anyMoney: fc.Arbitrary<Money> = fc.oneof(anEth, aUsdt);

/** Every posting with any amounts: some with parts that must not be larger than the whole. */
const anyPosting: fc.Arbitrary<posting.Transfer[]> = fc.oneof(
  anyMoney.map((a) => posting.capitalIn('wallet:host', a)),
  fc.tuple(anEth, aUsdt, aUsdt).map(([a, b, c]) => posting.creditLocked(a, b, c)),
  fc.tuple(anEth, anEth).map(([a, b]) => posting.creditHeld(a, b)),
  fc.tuple(anEth, aUsdt, aUsdt).map(([a, b, c]) => posting.valueLocked(a, b, c)),
  fc.tuple(aUsdt, aUsdt).map(([a, b]) => posting.valueHeld(a, b)),
  fc.tuple(anyMoney, anEth).map(([a, b]) => posting.setAside(a, b)),
  fc.tuple(anEth, anEth).map(([a, b]) => posting.gasSpent(a, money('ETH', a.minor + b.minor))),
  fc.tuple(anEth, aUsdt, aUsdt).map(([a, b, c]) => posting.conversionCompleted(a, b, c)),
  fc
    .tuple(anEth, minor, aUsdt)
    .map(([a, expected, got]) => posting.conversionCompleted(a, money('USDT', -expected), got)),
  fc.tuple(anEth, anEth).map(([a, b]) => posting.conversionRefunded(a, b)),
  fc.tuple(aUsdt, aUsdt).map(([a, b]) => posting.payoutSwapRefunded(a, b)),
  fc.tuple(anEth, aUsdt, aUsdt, fc.double({ min: 0, max: 1, noNaN: true })).map(([a, net, fee, share]) => {
    const owed = money('USDT', (net.minor * BigInt(Math.floor(share * 1000))) / 1000n);
    return posting.refundLocked(a, net, fee, owed, 'wallet:incoming');
  }),
  fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map((n) => posting.adjustment(money('USDT', n))),
);

describe('whatever the figures', () => {
  it('a set has only known accounts, two different ones per line, and no line of nothing (so it balances)', () => {
    fc.assert(
      fc.property(anyPosting, (transfers) => {
        for (const { debit, credit, amount } of transfers) {
          expect(amount.minor > 0n).toBe(true);
          expect(debit).not.toBe(credit);
          expect(ACCOUNT_NAMES).toContain(debit);
          expect(ACCOUNT_NAMES).toContain(credit);
        }
      }),
    );
  });

  it('a conversion takes exactly what was expected and what was sent out of the position', () => {
    fc.assert(
      fc.property(anEth, fc.oneof(aUsdt, aUsdt.map(negate)), aUsdt, (sent, expected, got) => {
        const effect = effectOf(posting.conversionCompleted(sent, expected, got));
        const of = (name: string) => effect[name] ?? '0';
        expect(of('position:open USDT')).toBe(formatMoney(negate(expected)));
        expect(of('position:open ETH')).toBe(formatMoney(sent));
        expect(of('wallet:host USDT')).toBe(formatMoney(got));
        expect(of('platform:rate_variance USDT')).toBe(formatMoney(subtract(expected, got)));
      }),
    );
  });

  it('the variance turns over by the difference only: custody is counted from turnovers', () => {
    const variance = (got: string) =>
      posting
        .conversionCompleted(eth('0.1375'), usdt('550'), usdt(got))
        .filter(({ debit, credit }) => [debit, credit].includes('platform:rate_variance'))
        .map(({ amount }) => amount);
    expect([variance('548.9'), variance('550'), variance('551.2')]).toEqual([
      [usdt('1.1')],
      [],
      [usdt('1.2')],
    ]);
  });

  it('refuses amounts below zero', () => {
    expect(() => posting.payoutCreated(usdt('-1'))).toThrow('negative transfer');
    expect(() => posting.gasSpent(eth('0.004'), eth('0.003'))).toThrow('negative transfer');
    expect(() => posting.refundLocked(eth('1'), usdt('1'), usdt('0'), usdt('2'), 'wallet:incoming')).toThrow(
      'negative transfer',
    );
  });
});

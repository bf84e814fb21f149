/** What the payment page shows. */
import { expect, it } from 'vitest';
import { orderProgress } from '../../../gateway/order-progress.ts';

it.each<[string, [string, string][], string]>([
  ['nothing heard yet', [], 'pending'],
  ['waiting', [['waiting', 'open']], 'pending'],
  ['confirming', [['confirming', 'open']], 'confirming'],
  ['confirmed', [['confirmed', 'open']], 'confirmed'],
  ['sending', [['sending', 'open']], 'confirmed'],
  ['partially paid: the rest has to come', [['partially_paid', 'credited']], 'pending'],
  ['finished, not booked yet', [['finished', 'open']], 'confirmed'],
  ['finished, without a rate', [['finished', 'unvalued']], 'confirmed'],
  ['finished after it had failed, asked again', [['finished', 'confirming']], 'confirmed'],
  ['finished and credited', [['finished', 'credited']], 'access_granted'],
  ['expired', [['expired', 'open']], 'failed'],
  ['refunded', [['refunded', 'closed']], 'failed'],
  [
    'a second payment after one that expired',
    [
      ['expired', 'open'],
      ['confirming', 'open'],
    ],
    'confirming',
  ],
  [
    'a second payment beside a credited one',
    [
      ['finished', 'credited'],
      ['failed', 'open'],
    ],
    'access_granted',
  ],
])('%s [failure 60]', (_name, payments, expected) => {
  expect(orderProgress(payments.map(([status, state]) => ({ status, state })))).toBe(expected);
});

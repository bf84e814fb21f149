/** What of the provider's list is news, what is fed, and what is for a person. */
import { describe, expect, test } from 'vitest';
import {
  discrepancies,
  missedWebhooks,
  type PaymentStatusRow,
  paymentStatus,
} from '../../../../ledger/tables.ts';
import { Work } from '../../../../ledger/work.ts';
import { factsDigest } from '../../../../processors/accumulate/facts.ts';
import { newStatus } from '../../../../processors/accumulate/status.ts';
import {
  feed,
  findMissed,
  lookAges,
  missedId,
  report,
  standing,
  type ToldPayment,
} from '../../../../processors/reconcile/transition-missed.ts';
import type { PaymentFacts } from '../../../../schemas/events.ts';
import type { OrderReading } from '../../../../schemas/order-id.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import { CLIENT, facts, NOW, proposed, recordOf } from '../../../fixtures/ledger-rows.ts';

const OURS: OrderReading = { kind: 'ours', client: String(CLIENT) };
const LEGACY: OrderReading = { kind: 'legacy', client: String(CLIENT), user: '7' };
const AT = new Date(NOW.getTime() - 600_000);

function told(part: Partial<ToldPayment> = {}): ToldPayment {
  return {
    paymentId: '5077125051',
    parentPaymentId: null,
    invoiceId: '4522625843',
    orderId: 'S1.example',
    status: 'finished',
    priceAmount: '50',
    priceCurrency: 'USD',
    payAmount: '0.2',
    payCurrency: 'xmr',
    actuallyPaid: '0.2',
    payAddress: '4AdUndXHHZ',
    outcomeAmount: '0.0125',
    outcomeCurrency: 'ETH',
    at: AT,
    ...part,
  };
}

function row(part: Partial<PaymentStatusRow> = {}): PaymentStatusRow {
  return { ...newStatus(new Work(NOW), recordOf(proposed())), ...part };
}

function missedOf(payment: ToldPayment): PaymentFacts {
  const finding = findMissed(payment, OURS, undefined);
  if (finding.is !== 'missed') throw new Error(finding.is);
  return finding.facts;
}

const UNDER_WAY = ['waiting', 'confirming', 'confirmed', 'sending'];
const STATUSES = [...UNDER_WAY, 'partially_paid', 'finished', 'failed', 'expired', 'refunded'];

describe('what is news', () => {
  test.each(STATUSES)('%s of a payment that nothing is known of', (status) => {
    expect(findMissed(told({ status }), OURS, undefined)).toMatchObject({
      is: 'missed',
      facts: { payment_status: status },
    });
  });

  test.each(STATUSES)('%s again is none', (status) => {
    expect(findMissed(told({ status }), OURS, row({ status }))).toEqual({ is: 'known' });
  });

  test.each<[here: string, state: PaymentStatusRow['state'], there: string, is: string]>([
    ['waiting', 'open', 'confirming', 'missed'],
    ['confirming', 'open', 'waiting', 'known'],
    ['waiting', 'open', 'finished', 'missed'],
    ['partially_paid', 'open', 'finished', 'missed'],
    ['partially_paid', 'credited', 'finished', 'missed'],
    ['partially_paid', 'credited', 'expired', 'known'],
    ['waiting', 'open', 'expired', 'missed'],
    ['failed', 'open', 'expired', 'known'],
    ['failed', 'open', 'confirming', 'known'],
    ['expired', 'open', 'finished', 'missed'],
    ['finished', 'credited', 'sending', 'known'],
    ['finished', 'credited', 'refunded', 'missed'],
    ['finished', 'unvalued', 'refunded', 'missed'],
    ['refunded', 'closed', 'finished', 'known'],
    ['finished', 'closed', 'refunded', 'known'],
    ['finished', 'confirming', 'finished', 'known'],
  ])('here %s (%s), there %s: %s', (status, state, there, is) => {
    expect(findMissed(told({ status: there }), OURS, row({ status, state })).is).toBe(is);
  });

  test('a payment that waits for the end of its quarantine is followed too: its records queue up behind it', () => {
    const parked = row({ status: 'waiting', quarantined: true });
    expect(findMissed(told(), OURS, parked).is).toBe('missed');
  });
});

describe('whose it is', () => {
  test.each(['forged', 'unknown'] as const)(
    'money for an order that is %s is for a person, no credit',
    (kind) => {
      const finding = findMissed(told({ orderId: 'S1.\u202e"x"\n' }), { kind }, undefined);
      expect(finding).toMatchObject({ is: 'foreign', reason: `order_${kind}` });
      const work = new Work(NOW);
      report(work, told(), finding);
      report(work, told(), finding);
      expect(work.all(discrepancies)).toHaveLength(1);
      expect(work.all(discrepancies)[0]!.detail).toMatch(/^[\x20-\x7e]+$/);
      expect(work.outbox).toEqual([]);
    },
  );

  test.each(['forged', 'unknown'] as const)('an order that is %s and unpaid is nobody’s business', (kind) => {
    expect(findMissed(told({ status: 'waiting' }), { kind }, undefined).is).toBe('known');
  });

  test('a legacy order is followed only when a webhook came here before: the replaced system may pay for it', () => {
    expect(findMissed(told(), LEGACY, undefined)).toMatchObject({ is: 'foreign', reason: 'order_unknown' });
    expect(findMissed(told(), LEGACY, row({ status: 'waiting' })).is).toBe('missed');
  });
});

describe('the facts', () => {
  test('mean the same as those of the webhook that comes late, so that one of the two is a duplicate', () => {
    const missed = missedOf(told({ outcomeAmount: '0.01250' }));
    const webhook = facts({ outcome_amount: '0.0125', outcome_currency: 'eth' });
    expect(factsDigest(missed)).toBe(factsDigest(webhook));
  });

  test.each(UNDER_WAY)('an estimate shown while %s is no outcome', (status) => {
    const finding = findMissed(told({ status }), OURS, undefined);
    expect(finding).toMatchObject({ facts: { outcome_amount: null, outcome_currency: null } });
  });

  test.each<[string, Partial<ToldPayment>]>([
    ['status_unknown', { status: 'Finished' }],
    ['status_unknown', { status: 'constructor' }],
    ['field_invalid', { paymentId: '0x12' }],
    ['field_invalid', { outcomeAmount: '1e30' }],
    ['field_invalid', { outcomeAmount: `0.${'1'.repeat(37)}` }],
    ['field_invalid', { outcomeCurrency: 'еth' }],
    ['field_invalid', { payAddress: 'a b' }],
  ])('%s: %j is for a person', (reason, part) => {
    expect(findMissed(told(part), OURS, undefined)).toMatchObject({ is: 'unreadable', reason });
  });
});

describe('for a person', () => {
  const shown = (part: Partial<ToldPayment>, order: OrderReading) => {
    const work = new Work(NOW);
    report(work, told(part), findMissed(told(part), order, undefined));
    return work.all(discrepancies).map(({ kind, entity, detail }) => [kind, entity, detail]);
  };
  const entity = 'payment:?:nowpayments:5077125051';

  test.each<[Partial<ToldPayment>, OrderReading, string, string]>([
    [{}, { kind: 'forged' }, 'missed_order_forged', 'finished, order_id "S1.example"'],
    [
      { status: 'partially_paid' },
      { kind: 'unknown' },
      'missed_order_unknown',
      'partially_paid, order_id "S1.example"',
    ],
    [{ orderId: null }, LEGACY, 'missed_order_unknown', 'finished, order_id ""'],
    [{ status: 'odd' }, OURS, 'missed_status_unknown', 'payment 5077125051: payment_status is "odd"'],
    [{ payAmount: '1e3' }, OURS, 'missed_field_invalid', 'payment 5077125051: pay_amount is "1e3"'],
  ])('%j: what it is, of which payment, and which value', (part, order, kind, detail) => {
    expect(shown(part, order)).toEqual([[kind, entity, detail]]);
  });

  test('the value is one line of ASCII and bounded', () => {
    const [[, , detail]] = shown({ payAddress: `\u202e\u00e9~ ${'x'.repeat(100)}` }, OURS) as [string[]];
    expect(detail).toBe(String.raw`payment 5077125051: pay_address is "\u202e\u00e9~ ${'x'.repeat(76)}"`);
  });

  test.each([
    [told(), OURS],
    [told({ status: 'waiting' }), { kind: 'unknown' } as const],
  ])('what is fed, or nobody’s business, is not', (payment, order) => {
    const work = new Work(NOW);
    report(work, payment, findMissed(payment, order, undefined));
    expect(work.all(discrepancies)).toEqual([]);
  });
});

describe('each field within the bounds of the gateway', () => {
  const is = (part: Partial<ToldPayment>) => findMissed(told(part), OURS, undefined).is;
  const nines = '9'.repeat(20);

  test.each<Partial<ToldPayment>>([
    { parentPaymentId: '5', invoiceId: null },
    { paymentId: `1${'0'.repeat(29)}` },
    { priceAmount: nines, payAmount: '0', actuallyPaid: `0.${'1'.repeat(36)}` },
    { payAddress: 'x'.repeat(200), payCurrency: 'x'.repeat(20) },
    { outcomeAmount: null, outcomeCurrency: null },
  ])('%j is read', (part) => {
    expect(is(part)).toBe('missed');
  });

  test.each<Partial<ToldPayment>>([
    { parentPaymentId: '0' },
    { parentPaymentId: '' },
    { invoiceId: '007' },
    { paymentId: `1${'0'.repeat(30)}` },
    { paymentId: ' 1' },
    { priceAmount: `1${nines}` },
    { priceAmount: '-1' },
    { payAmount: '01' },
    { actuallyPaid: '1.' },
    { actuallyPaid: '' },
    { priceCurrency: 'u s' },
    { payCurrency: '' },
    { payCurrency: 'x'.repeat(21) },
    { payAddress: 'x'.repeat(201) },
    { payAddress: '' },
    { payAddress: '\u007f' },
  ])('%j is for a person', (part) => {
    expect(is(part)).toBe('unreadable');
  });

  test('currencies are in lower case, as a webhook has them', () => {
    const { price_currency, pay_currency, outcome_currency } = missedOf(told({ payCurrency: 'XMR' }));
    expect([price_currency, pay_currency, outcome_currency]).toEqual(['usd', 'xmr', 'eth']);
  });
});

test('where a payment stands is the row of that client and payment', () => {
  const work = new Work(NOW);
  const mine = row();
  work.load(paymentStatus, [mine, row({ payment_id: '2' }), row({ client_id: 7n })]);
  expect(standing(work, String(CLIENT), mine.payment_id)).toBe(mine);
  expect(standing(work, String(CLIENT), '3')).toBeUndefined();
});

describe('feeding', () => {
  const missed = () => missedOf(told());

  test('goes to payments.received under the client, marked', () => {
    const work = new Work(NOW);
    const found = feed(work, missed(), AT);
    expect(found).toEqual({
      client_id: CLIENT,
      event_id: missedId(missed()),
      provider: 'nowpayments',
      payment_id: '5077125051',
      order_id: 'S1.example',
      status: 'finished',
      outcome_amount: '0.0125',
      outcome_currency: 'eth',
      told_at: AT,
      found_at: NOW,
    });
    expect(missedId({ ...missed(), outcome_amount: '1' })).not.toBe(missedId(missed()));
    expect(work.outbox).toMatchObject([
      {
        topic: TOPIC.received,
        key: String(CLIENT),
        type: 'payment.received',
        value: {
          event_id: missedId(missed()),
          source: 'reconcile',
          raw_digest: '',
          signature_form: 'none',
          payment: { payment_id: '5077125051', order_id: 'S1.example', outcome_currency: 'eth' },
        },
      },
    ]);
  });

  test('once: what was fed before, by whatever look or process, is not fed again', () => {
    const before = new Work(NOW);
    const fed = feed(before, missed(), AT)!;
    const after = new Work(new Date(NOW.getTime() + 60_000));
    after.load(missedWebhooks, [fed]);
    expect(feed(after, missed(), AT)).toBeUndefined();
    expect(feed(before, missed(), AT)).toBeUndefined();
    expect([before.outbox.length, after.outbox.length]).toEqual([1, 0]);
  });
});

describe('looks', () => {
  test('come at twice the age each, and at last at the end', () => {
    expect(lookAges(600, 5_000)).toEqual([600, 1_200, 2_400, 4_800, 5_000]);
    expect(lookAges(600, 600)).toEqual([600]);
  });
});

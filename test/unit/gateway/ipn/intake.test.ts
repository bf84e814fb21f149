/** The record that the gateway publishes for one webhook, and every status that it knows. */
import { describe, expect, it } from 'vitest';
import type { IntakeOptions } from '../../../../gateway/ipn/intake.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import {
  AT,
  bodyText,
  CLIENT,
  codec,
  factsOf,
  intakeOptions,
  quarantined,
  received,
  take,
} from '../support.ts';

it.each([
  'waiting',
  'confirming',
  'confirmed',
  'sending',
  'partially_paid',
  'finished',
  'failed',
  'refunded',
  'expired',
])('status %s is passed on', (status) => {
  expect(factsOf(bodyText({ payment_status: JSON.stringify(status) })).payment_status).toBe(status);
});

it.each<[string, Readonly<Record<string, string>>, Record<string, unknown>]>([
  ['an id above 2^53', { payment_id: '9007199254740993' }, { payment_id: '9007199254740993' }],
  ['an id in a text', { payment_id: '"5077125051"' }, { payment_id: '5077125051' }],
  ['an amount in a text', { outcome_amount: '"0.01327"' }, { outcome_amount: '0.01327' }],
  ['trailing zeros', { outcome_amount: '0.00140' }, { outcome_amount: '0.00140' }],
  ['an exponent', { outcome_amount: '1E-18' }, { outcome_amount: '0.000000000000000001' }],
  ['a large exponent', { pay_amount: '1e19' }, { pay_amount: `1${'0'.repeat(19)}` }],
  ['zero in a long form', { outcome_amount: '0e-99' }, { outcome_amount: '0' }],
  ['36 decimals', { pay_amount: `0.${'1'.repeat(36)}` }, { pay_amount: `0.${'1'.repeat(36)}` }],
  ['a currency in upper case', { outcome_currency: '"ETH"' }, { outcome_currency: 'eth' }],
  ['a parent', { parent_payment_id: '5077125050' }, { parent_payment_id: '5077125050' }],
  [
    "the original's order, sign lost",
    { order_id: '"PGP-6271402111-1002409379260"' },
    { client_id: CLIENT, order_id: 'PGP-6271402111-1002409379260' },
  ],
])('%s is kept exactly', (_name, changes, expected) => {
  expect(factsOf(bodyText(changes))).toMatchObject(expected);
});

describe('the record', () => {
  it('has the client as key, a digest of the bytes, ids that repeat, and the headers', () => {
    const raw = bodyText();
    const first = take(raw).record!;
    const value = received(first);
    expect(first.key).toBe(CLIENT);
    expect(value).toMatchObject({ occurred_at: AT, source: 'webhook', signature_form: 'raw' });
    expect(value.raw_digest).toMatch(/^[0-9a-f]{64}$/);
    expect(first.headers).toEqual({
      traceparent: 'none',
      'event-id': value.event_id,
      'event-type': 'payment.received',
    });
    expect(received(take(raw).record).event_id).toBe(value.event_id);
    expect(received(take(`${raw} `).record).event_id).not.toBe(value.event_id);
  });

  it('of a quarantined body says which form authenticated it', () => {
    expect(take('[]').record?.headers).toMatchObject({
      'event-type': 'record.quarantined',
      'signature-form': 'raw',
    });
  });

  it('a defect of ours parks the body instead of losing it', () => {
    const broken: IntakeOptions['codec'] = {
      encode(topic, value) {
        if (topic === TOPIC.received) throw new Error('out of order');
        return codec.encode(topic, value);
      },
    };
    const intake = take(bodyText(), undefined, { ...intakeOptions, codec: broken });
    expect(intake).toMatchObject({ status: 200, reason: 'gateway_defect' });
    expect(quarantined(intake.record)).toMatchObject({
      detail: 'out of order',
      value: Buffer.from(bodyText()),
    });
  });
});

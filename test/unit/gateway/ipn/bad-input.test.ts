/** The bad-input catalogue of the webhook, rows 35 to 74: authentic bodies, what becomes of each. */
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
  ORDER,
  quarantined,
  received,
  take,
} from '../support.ts';

type Row = readonly [name: string, changes: Readonly<Record<string, string | undefined>>, reason: string];

const text = (value: string) => JSON.stringify(value);
const many = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":0`).join(',')}}`;

function expectParked(raw: string | Buffer, reason: string): void {
  const intake = take(raw);
  expect(intake).toMatchObject({ status: 200, reason });
  expect(intake.record?.topic).toBe(TOPIC.quarantine);
  const record = quarantined(intake.record);
  expect(record.value.equals(Buffer.from(raw))).toBe(true);
  expect(record).toMatchObject({
    topic: 'webhook',
    partition: -1,
    offset: -1n,
    entity: null,
    key: null,
    reason,
  });
  expect(record.detail).toMatch(/^[\x20-\x7e]{1,500}$/);
}

describe('syntax: authentic, quarantined with its bytes [failure 37]', () => {
  it.each<[string, string, string]>([
    ['35 not JSON', 'payment=1&status=finished', 'json_invalid'],
    ['36 truncated', bodyText().slice(0, -1), 'json_invalid'],
    ['37 a list', '[]', 'json_invalid'],
    ['37 a text', '"finished"', 'json_invalid'],
    ['37 null', 'null', 'json_invalid'],
    ['37 a number', '1', 'json_invalid'],
    ['38 trailing garbage', `${bodyText()}x`, 'json_invalid'],
    ['38 two documents', bodyText() + bodyText(), 'json_invalid'],
    ['39 byte order mark', `\ufeff${bodyText()}`, 'json_invalid'],
    ['40 lone surrogate', bodyText({ order_description: '"\\ud83e"' }), 'json_invalid'],
    ['41 deep', bodyText({ fee: '['.repeat(10_000) }), 'json_too_complex'],
    ['42 many keys', bodyText({ fee: many(1_000) }), 'json_too_complex'],
    [
      '43 payment_status twice',
      bodyText().replace('{', '{"payment_status":"waiting",'),
      'json_duplicate_key',
    ],
    ['43 price_amount twice', bodyText().replace('{', '{"price_amount":1,'), 'json_duplicate_key'],
    ['43 a nested key twice', bodyText({ fee: '{"a":1,"a":1}' }), 'json_duplicate_key'],
    ['45 NaN', bodyText({ outcome_amount: 'NaN' }), 'json_invalid'],
    ['45 Infinity', bodyText({ outcome_amount: 'Infinity' }), 'json_invalid'],
    ['45 a comment', `${bodyText()}//`, 'json_invalid'],
    ['45 single quotes', "{'payment_id':1}", 'json_invalid'],
    [
      '50 60 kB in one field, and cut',
      bodyText({ order_description: `"${'x'.repeat(60_000)}` }),
      'json_invalid',
    ],
  ])('%s', (_name, raw, reason) => {
    expectParked(raw, reason);
  });

  it('40 invalid UTF-8', () => {
    expectParked(Buffer.from(bodyText({ order_description: '"\u00ff"' }), 'latin1'), 'json_invalid');
  });
});

describe('values: authentic, quarantined [failures 33, 37]', () => {
  const rows: Row[] = [
    [
      '46 a key in another case',
      { payment_status: undefined, Payment_Status: '"finished"' },
      'field_missing',
    ],
    ['51 payment_id missing', { payment_id: undefined }, 'field_missing'],
    ['51 payment_id null', { payment_id: 'null' }, 'field_missing'],
    ['51 payment_id 0', { payment_id: '0' }, 'field_invalid'],
    ['51 payment_id negative', { payment_id: '-5077125051' }, 'field_invalid'],
    ['51 payment_id with decimals', { payment_id: '5077125051.5' }, 'field_invalid'],
    ['51 payment_id .0', { payment_id: '5077125051.0' }, 'field_invalid'],
    ['51 payment_id 1e3', { payment_id: '1e3' }, 'field_invalid'],
    ['51 payment_id with leading zero', { payment_id: '"0077"' }, 'field_invalid'],
    ['51 payment_id as words', { payment_id: '"abc"' }, 'field_invalid'],
    ['51 payment_id empty', { payment_id: '""' }, 'field_invalid'],
    ['51 payment_id 10 KiB', { payment_id: '1'.repeat(10_240) }, 'field_invalid'],
    ['51 payment_id in other digits', { payment_id: '"٥٠٧"' }, 'field_invalid'],
    ['52 status missing', { payment_status: undefined }, 'field_missing'],
    ['52 status null', { payment_status: 'null' }, 'field_missing'],
    ['52 status unknown', { payment_status: '"settled"' }, 'status_unknown'],
    ['52 status in mixed case', { payment_status: '"Finished"' }, 'status_unknown'],
    ['52 status with space', { payment_status: '" finished"' }, 'status_unknown'],
    ['52 status empty', { payment_status: '""' }, 'status_unknown'],
    ['52 status from a prototype', { payment_status: '"constructor"' }, 'status_unknown'],
    ['52 status a number', { payment_status: '5' }, 'field_invalid'],
    ['53 amount as words', { outcome_amount: '"ten"' }, 'field_invalid'],
    ['53 amount with comma', { outcome_amount: '"1,5"' }, 'field_invalid'],
    ['53 amount with space', { outcome_amount: '" 1"' }, 'field_invalid'],
    ['53 amount empty', { outcome_amount: '""' }, 'field_invalid'],
    ['53 amount in hex', { outcome_amount: '"0x10"' }, 'field_invalid'],
    ['53 amount with a leading zero', { outcome_amount: '"01.5"' }, 'field_invalid'],
    ['54 negative', { outcome_amount: '-0.01' }, 'field_invalid'],
    ['54 negative price', { price_amount: '-50' }, 'field_invalid'],
    ['54 negative as text', { outcome_amount: '"-0.01"' }, 'field_invalid'],
    ['56 37 decimals', { outcome_amount: `0.${'0'.repeat(36)}1` }, 'number_inexact'],
    ['56 1e-37', { outcome_amount: '1e-37' }, 'number_inexact'],
    ['57 1e30', { outcome_amount: '1e30' }, 'number_inexact'],
    ['57 10^78', { outcome_amount: `1${'0'.repeat(78)}` }, 'number_inexact'],
    ['57 10^78 paid', { actually_paid: `1${'0'.repeat(78)}` }, 'number_inexact'],
    ['57 1e999999', { outcome_amount: '1e999999' }, 'number_inexact'],
    ['57 an exponent of a kilobyte', { outcome_amount: `1e${'9'.repeat(1_000)}` }, 'field_invalid'],
    ['57 60,000 zeros', { outcome_amount: `1${'0'.repeat(60_000)}1` }, 'field_invalid'],
    ['58 -0', { outcome_amount: '-0' }, 'field_invalid'],
    ['62 currency Cyrillic', { outcome_currency: text('еth') }, 'field_invalid'],
    ['62 currency empty', { outcome_currency: '""' }, 'field_invalid'],
    ['62 currency with space', { outcome_currency: '"eth "' }, 'field_invalid'],
    ['62 currency a number', { pay_currency: '1' }, 'field_invalid'],
    ['64 order_id missing', { order_id: undefined }, 'field_missing'],
    ['64 order_id null', { order_id: 'null' }, 'field_missing'],
    ['64 order_id a number', { order_id: '123' }, 'field_invalid'],
    ['65 wrong prefix', { order_id: '"INV-2025-000123"' }, 'order_unknown'],
    ['65 missing separator', { order_id: '"PGP-6271402111"' }, 'order_unknown'],
    ['65 extra |', { order_id: '"PGP-1||-1002409379260"' }, 'order_unknown'],
    ['65 SQL', { order_id: `"' OR 1=1; DROP TABLE orders; --"` }, 'order_unknown'],
    ['65 HTML', { order_id: '"<img src=x onerror=alert(1)>"' }, 'order_unknown'],
    ['65 template', { order_id: `"\${jndi:ldap://x}"` }, 'order_unknown'],
    ['65 10 KiB', { order_id: text('A'.repeat(10_240)) }, 'order_unknown'],
    ['65 right-to-left', { order_id: text(`\u202e${ORDER}`) }, 'order_unknown'],
    ['65 zero width', { order_id: text(`\u200b${ORDER}`) }, 'order_unknown'],
    ['65 newline', { order_id: text('x\nERROR all is lost \u001b[31m') }, 'order_unknown'],
    ['65 ours with a newline', { order_id: text(`${ORDER}\n`) }, 'order_forged'],
    ['65 ours cut', { order_id: text(ORDER.slice(0, -1)) }, 'order_forged'],
    ['65 ours, lower case', { order_id: text(ORDER.toLowerCase()) }, 'order_unknown'],
    [
      '66 ours for another client',
      { order_id: text(ORDER.replace(CLIENT, '-1009999999999')) },
      'order_forged',
    ],
    ['68 address with control characters', { pay_address: text('0xab\u0000') }, 'field_invalid'],
    ['68 address in another script', { pay_address: text('0хab') }, 'field_invalid'],
    ['68 address of 10 KiB', { pay_address: text('a'.repeat(10_240)) }, 'field_invalid'],
    ['72 invoice_id no id', { invoice_id: '"four"' }, 'field_invalid'],
    ['74 payment_id a list', { payment_id: '[5077125051]' }, 'field_invalid'],
    ['74 payment_id true', { payment_id: 'true' }, 'field_invalid'],
    ['74 status an object', { payment_status: '{}' }, 'field_invalid'],
    ['74 amount true', { outcome_amount: 'true' }, 'field_invalid'],
    ['74 amount an object', { price_amount: '{"amount":50}' }, 'field_invalid'],
    ['74 amount a list', { pay_amount: '[50]' }, 'field_invalid'],
    ['74 currency a list', { outcome_currency: '["eth"]' }, 'field_invalid'],
    ['74 order a list', { order_id: '["x"]' }, 'field_invalid'],
    ['a withdrawal notice with a payment in it', { batch_withdrawal_id: '"1"' }, 'field_invalid'],
  ];
  it.each(rows)('%s', (_name, changes, reason) => {
    expectParked(bodyText(changes), reason);
  });
});

describe('values: authentic, passed on [failures 33, 34]', () => {
  it.each<[string, Readonly<Record<string, string | undefined>>, Record<string, unknown>]>([
    ['44 __proto__ and constructor', { __proto__x: '1', constructor: '{"prototype":{"a":1}}' }, {}],
    ['48 integer-like keys', { '10': '1', '9': '2' }, {}],
    ['49 unknown fields', { something_new: '{"a":[1]}' }, {}],
    ['51 payment_id above 2^53', { payment_id: '9007199254740993' }, { payment_id: '9007199254740993' }],
    ['51 payment_id as digits in a text', { payment_id: '"5077125051"' }, { payment_id: '5077125051' }],
    ['53 amount as text', { outcome_amount: '"0.01327"' }, { outcome_amount: '0.01327' }],
    ['55 zero', { actually_paid: '0' }, { actually_paid: '0' }],
    ['55 zero in a long form', { outcome_amount: '0e-99' }, { outcome_amount: '0' }],
    ['56 1e-7', { outcome_amount: '1e-7' }, { outcome_amount: '0.0000001' }],
    ['56 1e-18', { outcome_amount: '1E-18' }, { outcome_amount: '0.000000000000000001' }],
    ['56 trailing zeros', { outcome_amount: '0.00140' }, { outcome_amount: '0.00140' }],
    ['56 36 decimals', { pay_amount: `0.${'1'.repeat(36)}` }, { pay_amount: `0.${'1'.repeat(36)}` }],
    ['57 the largest', { pay_amount: '9'.repeat(20) }, { pay_amount: '9'.repeat(20) }],
    ['57 1e19', { pay_amount: '1e19' }, { pay_amount: `1${'0'.repeat(19)}` }],
    [
      '60 no outcome yet',
      { payment_status: '"confirming"', outcome_amount: 'null', outcome_currency: 'null' },
      { payment_status: 'confirming', outcome_amount: null, outcome_currency: null },
    ],
    ['61 finished without outcome', { outcome_amount: 'null' }, { outcome_amount: null }],
    ['61 finished with outcome 0', { outcome_amount: '0' }, { outcome_amount: '0' }],
    ['62 currency in upper case', { outcome_currency: '"ETH"' }, { outcome_currency: 'eth' }],
    ['62 currency with network', { outcome_currency: '"usdttrc20"' }, { outcome_currency: 'usdttrc20' }],
    ['67 an order of ours without a row', {}, { client_id: CLIENT, order_id: ORDER }],
    ['68 an address with a wrong checksum', { pay_address: '"0xABCdef"' }, { pay_address: '0xABCdef' }],
    ['69 odd dates', { created_at: '1762093268335', updated_at: '"1970-01-01"' }, {}],
    ['70 paid more than asked', { actually_paid: '99' }, { actually_paid: '99', pay_amount: '50.2' }],
    ['71 another price', { price_amount: '49.99' }, { price_amount: '49.99' }],
    ['72 another invoice', { invoice_id: '"1"' }, { invoice_id: '1' }],
    ['73 a fee larger than the amount', { fee: '{"depositFee":1000,"serviceFee":-5}' }, {}],
    ['83 a repeated deposit', { parent_payment_id: '5077125050' }, { parent_payment_id: '5077125050' }],
    [
      "65 the original's order, sign lost",
      { order_id: '"PGP-6271402111-1002409379260"' },
      { client_id: '-1002409379260', order_id: 'PGP-6271402111-1002409379260' },
    ],
  ])('%s', (_name, changes, expected) => {
    expect(factsOf(bodyText(changes))).toMatchObject(expected);
  });

  it('44 a real __proto__ key pollutes nothing', () => {
    const raw = bodyText().replace('{', '{"__proto__":{"payment_status":"finished","polluted":1},');
    expect(factsOf(raw).payment_id).toBe('5077125051');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

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
  ])('status %s', (status) => {
    expect(factsOf(bodyText({ payment_status: text(status) })).payment_status).toBe(status);
  });

  it('86 a withdrawal notice is counted and has no effect', () => {
    const raw = '{"amount":"50","batch_withdrawal_id":"5000123456","id":"1","status":"FINISHED"}';
    const intake = take(raw);
    expect(intake).toMatchObject({ status: 200, reason: 'payout_notice' });
    expect(intake.record).toBeUndefined();
  });
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

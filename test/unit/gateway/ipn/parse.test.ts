/** The facts of a payment, field by field and at each bound; where one cannot be read, which and why, safe to print. */
import { describe, expect, it } from 'vitest';
import { JsonNumber, type JsonValue, parseJson } from '../../../../gateway/ipn/json.ts';
import { PAYMENT_STATUSES, readIpn } from '../../../../gateway/ipn/parse.ts';
import { makeOrderId } from '../../../../schemas/order-id.ts';
import { orderMac } from '../../../../schemas/order-mac.ts';
import { bodyText, CLIENT, ORDER, orders } from '../support.ts';

/** @param changes JSON texts; undefined: the field is left out */
function read(changes: Readonly<Record<string, string | undefined>> = {}) {
  return readIpn(parseJson(Buffer.from(bodyText(changes))), orders);
}

/** One fact, or the reason and detail of its refusal. */
function fact(field: string, text: string | undefined): unknown {
  const reading = read({ [field]: text });
  if (reading.kind === 'payment') return reading.facts[field as keyof typeof reading.facts];
  return reading.kind === 'quarantine' ? `${reading.reason}: ${reading.detail}` : reading.kind;
}

const json = (value: string) => JSON.stringify(value);

it('every field has its place', () => {
  expect(read({ parent_payment_id: '5077125050' })).toEqual({
    kind: 'payment',
    facts: {
      provider: 'nowpayments',
      payment_id: '5077125051',
      parent_payment_id: '5077125050',
      invoice_id: '4522629741',
      client_id: CLIENT,
      order_id: ORDER,
      payment_status: 'finished',
      price_amount: '50',
      price_currency: 'usd',
      pay_amount: '50.2',
      pay_currency: 'usdttrc20',
      actually_paid: '50.2',
      pay_address: '0x0944fe0c9dfb369bab13dfae62765500a1b2c3d4',
      outcome_amount: '0.01327841',
      outcome_currency: 'eth',
    },
  });
});

describe('the document', () => {
  it.each<[string, JsonValue]>([
    ['a list', []],
    ['a text', 'finished'],
    ['a number', new JsonNumber('1')],
    ['nothing', null],
    ['a word', true],
  ])('%s is no payment', (_name, body) => {
    expect(readIpn(body, orders)).toEqual({
      kind: 'quarantine',
      reason: 'json_invalid',
      detail: 'the document is not an object',
    });
  });

  it('about a withdrawal has no effect, and may have nothing of a payment', () => {
    const notice = (field?: string) =>
      readIpn(
        new Map<string, JsonValue>([
          ['batch_withdrawal_id', '7'],
          ...(field ? [[field, null] as const] : []),
        ]),
        orders,
      );
    expect(notice()).toEqual({ kind: 'notice' });
    for (const field of ['payment_id', 'payment_status', 'outcome_amount'])
      expect(notice(field)).toEqual({
        kind: 'quarantine',
        reason: 'field_invalid',
        detail: `a withdrawal notice with ${field}`,
      });
  });
});

describe('what must be there', () => {
  it.each(['payment_id', 'payment_status', 'order_id'])('%s', (field) => {
    for (const text of [undefined, 'null'])
      expect(fact(field, text)).toBe(`field_missing: ${field} is missing`);
  });

  it.each([
    'parent_payment_id',
    'invoice_id',
    'price_amount',
    'pay_amount',
    'actually_paid',
    'outcome_amount',
  ])('not %s', (field) => {
    for (const text of [undefined, 'null']) expect(fact(field, text)).toBeNull();
  });

  it.each(['price_currency', 'pay_currency', 'outcome_currency', 'pay_address'])('nor %s', (field) => {
    for (const text of [undefined, 'null']) expect(fact(field, text)).toBeNull();
  });
});

describe.each(['payment_id', 'parent_payment_id', 'invoice_id'])('%s', (field) => {
  const longest = `1${'0'.repeat(29)}`;
  it.each([
    ['1', '1'],
    ['"1"', '1'],
    ['9007199254740993', '9007199254740993'],
    [longest, longest],
  ])('%s is read as %s', (text, id) => {
    expect(fact(field, text)).toBe(id);
  });

  it.each([
    '0',
    '"0"',
    '"007"',
    '1e3',
    '-5',
    '1.0',
    '""',
    '" 1"',
    '"1 "',
    '"1\\n"',
    '"0x12"',
    `${longest}0`,
    'true',
    '[]',
    '{}',
  ])('%s is none', (text) => {
    expect(fact(field, text)).toMatch(new RegExp(`^field_invalid: ${field} is `));
  });
});

describe('the status', () => {
  it('is one of nine', () => {
    expect([...PAYMENT_STATUSES]).toHaveLength(9);
    for (const status of PAYMENT_STATUSES) expect(fact('payment_status', json(status))).toBe(status);
  });

  it.each(['Finished', '', 'finished ', 'wrong', 'constructor'])('%j is unknown', (status) => {
    expect(fact('payment_status', json(status))).toBe(`status_unknown: payment_status is ${json(status)}`);
  });

  it.each([
    ['5', 'field_invalid: payment_status is 5'],
    ['["finished"]', 'field_invalid: payment_status is a list'],
  ])('%s is no status', (text, detail) => {
    expect(fact('payment_status', text)).toBe(detail);
  });
});

describe('the order', () => {
  const forged = `${ORDER.slice(0, -1)}${ORDER.endsWith('A') ? 'B' : 'A'}`;
  it.each([
    ['forged', json(forged), `order_forged: order_id is ${json(forged)}`],
    ['unknown', '"whatever"', 'order_unknown: order_id is "whatever"'],
    ['a number', '12', 'field_invalid: order_id is 12'],
    ['an object', '{}', 'field_invalid: order_id is an object'],
  ])('%s', (_name, text, detail) => {
    expect(fact('order_id', text)).toBe(detail);
  });

  it('says whose the payment is', () => {
    const other = makeOrderId({ client: '-7', random: Buffer.alloc(10), mac: orderMac('order-canary-5d10') });
    expect(read({ order_id: json(other) })).toMatchObject({ facts: { client_id: '-7', order_id: other } });
  });
});

describe.each(['outcome_amount', 'price_amount'])('an amount: %s', (field) => {
  const nines = '9'.repeat(20);
  it.each([
    ['0', '0'],
    ['0.00', '0.00'],
    ['"1.50"', '1.50'],
    [nines, nines],
    [`0.${'1'.repeat(36)}`, `0.${'1'.repeat(36)}`],
    ['1e3', '1000'],
    ['1.50e-3', '0.00150'],
    ['123.45E+1', '1234.5'],
    ['1e19', `1${'0'.repeat(19)}`],
    ['1e-36', `0.${'0'.repeat(35)}1`],
    // A zero, however it is written, and any number of zeros behind a fraction.
    ['0e99999', '0'],
    ['0.0e-5', '0'],
    [`1.${'0'.repeat(40)}`, '1'],
    [`0.5${'0'.repeat(60)}`, '0.5'],
    [`12${'0'.repeat(40)}e-40`, '12'],
    [`12${'0'.repeat(20)}e-20`, `12.${'0'.repeat(20)}`],
    [`0.${'0'.repeat(198)}`, '0'],
  ])('%s is %s', (text, amount) => {
    expect(fact(field, text)).toBe(amount);
  });

  it.each([
    '"00"',
    '"01"',
    '"1."',
    '".5"',
    '"+1"',
    '"-1"',
    '-1',
    '-0',
    '-0.0',
    '"1,5"',
    '"1e"',
    '"NaN"',
    '" 1"',
    '"1\\n"',
    '""',
    'true',
    '[1]',
    `0.${'0'.repeat(199)}`,
  ])('%s is none', (text) => {
    expect(fact(field, text)).toMatch(new RegExp(`^field_invalid: ${field} is `));
  });

  it.each([`1${nines}`, '1e20', '1e-37', `0.${'1'.repeat(37)}`, '1e999999'])(
    '%s is too large or too fine',
    (text) => {
      expect(fact(field, text)).toBe(
        `number_inexact: ${field} is ${text}: too large or too fine to be kept exactly`,
      );
    },
  );
});

describe.each(['outcome_currency', 'pay_currency', 'price_currency'])('a currency: %s', (field) => {
  it.each([
    ['ETH', 'eth'],
    ['usdTerc20', 'usdterc20'],
    ['1'.repeat(20), '1'.repeat(20)],
  ])('%s is %s', (text, code) => {
    expect(fact(field, json(text))).toBe(code);
  });

  it.each(['', 'e th', 'eth ', ' eth', 'eth\n', '\u0435th', 'e'.repeat(21), 'usdt-erc20'])(
    '%j is none',
    (text) => {
      expect(fact(field, json(text))).toMatch(new RegExp(`^field_invalid: ${field} is `));
    },
  );

  it('a number is none', () => {
    expect(fact(field, '1')).toBe(`field_invalid: ${field} is 1`);
  });
});

describe('an address', () => {
  it.each(['!', '~', 'x'.repeat(200)])('%s is one', (text) => {
    expect(fact('pay_address', json(text))).toBe(text);
  });

  it.each(['', 'a b', ' a', 'a\n', '\u007f', '\u0435', 'x'.repeat(201)])('%j is none', (text) => {
    expect(fact('pay_address', json(text))).toMatch(/^field_invalid: pay_address is "/);
  });

  it('a number is none', () => {
    expect(fact('pay_address', '5')).toBe('field_invalid: pay_address is 5');
  });
});

describe('what is shown of a value', () => {
  it.each([
    ['true', 'true'],
    ['false', 'false'],
    ['[1]', 'a list'],
    ['{"a":1}', 'an object'],
    [`-1${'0'.repeat(100)}`, `-1${'0'.repeat(78)}`],
    [json('x'.repeat(100)), `"${'x'.repeat(80)}"`],
    [json('\u202e\n\u007f\u001b[31m\ud83d\ude00é'), String.raw`"\u202e\n\u007f\u001b[31m\ud83d\ude00\u00e9"`],
    [json('~ !'), '"~ !"'],
  ])('%s: %s', (text, shown) => {
    expect(fact('invoice_id', text)).toBe(`field_invalid: invoice_id is ${shown}`);
  });
});

/** Order ids: ours round-trip, nobody else's pass, the original's forms only when they are switched on. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeOrderId, readOrderId } from '../../../schemas/order-id.ts';
import { orderKeys, orderMac } from '../../../schemas/order-mac.ts';

const secret = 'order-secret-of-a-test';
const keys = orderKeys({ secret, legacy: false });
const legacy = orderKeys({ secret, legacy: true });
const client = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((id) => id !== 0n);
const random = fc.uint8Array({ minLength: 10, maxLength: 10 });
const make = (id: string, key = secret) =>
  makeOrderId({ client: id, random: new Uint8Array(10).fill(7), mac: orderMac(key) });

describe('our form', () => {
  it('round-trips for every client and chance [failures 29, 62]', () => {
    fc.assert(
      fc.property(client, random, (id, bytes) => {
        const text = makeOrderId({ client: String(id), random: bytes, mac: orderMac(secret) });
        expect(text).toMatch(/^S1\.-?\d+\.[A-Z2-7]{16}\.[A-Z2-7]{16}$/);
        expect(readOrderId(text, keys)).toEqual({ kind: 'ours', client: String(id) });
      }),
    );
  });

  it('is base32 of RFC 4648 over the bytes, and the MAC of everything before its dot', () => {
    const text = makeOrderId({ client: '-1', random: Buffer.from('0123456789'), mac: orderMac(secret) });
    const [form, id, bytes, mac] = text.split('.');
    expect([form, id, bytes]).toEqual(['S1', '-1', 'GAYTEMZUGU3DOOBZ']);
    const digest = createHmac('sha256', secret).update('S1.-1.GAYTEMZUGU3DOOBZ').digest();
    const bits = [...digest.subarray(0, 10)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const expected = bits
      .match(/.{5}/g)!
      .map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)]);
    expect(mac).toBe(expected.join(''));
  });

  it('is forged after any change of one character [failure H15]', () => {
    const text = make('-1002409379260');
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'ABZ234567-.0189sx|'), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        fc.pre(changed !== text);
        expect(readOrderId(changed, legacy).kind).not.toBe('ours');
      }),
      { numRuns: 1_000 },
    );
  });

  it('is forged under another secret, also of another environment [failure 58]', () => {
    expect(readOrderId(make('-1002409379260', 'another'), keys)).toEqual({ kind: 'forged' });
  });

  it('is read under the previous secret during a rotation only', () => {
    const old = make('-5', 'old');
    const rotating = orderKeys({ secret, previous: 'old', legacy: false });
    expect(readOrderId(old, rotating)).toEqual({ kind: 'ours', client: '-5' });
    expect(readOrderId(old, keys)).toEqual({ kind: 'forged' });
  });

  it('is not made for what is no client id, or with other than 10 bytes', () => {
    for (const id of [
      '',
      '0',
      '-0',
      '007',
      '1e3',
      '9223372036854775808',
      '-9223372036854775809',
      '1.5',
      'x',
    ]) {
      expect(() => make(id)).toThrow(/not a client id/);
    }
    expect(() => makeOrderId({ client: '1', random: new Uint8Array(9), mac: orderMac(secret) })).toThrow(
      /10 random/,
    );
  });

  it('needs a secret', () => {
    expect(() => orderMac('  ')).toThrow(/ORDER_SECRET/);
  });
});

describe("the original's forms", () => {
  it.each([
    ['PGP-6271402111|-1002409379260', '-1002409379260', '6271402111'],
    ['PGP-6271402111-1002409379260', '-1002409379260', '6271402111'],
    ['PGP-6271402111--1002409379260', '-1002409379260', '6271402111'],
  ])('%s is read with LEGACY_ORDERS=on only [failure 62]', (text, id, user) => {
    expect(readOrderId(text, legacy)).toEqual({ kind: 'legacy', client: id, user });
    expect(readOrderId(text, keys)).toEqual({ kind: 'unknown' });
  });

  it.each([
    'PGP-6271402111|1002409379260',
    'PGP-6271402111||-1002409379260',
    'PGP-6271402111|-1002409379260|x',
    'PGP-6271402111---1002409379260',
    'PGP-6271402111|-0002409379260',
    'PGP-6271402111|-123',
    'PGP-|-1002409379260',
    'pgp-6271402111|-1002409379260',
    ' PGP-6271402111|-1002409379260',
    'PGP-6271402111|-1002409379260\n',
    'PGP-6271402111|-1002409379260\u200b',
    '\u202ePGP-6271402111|-1002409379260',
    'PGP-6271402111|donation_default',
    'INV-2025-000123',
    "' OR 1=1 --",
    '<script>alert(1)</script>',
    '{{7*7}}',
    `PGP-${'1'.repeat(10_240)}|-1002409379260`,
    '',
  ])('%j is no order of ours', (text) => {
    expect(readOrderId(text, legacy)).toEqual({ kind: 'unknown' });
  });
});

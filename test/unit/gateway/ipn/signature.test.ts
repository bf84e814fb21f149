/** Which signatures are authentic: three forms, two secrets. Single bad signatures: the catalogue of bad inputs. */
import { describe, expect, it } from 'vitest';
import { javascriptText, sortedText } from '../../../../gateway/ipn/canonical.ts';
import { parseJson } from '../../../../gateway/ipn/json.ts';
import {
  ipnSecrets,
  MAX_REWRITTEN_BYTES,
  readAuthenticated,
  verifySignature,
} from '../../../../gateway/ipn/signature.ts';
import { javascriptSender } from '../../../fixtures/bad-inputs/signatures.ts';
import { bodyText, factsOf, IPN_SECRET, PREVIOUS_SECRET, quarantined, sign, take } from '../support.ts';

const secrets = ipnSecrets(IPN_SECRET, PREVIOUS_SECRET);
const verdict = (raw: string, header: unknown, keys = secrets) => {
  const verified = verifySignature(Buffer.from(raw), header, keys);
  return verified.authentic ? `${verified.form} ${verified.secret}` : 'not authentic';
};

const unsorted = '{"b": 1.10, "a": {"z": 5.0, "y": [3, 0.00000001]}, "10": 1, "9": 2, "é": "\\u00e9/"}';

describe('forms', () => {
  it('raw: over the bytes as they are', () => {
    expect(verdict(unsorted, sign(unsorted))).toBe('raw current');
  });

  it('sorted: keys in order at every depth, compact, numbers as written', () => {
    const text = '{"10":1,"9":2,"a":{"y":[3,0.00000001],"z":5.0},"b":1.10,"é":"é/"}';
    expect(sortedText(parseJson(Buffer.from(unsorted)))).toBe(text);
    expect(verdict(unsorted, sign(text))).toBe('sorted current');
  });

  it('javascript: as JSON.stringify prints it, integer-like keys first', () => {
    const text = '{"9":2,"10":1,"a":{"y":[3,1e-8],"z":5},"b":1.1,"é":"é/"}';
    expect(javascriptSender(unsorted)).toBe(text);
    expect(javascriptText(parseJson(Buffer.from(unsorted)))).toBe(text);
    expect(verdict(unsorted, sign(text))).toBe('javascript current');
  });

  it('form 3 vouches for the printed number: the value used is that one', () => {
    const raw = bodyText({ outcome_amount: '0.00000011000', pay_amount: '5.0', payment_id: '5077125051' });
    const facts = factsOf(raw, sign(javascriptSender(raw)));
    expect(facts.outcome_amount).toBe('0.00000011');
    expect(facts.pay_amount).toBe('5');
    expect(factsOf(raw).outcome_amount).toBe('0.00000011000');
  });

  it.each([
    ['payment_id', '9007199254740993'],
    ['outcome_amount', '0.1000000000000000055'],
    ['outcome_amount', '0.0123456789012345670'],
    ['outcome_amount', '1e400'],
    ['outcome_amount', '1e-400'],
    ['unused', '{"deep":[1.23456789012345678]}'],
  ])('form 3 with %s = %s is quarantined: other texts share the signature', (field, lexeme) => {
    const raw = bodyText({ [field]: lexeme });
    const intake = take(raw, sign(javascriptSender(raw)));
    expect(intake.reason).toBe('number_inexact');
    expect(intake.signature?.form).toBe('javascript');
    expect(quarantined(intake.record).value.toString()).toBe(raw);
  });

  it('15 significant digits are exact under form 3', () => {
    const raw = bodyText({ outcome_amount: '0.0123456789012345000' });
    expect(factsOf(raw, sign(javascriptSender(raw))).outcome_amount).toBe('0.0123456789012345');
  });

  it('a redrive reads the value that the signature vouched for', () => {
    const raw = Buffer.from('{"a":5.0}');
    expect(readAuthenticated(raw, 'javascript')).toEqual({ json: new Map([['a', { lexeme: '5' }]]) });
    expect(readAuthenticated(Buffer.from('{"a":1e400}'), 'javascript')).toMatchObject({
      reason: 'number_inexact',
    });
    expect(readAuthenticated(Buffer.from('{"a":1,"a":2}'), 'javascript')).toMatchObject({
      reason: 'json_duplicate_key',
      detail: expect.stringContaining('stands twice'),
    });
    expect(readAuthenticated(raw, 'raw')).toEqual({ json: new Map([['a', { lexeme: '5.0' }]]) });
  });
});

describe('secrets', () => {
  const raw = bodyText();

  it('the previous one is good during the rotation only', () => {
    expect(verdict(raw, sign(raw, PREVIOUS_SECRET))).toBe('raw previous');
    expect(verdict(unsorted, sign(javascriptSender(unsorted), PREVIOUS_SECRET))).toBe('javascript previous');
    expect(verdict(raw, sign(raw, PREVIOUS_SECRET), ipnSecrets(IPN_SECRET))).toBe('not authentic');
    expect(verdict(raw, sign(raw, PREVIOUS_SECRET), ipnSecrets(IPN_SECRET, ' '))).toBe('not authentic');
  });
});

describe('secrets as they are set', () => {
  it.each(['', ' ', '\n\t'])('%j is none: everybody could sign with it', (empty) => {
    expect(() => ipnSecrets(empty)).toThrow('NOWPAYMENTS_IPN_SECRET is empty');
    expect(ipnSecrets('one', empty).previous).toBeUndefined();
  });

  it('the line break behind a mounted secret is no part of it', () => {
    const keys = ipnSecrets(` ${IPN_SECRET}\n`, `\t${PREVIOUS_SECRET} `);
    expect(verdict('{}', sign('{}'), keys)).toBe('raw current');
    expect(verdict('{}', sign('{}', PREVIOUS_SECRET), keys)).toBe('raw previous');
  });
});

describe('not authentic', () => {
  const raw = bodyText();
  const good = sign(raw);

  it.each<[string, unknown]>([
    ['two headers, as a list', [good, good]],
    ['two headers, joined', `${good}, ${good}`],
    ['no text', 12],
    ['no header', undefined],
    ['a list of one', [good]],
    ['one digit more', `${good}0`],
    ['one digit less', good.slice(1)],
  ])('%s', (_name, header) => {
    expect(verdict(raw, header)).toBe('not authentic');
  });

  it('any one byte changed', () => {
    const short = '{"b":1.10, "a":[null,"é"]}';
    const signature = sign(short);
    const bytes = Buffer.from(short);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(verifySignature(changed, signature, secrets).authentic).toBe(false);
    }
    expect(verifySignature(bytes, signature, secrets).authentic).toBe(true);
  });

  it('an empty body, whatever signs it', () => {
    expect(verdict('', sign(''))).toBe('not authentic');
  });

  it('a rewritten form of a body over 16 KiB; its own bytes still are', () => {
    const padded = (size: number) => `{"b":1, "a":"${'x'.repeat(size - 15)}"}`;
    const sorted = (text: string) => sortedText(parseJson(Buffer.from(text)));
    const [most, over] = [padded(MAX_REWRITTEN_BYTES), padded(MAX_REWRITTEN_BYTES + 1)];
    expect(most).toHaveLength(MAX_REWRITTEN_BYTES);
    expect(verdict(most, sign(sorted(most)))).toBe('sorted current');
    expect(verifySignature(Buffer.from(over), sign(sorted(over)), secrets)).toEqual({ authentic: false });
    expect(verdict(over, sign(over))).toBe('raw current');
  });

  it('is nothing but that, whatever was wrong', () => {
    for (const header of [undefined, good, sign('{"a":1}')])
      expect(verifySignature(Buffer.from('{"a":1, "a":1}'), header, secrets)).toEqual({ authentic: false });
  });

  it('a body that does not parse has no form but its bytes', () => {
    expect(verdict('{"a":1,"a":2}', sign('{"a":2}'))).toBe('not authentic');
    expect(verdict('{"a":1,"a":2}', sign('{"a":1,"a":2}'))).toBe('raw current');
  });
});

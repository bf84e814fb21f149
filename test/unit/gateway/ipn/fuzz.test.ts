/**
 * Mutated bodies under a genuine signature: never accepted with another meaning. The oracle is independent of the
 * reader under test: it compares with what was signed, through JSON.parse and bigint arithmetic.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUnits } from '../../../../schemas/money.ts';
import { bodyText, factsOf, received, sign, take } from '../support.ts';

/** Sent unsorted and spaced, as forms 2 and 3 allow. */
const sent = bodyText().replace('{"actually', '{ "zz" : [1, {"b": 2.50, "a": "\\u0041"}], "actually');
const sortedSigned = `${bodyText().slice(0, -1)},"zz":[1,{"a":"A","b":2.50}]}`;
const javascriptSigned = JSON.stringify(JSON.parse(sortedSigned));
const signatures = [
  ['raw', sign(sent)],
  ['sorted', sign(sortedSigned)],
  ['javascript', sign(javascriptSigned)],
] as const;

const AMOUNTS = ['actually_paid', 'outcome_amount', 'pay_amount', 'price_amount'] as const;

/** Equal in everything the ledger could act on. */
function sameMeaning(a: ReturnType<typeof factsOf>, b: ReturnType<typeof factsOf>): void {
  for (const field of Object.keys(a) as (keyof typeof a)[]) {
    if ((AMOUNTS as readonly string[]).includes(field)) {
      expect(parseUnits(a[field] ?? '0', 40)).toBe(parseUnits(b[field] ?? '0', 40));
    } else expect(a[field]).toBe(b[field]);
  }
}

const mutation = fc.record({
  at: fc.nat(sent.length - 1),
  cut: fc.integer({ min: 0, max: 4 }),
  insert: fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789.eE+-"{}[],: \n\\u'), maxLength: 6 }),
    fc.constantFrom(
      '00',
      '.0',
      'e0',
      'e1',
      '000000000000000000001',
      '\\u0061',
      '"a":1,',
      ',"payment_id":1',
      ' ',
    ),
  ),
});

describe.each(signatures)('signed as %s', (form, signature) => {
  const genuine = factsOf(sent, signature);

  it('is accepted unchanged', () => {
    expect(take(sent, signature).signature?.form).toBe(form);
    expect(genuine.outcome_amount).toBe('0.01327841');
  });

  it('a mutated body is refused, parked, or means the same', () => {
    fc.assert(
      fc.property(mutation, ({ at, cut, insert }) => {
        const body = sent.slice(0, at) + insert + sent.slice(at + cut);
        const intake = take(body, signature);
        if (body === sent || intake.status === 401) return;
        expect(form).not.toBe('raw');
        if (intake.reason === 'received') sameMeaning(received(intake.record).payment, genuine);
        else expect(intake.reason).toBe('number_inexact');
      }),
      { numRuns: 4_000 },
    );
  });

  it('every number changed in its value is refused or parked', () => {
    const numbers = [...sent.matchAll(/(?<=[:[ ])-?\d+(?:\.\d+)?(?=[,}\]])/g)];
    expect(numbers.length).toBeGreaterThan(8);
    fc.assert(
      fc.property(
        fc.constantFrom(...numbers),
        fc.stringMatching(/^-?(0|[1-9]\d{0,3})(\.\d{1,19})?(e-?\d{1,3})?$/),
        (match, text) => {
          fc.pre(Number(text) !== Number(match[0]));
          const body = sent.slice(0, match.index) + text + sent.slice(match.index + match[0].length);
          expect(take(body, signature).reason).not.toBe('received');
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('spelled otherwise with the same meaning: forms 2 and 3 accept what they must', () => {
    const spaced = sent.replaceAll(',"', ' ,\n\t"').replace('"finished"', '"\\u0066inished"');
    const intake = take(spaced, signature);
    expect(intake.reason).toBe(form === 'raw' ? 'not_authentic' : 'received');
    const longer = sent.replace('0.01327841', '0.0132784100');
    expect(take(longer, signature).reason).toBe(form === 'javascript' ? 'received' : 'not_authentic');
  });
});

it('random bytes are never authentic and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.stringMatching(/^[0-9a-f]{128}$/), (bytes, header) => {
      expect(take(Buffer.from(bytes), header).status).toBe(401);
    }),
    { numRuns: 1_000 },
  );
});

it('random authentic bytes always end in one of the known ways', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.json().map((j) => Buffer.from(j)),
      ),
      (bytes) => {
        const intake = take(Buffer.from(bytes));
        expect(intake.status).toBe(200);
        expect(intake.reason).not.toBe('gateway_defect');
        expect(intake.reason === 'payout_notice' || intake.record !== undefined).toBe(true);
      },
    ),
    { numRuns: 2_000 },
  );
});

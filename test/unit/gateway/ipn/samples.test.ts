/** The sample IPNs, byte for byte: those given with the project, and ours for signature forms 2 and 3. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ipnSecrets } from '../../../../gateway/ipn/signature.ts';
import { codec, intakeOptions, orders, received, take } from '../support.ts';

interface Sample {
  readonly name: string;
  readonly raw: string;
  readonly signature: string;
  readonly form?: string;
}

const options = { ...intakeOptions, secrets: ipnSecrets('sample-ipn-secret-do-not-use') };
const read = (file: string): Sample[] =>
  readFileSync(new URL(`../../../fixtures/ipn/${file}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample);

const given = read('samples.jsonl');
const ours = read('signature-forms.jsonl');
const byName = new Map(given.map((sample) => [sample.name, sample]));

/** The JSON text of a field in the raw body, so that no test value goes through a double. */
function lexeme(raw: string, field: string): string {
  const match = new RegExp(`"${field}":\\s*("[^"]*"|[^,}\\s]+)`).exec(raw);
  return match![1]!.replaceAll('"', '');
}

describe('the given samples', () => {
  it.each(given)('$name', ({ name, raw, signature }) => {
    const intake = take(raw, signature, options);
    expect(intake.signature).toEqual({ form: 'raw', secret: 'current' });
    if (name === 'withdrawal-notice') expect(intake.reason).toBe('payout_notice');
    else if (name === 'order-unknown') expect(intake.reason).toBe('order_unknown');
    else {
      const { payment } = received(intake.record);
      expect(intake.reason).toBe('received');
      expect(payment.payment_id).toBe(lexeme(raw, 'payment_id'));
      expect(payment.payment_status).toBe(lexeme(raw, 'payment_status'));
      expect(payment.client_id).toMatch(/^-100\d{10}$/);
      const outcome = lexeme(raw, 'outcome_amount');
      const expected = outcome === 'null' ? null : outcome === '1.1e-7' ? '0.00000011' : outcome;
      expect(payment.outcome_amount).toBe(expected);
    }
  });

  it('none is authentic for another sample', () => {
    for (const one of given) {
      for (const other of given) {
        if (one === other) continue;
        expect(take(one.raw, other.signature, options).status).toBe(401);
      }
    }
  });

  it("the original's orders are unknown unless LEGACY_ORDERS is on", () => {
    const { raw, signature } = byName.get('finished-usdttrc20')!;
    const strict = { ...options, orders: { ...orders, legacy: false }, codec };
    expect(take(raw, signature, strict).reason).toBe('order_unknown');
  });
});

describe('ours for forms 2 and 3', () => {
  it.each(ours)('$name', ({ name, raw, signature, form }) => {
    const intake = take(raw, signature, options);
    if (form === 'javascript-inexact') {
      expect(intake.signature?.form).toBe('javascript');
      expect(intake.reason).toBe('number_inexact');
      return;
    }
    expect(intake.signature?.form).toBe(form);
    const { payment } = received(intake.record);
    const twin = byName.get(name.replace(/^\w+-/, '')) ?? byName.get('finished-tiny-exponent')!;
    const same = received(take(twin.raw, twin.signature, options).record).payment;
    expect(Object.keys(payment)).toEqual(Object.keys(same));
    for (const [field, value] of Object.entries(payment)) {
      const wanted = same[field as keyof typeof same];
      const isAmount = /amount|actually/.test(field) && form === 'javascript' && value !== null;
      expect(isAmount ? trimmed(value) : value).toBe(isAmount ? trimmed(wanted!) : wanted);
    }
  });
});

/** JavaScript prints no trailing zeros. */
function trimmed(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}

/**
 * Property fuzzing of signature and parser: 50,000 inputs, or FUZZ_RUNS=1000000. No crash, no accepted body of another
 * meaning. The oracle is Node's own JSON with the source text of numbers, and bigint arithmetic; nothing of the gateway.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PaymentFacts } from '../../../../schemas/events.ts';
import { javascriptSender } from '../../../fixtures/bad-inputs/signatures.ts';
import { bodyText, CLIENT, factsOf, ORDER, received, sign, take } from '../support.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 50_000);
/** A part of all inputs, and time for it on a machine that does other things. */
const share = (percent: number) => ({ numRuns: Math.ceil((RUNS * percent) / 100) });
const TIME = { timeout: 60_000 + RUNS * 4 };

// the oracle

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const withSources = JSON.parse as (text: string, reviver: Reviver) => unknown;

class Lexeme {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function parsed(text: string): unknown {
  return withSources(text, (_key, value, { source }) =>
    typeof value === 'number' ? new Lexeme(source!) : value,
  );
}

/** Form 2, written anew. */
function sortedSender(value: unknown): string {
  if (value instanceof Lexeme) return value.text;
  if (Array.isArray(value)) return `[${value.map(sortedSender).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const object = value as Record<string, unknown>;
  const members = Object.keys(object).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${sortedSender(object[key])}`).join(',')}}`;
}

const SCALE = 60;

/** The exact value times 10^60; undefined when it has more decimals or is no number. */
function exact(text: string): bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  const digits = BigInt(whole + fraction);
  const shift = SCALE - fraction.length + Number(power);
  if (digits === 0n) return 0n;
  if (shift > 2_000) return undefined;
  if (shift < 0 && digits % 10n ** BigInt(-shift) !== 0n) return undefined;
  const value = shift < 0 ? digits / 10n ** BigInt(-shift) : digits * 10n ** BigInt(shift);
  return sign === '-' ? -value : value;
}

const AMOUNTS = ['actually_paid', 'outcome_amount', 'pay_amount', 'price_amount'] as const;
const IDS = ['payment_id', 'parent_payment_id', 'invoice_id'] as const;
const CURRENCIES = ['outcome_currency', 'pay_currency', 'price_currency'] as const;

/** The facts are what stands in the text, number for number. */
function expectRead(facts: PaymentFacts, text: string, form: Form): void {
  const body = parsed(text) as Record<string, unknown>;
  const scalar = (field: string) => {
    const value = Object.hasOwn(body, field) ? body[field] : null;
    return value instanceof Lexeme ? value.text : (value as string | null);
  };
  for (const field of AMOUNTS) {
    const [got, wanted] = [facts[field], scalar(field)];
    expect(got === null).toBe(wanted === null);
    if (got === null || wanted === null) continue;
    expect(got).toMatch(/^\d{1,20}(\.\d{1,36})?$/);
    expect(exact(got)).toBe(exact(wanted));
  }
  // Form 3 vouches for the number as JavaScript prints it: 1E+2 is the id 100 there, and no id under the others.
  const printed = parsed(form === 'javascript' ? JSON.stringify(JSON.parse(text)) : text) as typeof body;
  for (const field of IDS) {
    const value = Object.hasOwn(printed, field) ? printed[field] : null;
    expect(facts[field]).toBe(value instanceof Lexeme ? value.text : value);
  }
  for (const field of CURRENCIES) expect(facts[field]).toBe(scalar(field)?.toLowerCase() ?? null);
  expect(facts.payment_status).toBe(scalar('payment_status'));
  expect(facts.order_id).toBe(scalar('order_id'));
  expect(facts.pay_address).toBe(scalar('pay_address'));
  expect(facts.client_id).toBe(CLIENT);
}

function sameMeaning(a: PaymentFacts, b: PaymentFacts): void {
  for (const field of Object.keys(a) as (keyof PaymentFacts)[]) {
    const isAmount = (AMOUNTS as readonly string[]).includes(field);
    if (isAmount) expect(exact(a[field] ?? '0')).toBe(exact(b[field] ?? '0'));
    else expect(a[field]).toBe(b[field]);
  }
}

function expectUnpolluted(): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
}

// what is fed

/** Sent unsorted and spaced, as forms 2 and 3 allow. */
const sent = bodyText().replace('{"actually', '{ "zz" : [1, {"b": 2.50, "a": "\\u0041"}], "actually');
const texts = { raw: sent, sorted: sortedSender(parsed(sent)), javascript: javascriptSender(sent) };
type Form = keyof typeof texts;

/** Drawn once for each run: what fast-check builds from a pattern costs more than what is tested. */
const drawn = <T>(values: fc.Arbitrary<T>, count: number) => fc.constantFrom(...fc.sample(values, count));

const lexeme = fc.oneof(
  drawn(fc.stringMatching(/^-?(0|[1-9]\d{0,21})(\.\d{1,38})?([eE][+-]?\d{1,3})?$/), 3_000),
  fc.constantFrom('0', '-0', '0.0', '1e400', '1e-400', '9007199254740993', '0.1e1', '1E+2', '5e-324'),
  fc.constantFrom(
    '0.01327841',
    '0.013278410',
    '1.327841e-2',
    '0.01327841000000000001',
    '0.0132784100000000001',
  ),
);
const odd = fc.constantFrom(
  '"\\ud800"',
  '"\u202e\u200b"',
  '"е"',
  '"\\u0000"',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '['.repeat(9) + ']'.repeat(9),
  '"0.01327841"',
  'NaN',
  'null',
  'true',
  '[]',
  '{}',
);
const anyJson = drawn(fc.json({ maxDepth: 4 }), 1_000);
const valueText = fc.oneof(lexeme, odd, anyJson);

type Member = readonly [key: string, value: string];
/** The members of the genuine body, so that structure is changed and not only bytes. */
const members: readonly Member[] = Object.entries(parsed(sent) as Record<string, unknown>).map(
  ([key, value]) => [JSON.stringify(key), sortedSender(value)],
);
const written = (list: readonly Member[], gap = '') =>
  `{${list.map(([key, value]) => `${gap}${key}${gap}:${gap}${value}`).join(',')}${gap}}`;

const place = fc.nat(members.length - 1);
type Change = (list: Member[]) => void;
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, valueText).map(
    ([at, value]): Change =>
      (list) => {
        list[at % list.length] = [list[at % list.length]![0], value];
      },
  ),
  fc.tuple(place, place).map(
    ([a, b]): Change =>
      (list) => {
        const [left, right] = [list[a % list.length]!, list[b % list.length]!];
        list[a % list.length] = [left[0], right[1]];
        list[b % list.length] = [right[0], left[1]];
      },
  ),
  fc.tuple(place, valueText, fc.boolean()).map(
    ([at, value, first]): Change =>
      (list) => {
        const twin: Member = [list[at % list.length]![0], value];
        if (first) list.unshift(twin);
        else list.push(twin);
      },
  ),
  fc.tuple(place, fc.constantFrom('case', 'escape', 'wide', 'space')).map(
    ([at, how]): Change =>
      (list) => {
        const [key, value] = list[at % list.length]!;
        const inner = key.slice(1, -1);
        const first = inner.charCodeAt(0).toString(16).padStart(4, '0');
        const names = {
          case: inner.toUpperCase(),
          escape: `\\u${first}${inner.slice(1)}`,
          wide: `${inner}\u200b`,
          space: `${inner} `,
        };
        list[at % list.length] = [`"${names[how as keyof typeof names]}"`, value];
      },
  ),
  place.map(
    (at): Change =>
      (list) =>
        void list.splice(at % list.length, 1),
  ),
  fc.tuple(place, place).map(
    ([from, to]): Change =>
      (list) => {
        const [moved] = list.splice(from % list.length, 1);
        if (moved) list.splice(to % (list.length + 1), 0, moved);
      },
  ),
  fc
    .constantFrom<Member>(
      ['"__proto__"', '{"payment_status":"finished","polluted":1}'],
      ['"constructor"', '{"prototype":{"polluted":1}}'],
      ['"outcome\\u005famount"', '99'],
      ['"batch_withdrawal_id"', '"1"'],
    )
    .map(
      (extra): Change =>
        (list) =>
          void list.unshift(extra),
    ),
);

const restructured = fc
  .tuple(fc.array(change, { minLength: 1, maxLength: 3 }), fc.constantFrom('', ' ', '\n\t'))
  .map(([changes, gap]) => {
    const list = [...members];
    for (const apply of changes) if (list.length > 0) apply(list);
    return written(list, gap);
  });

const respelled = fc
  .record({
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
        ' ',
        '\ufeff',
        '\0',
      ),
    ),
  })
  .map(({ at, cut, insert }) => sent.slice(0, at) + insert + sent.slice(at + cut));

const numbers = [...sent.matchAll(/(?<=[:[ ])-?\d+(?:\.\d+)?(?=[,}\]])/g)];
const renumbered = fc.tuple(fc.constantFrom(...numbers), lexeme).map(([match, text]) => {
  return sent.slice(0, match.index) + text + sent.slice(match.index + match[0].length);
});

describe.each(Object.keys(texts) as Form[])('a genuine body changed, signed as %s', (form) => {
  const signature = sign(texts[form]);
  const genuine = factsOf(sent, signature);

  it('is accepted unchanged', () => {
    expect(take(sent, signature).signature?.form).toBe(form);
    expect(genuine.outcome_amount).toBe('0.01327841');
    expect(numbers.length).toBeGreaterThan(8);
  });

  it('is refused, parked, or means the same', TIME, () => {
    fc.assert(
      fc.property(fc.oneof(restructured, respelled, renumbered), (body) => {
        const intake = take(body, signature);
        expectUnpolluted();
        if (intake.status === 401) return;
        if (form === 'raw') expect(body).toBe(sent);
        if (form === 'sorted') expect(sortedSender(parsed(body))).toBe(texts.sorted);
        if (form === 'javascript') expect(javascriptSender(body)).toBe(texts.javascript);
        if (intake.reason === 'received') sameMeaning(received(intake.record).payment, genuine);
        else expect([form, intake.reason]).toEqual(['javascript', 'number_inexact']);
      }),
      share(15),
    );
  });

  it('spelled otherwise with the same meaning: forms 2 and 3 accept what they must', () => {
    const spaced = sent.replaceAll(',"', ' ,\n\t"').replace('"finished"', '"\\u0066inished"');
    expect(take(spaced, signature).reason).toBe(form === 'raw' ? 'not_authentic' : 'received');
    const longer = sent.replace('0.01327841', '0.0132784100');
    expect(take(longer, signature).reason).toBe(form === 'javascript' ? 'received' : 'not_authentic');
  });
});

describe('any body that the provider signs', () => {
  const field = (name: string, good: fc.Arbitrary<string>) =>
    fc
      .oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: valueText })
      .map((text) => [name, text] as const);
  const decimal = drawn(fc.stringMatching(/^(0|[1-9]\d{0,12})(\.\d{1,18})?$/), 2_000);
  const amount = fc.oneof(
    decimal,
    decimal.map((text) => `"${text}"`),
    lexeme,
    fc.constant('null'),
  );
  const quoted = (...values: string[]) => fc.constantFrom(...values.map((value) => JSON.stringify(value)));
  const payment = fc
    .tuple(
      field('payment_id', drawn(fc.stringMatching(/^[1-9]\d{0,25}$/), 500)),
      field('payment_status', quoted('finished', 'waiting', 'partially_paid', 'refunded')),
      field('order_id', fc.constant(JSON.stringify(ORDER))),
      ...AMOUNTS.map((name) => field(name, amount)),
      ...CURRENCIES.map((name) => field(name, quoted('eth', 'ETH', 'usdterc20', 'btc'))),
      field('pay_address', quoted('0xab', '4AdUndXHHZ')),
      field('invoice_id', drawn(fc.stringMatching(/^[1-9]\d{0,9}$/), 500)),
      field('fee', anyJson),
      field(
        'order_description',
        fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
      ),
    )
    .map((list) => written(list.map(([name, text]) => [JSON.stringify(name), text])));

  it('is read number for number, or parked', TIME, () => {
    let accepted = 0;
    fc.assert(
      fc.property(payment, fc.constantFrom<Form>('raw', 'sorted', 'javascript'), (body, form) => {
        let value: unknown;
        try {
          value = parsed(body);
        } catch {
          // Too deep can come before wrong.
          expect(take(body).reason).toMatch(/^json_/);
          return;
        }
        const text = { raw: body, sorted: sortedSender(value), javascript: javascriptSender(body) }[form];
        const intake = take(body, sign(text));
        expectUnpolluted();
        expect(intake.reason).not.toBe('gateway_defect');
        if (intake.reason !== 'received') return;
        accepted++;
        expectRead(received(intake.record).payment, body, form);
      }),
      share(25),
    );
    // A property that is never asked proves nothing.
    expect(accepted).toBeGreaterThan((RUNS * 25) / 100 / 10);
  });

  it('always ends in one of the known ways', TIME, () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 200 }).map((list) => Buffer.from(list)),
      anyJson.map((text) => Buffer.from(text)),
      fc.tuple(fc.nat(40), valueText).map(([deep, text]) => Buffer.from('[{"a":'.repeat(deep) + text)),
      restructured.map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (raw) => {
        const intake = take(raw);
        expectUnpolluted();
        expect(intake.status).toBe(200);
        expect(intake.reason).not.toBe('gateway_defect');
        expect(intake.reason === 'payout_notice' || intake.record !== undefined).toBe(true);
      }),
      share(15),
    );
  });
});

it('91 random bodies are never authentic and never throw', TIME, () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((list) => Buffer.from(list)),
    anyJson.map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, drawn(fc.stringMatching(/^[0-9a-f]{128}$/), 200), (raw, header) => {
      expect(take(raw, header).status).toBe(401);
    }),
    share(15),
  );
});

/** The two rewritten forms of a body against what JavaScript itself prints. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { javascriptText, printedValue, sortedText } from '../../../../gateway/ipn/canonical.ts';
import { JsonNumber, parseJson } from '../../../../gateway/ipn/json.ts';

const parse = (text: string) => parseJson(Buffer.from(text));

/** As a sender in JavaScript does it: a new object, its keys inserted in order, printed. */
function sortedByJavascript(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(sortedByJavascript);
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortedByJavascript((value as Record<string, unknown>)[key])]),
  );
}

/** Integer-like keys, and those that only look so: JavaScript lists the former first, in numeric order. */
const key = fc.oneof(
  fc.constantFrom(
    '0',
    '1',
    '2',
    '10',
    '00',
    '01',
    '-1',
    '1.5',
    '1e1',
    '4294967294',
    '4294967295',
    '9999999999',
  ),
  fc.constantFrom('12345678901', 'a', 'a1', '1a', 'b', '', ' 1', 'é', 'Z'),
);
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, 'text', '', 0, -1.5, 1e-7, 1e21),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(key, tie('any'), { maxKeys: 6 }),
  ),
})).any;

describe('form 3', () => {
  it('is what JSON.stringify prints after a deep sort of the keys', () => {
    fc.assert(
      fc.property(value, (one) => {
        const sent = JSON.stringify(one);
        expect(javascriptText(parse(sent))).toBe(JSON.stringify(sortedByJavascript(one)));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['10 before 9 as texts, after it as indexes', '{"10":1,"9":2}', '{"9":2,"10":1}'],
    ['0 is an index', '{"-":1,"0":2}', '{"0":2,"-":1}'],
    ['2^32 - 2 is the last index', '{"!":1,"4294967294":2}', '{"4294967294":2,"!":1}'],
    ['2^32 - 1 is none', '{"!":1,"4294967295":2}', '{"!":1,"4294967295":2}'],
    ['1a is none', '{"!":1,"1a":2}', '{"!":1,"1a":2}'],
    ['a1 is none', '{"!":1,"a1":2,"2":3}', '{"2":3,"!":1,"a1":2}'],
    ['01 is none', '{"!":1,"01":2}', '{"!":1,"01":2}'],
  ])('%s', (_name, sent, printed) => {
    expect(javascriptText(parse(sent))).toBe(printed);
  });
});

describe('form 2', () => {
  it('sorts by code units, whatever the order before, and writes true, false and null', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(['', '-', '0', '10', '9', 'A', 'a', 'aa', 'é']), (keys) => {
        const sent = `{${keys.map((one) => `${JSON.stringify(one)}:1`).join(',')}}`;
        const sorted = `{${[...keys]
          .sort()
          .map((one) => `${JSON.stringify(one)}:1`)
          .join(',')}}`;
        expect(sortedText(parse(sent))).toBe(sorted);
      }),
    );
    expect(sortedText(parse('[ true , false , null ]'))).toBe('[true,false,null]');
  });
});

describe('the value that form 3 vouches for', () => {
  it('has every part of what was sent, each number as it was printed', () => {
    const sent = '{"b":[1.50,"x",null,[2.0],{"c":true}],"a":5.0,"empty":[]}';
    expect(printedValue(parse(sent))).toEqual(
      new Map<string, unknown>([
        ['b', [new JsonNumber('1.5'), 'x', null, [new JsonNumber('2')], new Map([['c', true]])]],
        ['a', new JsonNumber('5')],
        ['empty', []],
      ]),
    );
  });

  it('is none when one number of it is not certain, however deep', () => {
    for (const sent of ['[[1234567890123456]]', '{"a":{"b":[1,0.1000000000000000055]}}', '1e400', '1e-400'])
      expect(printedValue(parse(sent))).toBeUndefined();
  });
});

/** The strict JSON reader against JSON.parse, and everything it must refuse. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  JsonError,
  JsonNumber,
  type JsonValue,
  MAX_DEPTH,
  MAX_KEYS,
  parseJson,
} from '../../../../gateway/ipn/json.ts';

const parse = (text: string): JsonValue => parseJson(Buffer.from(text, 'utf8'));

/** As JSON.parse would give it; only for comparing. */
function plain(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return Number(value.lexeme);
  if (Array.isArray(value)) return value.map((item) => plain(item as JsonValue));
  if (value instanceof Map) {
    const object: Record<string, unknown> = {};
    for (const [key, member] of value as ReadonlyMap<string, JsonValue>) {
      Object.defineProperty(object, key, {
        value: plain(member),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return object;
  }
  return value;
}

function refusal(bytes: Buffer | string): string {
  try {
    parseJson(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes);
  } catch (error) {
    if (error instanceof JsonError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('against JSON.parse', () => {
  const wellFormed = (text: string) => text.isWellFormed();

  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        fc.pre(wellFormed(JSON.stringify(JSON.parse(text))) && !/\\ud[89a-f]/i.test(text));
        expect(plain(parse(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('accepts a mutated text only if JSON.parse does, and then with the same value', () => {
    const base = '{"a":[1,-2.50,3e-7,true,false,null],"b":{"c":"x\\u00e9\\n","d":""}}';
    const mutation = fc.tuple(
      fc.nat(base.length),
      fc.nat(3),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\0123456789.eE+-ntrufalse \t\n'), maxLength: 3 }),
    );
    fc.assert(
      fc.property(mutation, ([at, cut, inserted]) => {
        const text = base.slice(0, at) + inserted + base.slice(at + cut);
        let expected: unknown;
        let isJson = true;
        try {
          expected = JSON.parse(text);
        } catch {
          isJson = false;
        }
        const code = refusal(text);
        if (!isJson) expect(code).toBe('json_invalid');
        else if (code === 'accepted') expect(plain(parse(text))).toEqual(expected);
        else expect(code).toMatch(/json_duplicate_key|json_invalid/);
      }),
      { numRuns: 20_000 },
    );
  });

  it('keeps the text of every number [failure 17]', () => {
    for (const lexeme of [
      '0',
      '-0',
      '1.10',
      '5.0',
      '0.00000001',
      '1e-8',
      '1E+400',
      '9007199254740993',
      '0.1e1',
    ]) {
      expect(parse(`[${lexeme}]`)).toEqual([new JsonNumber(lexeme)]);
    }
  });
});

describe('what the grammar allows', () => {
  it('space of all four kinds, wherever a token ends', () => {
    const tokens = [
      '{',
      '"a"',
      ':',
      '[',
      '1',
      ',',
      'true',
      ']',
      ',',
      '"b"',
      ':',
      '{',
      '}',
      ',',
      '"c"',
      ':',
      '[',
      ']',
      '}',
    ];
    const wanted = JSON.parse(tokens.join(''));
    for (const space of [' ', '\t', '\r', '\n', ' \t\r\n']) {
      expect(plain(parse(space + tokens.join(space) + space))).toEqual(wanted);
    }
  });

  it('every escape, each as JSON.parse reads it', () => {
    const text = '["\\"\\\\\\/\\b\\f\\n\\r\\t", "a\\u0041\\u00e9\\uD83D\\ude00z", "é\\n€"]';
    expect(plain(parse(text))).toEqual(JSON.parse(text));
    expect(parse(text)).toEqual(['"\\/\b\f\n\r\t', 'aAé😀z', 'é\n€']);
  });
});

describe('refusals', () => {
  it.each([
    ['empty', ''],
    ['only space', '  \n'],
    ['plain text', 'hello'],
    ['cut', '{"a":1'],
    ['cut in a string', '{"a":"b'],
    ['cut in an escape', '{"a":"\\'],
    ['cut in \\u', '{"a":"\\u00'],
    ['cut after an escape', '{"a":"\\n'],
    ['letters that are no hex digits', '{"a":"\\u00g0"}'],
    ['space among hex digits', '{"a":"\\u 041"}'],
    ['raw newline behind an escape', '{"a":"\\n\n"}'],
    ['trailing garbage', '{"a":1}x'],
    ['two documents', '{"a":1}{"a":1}'],
    ['trailing comma', '{"a":1,}'],
    ['trailing comma in a list', '[1,]'],
    ['NaN', '{"a":NaN}'],
    ['Infinity', '{"a":Infinity}'],
    ['-Infinity', '{"a":-Infinity}'],
    ['comment', '{"a":1/* one */}'],
    ['single quotes', "{'a':1}"],
    ['unquoted key', '{a:1}'],
    ['leading zero', '{"a":01}'],
    ['bare point', '{"a":.5}'],
    ['point without digits', '{"a":5.}'],
    ['plus', '{"a":+1}'],
    ['hex', '{"a":0x10}'],
    ['exponent without digits', '{"a":1e}'],
    ['minus alone', '{"a":-}'],
    ['raw newline in a string', '{"a":"\n"}'],
    ['raw NUL in a string', '{"a":"\0"}'],
    ['unknown escape', '{"a":"\\x41"}'],
    ['lone high surrogate', '{"a":"\\ud800"}'],
    ['lone low surrogate', '{"a":"\\udc00x"}'],
    ['lone surrogate in a key', '{"\\ud800":1}'],
    ['byte order mark', '\ufeff{"a":1}'],
    ['word cut', '{"a":tru}'],
    ['no-break space', '{"a":\u00a01}'],
  ])('%s', (_name, text) => {
    expect(refusal(text)).toBe('json_invalid');
  });

  it('invalid UTF-8, overlong forms and surrogates in UTF-8', () => {
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]);
      expect(refusal(body)).toBe('json_invalid');
    }
  });

  it('a key twice, also when one of them is escaped', () => {
    expect(refusal('{"a":1,"a":1}')).toBe('json_duplicate_key');
    expect(refusal('{"a":1,"\\u0061":2}')).toBe('json_duplicate_key');
    expect(refusal('{"__proto__":1,"__proto__":2}')).toBe('json_duplicate_key');
    expect(refusal('{"a":{"b":1},"c":{"b":1}}')).toBe('accepted');
  });

  it('too deep, too many keys; the bounds themselves pass', () => {
    const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(refusal(deep(MAX_DEPTH))).toBe('accepted');
    expect(refusal(deep(MAX_DEPTH + 1))).toBe('json_too_complex');
    expect(refusal('['.repeat(10_000))).toBe('json_too_complex');
    const nested = (levels: number) => `${'{"a":'.repeat(levels)}0${'}'.repeat(levels)}`;
    expect(refusal(nested(MAX_DEPTH))).toBe('accepted');
    expect(refusal(nested(MAX_DEPTH + 1))).toBe('json_too_complex');
    const mixed = (levels: number) => `${'[{"a":'.repeat(levels)}0${'}]'.repeat(levels)}`;
    expect(refusal(mixed(MAX_DEPTH / 2))).toBe('accepted');
    expect(refusal(mixed(MAX_DEPTH / 2 + 1))).toBe('json_too_complex');
    const wide = (keys: number) => `{${Array.from({ length: keys }, (_, i) => `"k${i}":0`).join(',')}}`;
    expect(refusal(wide(MAX_KEYS))).toBe('accepted');
    expect(refusal(wide(MAX_KEYS + 1))).toBe('json_too_complex');
  });

  it('keys of prototypes are keys like others', () => {
    const value = parse('{"__proto__":{"polluted":1},"constructor":2,"toString":3}');
    expect([...(value as ReadonlyMap<string, JsonValue>).keys()]).toEqual([
      '__proto__',
      'constructor',
      'toString',
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

/**
 * A small strict JSON reader for authenticated bytes. JSON.parse loses what money needs (the text of numbers, the
 * second of two equal keys, `__proto__`), so this one keeps number lexemes, refuses duplicates and bounds the shape.
 */
import { isAscii, isUtf8 } from 'node:buffer';

/** A number as it was written; it is never turned into a double here. */
export class JsonNumber {
  readonly lexeme: string;
  constructor(lexeme: string) {
    this.lexeme = lexeme;
  }
}

/** A Map, so that no key can reach a prototype; it keeps the order of the text. */
export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;

export const MAX_DEPTH = 8;
/** Keys in the whole document, nested ones included. */
export const MAX_KEYS = 256;

/** Why a text was refused; `code` is a code of schemas/reasons.ts. */
export class JsonError extends Error {
  override name = 'JsonError';
  readonly code: 'json_invalid' | 'json_duplicate_key' | 'json_too_complex';
  constructor(code: JsonError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Reads one JSON document from UTF-8 bytes.
 * @throws JsonError for anything but one well-formed document within the bounds
 */
export function parseJson(bytes: Buffer): JsonValue {
  // ASCII is the usual case and by far the fastest to decode.
  if (isAscii(bytes)) return new Reader(bytes.toString('latin1')).document();
  if (!isUtf8(bytes)) throw new JsonError('json_invalid', 'the bytes are not UTF-8');
  return new Reader(bytes.toString('utf8')).document();
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class Reader {
  readonly #text: string;
  #at = 0;
  #keys = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    this.#space();
    const value = this.#value(1);
    this.#space();
    if (this.#at !== this.#text.length) throw this.#invalid('text after the document');
    return value;
  }

  #value(depth: number): JsonValue {
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === OPEN_BRACE) return this.#object(depth);
    if (code === OPEN_BRACKET) return this.#array(depth);
    if (code === MINUS || (code >= ZERO && code <= NINE)) return this.#number();
    if (this.#text.startsWith('null', this.#at)) return this.#word(4, null);
    if (this.#text.startsWith('true', this.#at)) return this.#word(4, true);
    if (this.#text.startsWith('false', this.#at)) return this.#word(5, false);
    throw this.#invalid('a value was expected');
  }

  #word<T>(length: number, value: T): T {
    this.#at += length;
    return value;
  }

  #object(depth: number): JsonObject {
    this.#bound(depth);
    const members = new Map<string, JsonValue>();
    this.#at++;
    this.#space();
    if (this.#take(CLOSE_BRACE)) return members;
    for (;;) {
      if (this.#text.charCodeAt(this.#at) !== QUOTE) throw this.#invalid('a key was expected');
      const key = this.#string();
      if (++this.#keys > MAX_KEYS) throw new JsonError('json_too_complex', `more than ${MAX_KEYS} keys`);
      this.#space();
      if (!this.#take(COLON)) throw this.#invalid('a colon was expected');
      this.#space();
      if (members.has(key)) {
        throw new JsonError('json_duplicate_key', `the key ${JSON.stringify(key.slice(0, 80))} stands twice`);
      }
      members.set(key, this.#value(depth + 1));
      this.#space();
      if (this.#take(CLOSE_BRACE)) return members;
      if (!this.#take(COMMA)) throw this.#invalid('a comma or the end of the object was expected');
      this.#space();
    }
  }

  #array(depth: number): readonly JsonValue[] {
    this.#bound(depth);
    const items: JsonValue[] = [];
    this.#at++;
    this.#space();
    if (this.#take(CLOSE_BRACKET)) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#space();
      if (this.#take(CLOSE_BRACKET)) return items;
      if (!this.#take(COMMA)) throw this.#invalid('a comma or the end of the array was expected');
      this.#space();
    }
  }

  /** Bounds the recursion too, so that no text can exhaust the stack. */
  #bound(depth: number): void {
    if (depth > MAX_DEPTH) throw new JsonError('json_too_complex', `deeper than ${MAX_DEPTH} levels`);
  }

  #number(): JsonNumber {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    if (text.charCodeAt(at) === MINUS) at++;
    if (text.charCodeAt(at) === ZERO) at++;
    else at = this.#digits(at);
    if (text.charCodeAt(at) === POINT) at = this.#digits(at + 1);
    const exponent = text.charCodeAt(at) | 0x20;
    if (exponent === 0x65) {
      at++;
      const sign = text.charCodeAt(at);
      if (sign === PLUS || sign === MINUS) at++;
      at = this.#digits(at);
    }
    this.#at = at;
    return new JsonNumber(text.slice(start, at));
  }

  /** The position after at least one digit. */
  #digits(from: number): number {
    let at = from;
    for (;;) {
      const code = this.#text.charCodeAt(at);
      if (!(code >= ZERO && code <= NINE)) break;
      at++;
    }
    this.#at = at;
    if (at === from) throw this.#invalid('a digit was expected');
    return at;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    for (let at = start; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        return text.slice(start, at);
      }
      if (code === BACKSLASH) return this.#escaped(start, at);
      if (code < 0x20) {
        this.#at = at;
        throw this.#invalid('a control character in a string');
      }
    }
    this.#at = text.length;
    throw this.#invalid('a string without an end');
  }

  /** The slow form of #string, from its first backslash on. */
  #escaped(start: number, firstBackslash: number): string {
    const text = this.#text;
    let value = text.slice(start, firstBackslash);
    let at = firstBackslash;
    for (;;) {
      this.#at = at;
      const code = text.charCodeAt(at);
      if (Number.isNaN(code)) throw this.#invalid('a string without an end');
      if (code === QUOTE) break;
      if (code < 0x20) throw this.#invalid('a control character in a string');
      if (code !== BACKSLASH) {
        value += text[at++];
      } else if (text[at + 1] === 'u') {
        const hex = text.slice(at + 2, at + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#invalid('four hex digits were expected');
        value += String.fromCharCode(Number.parseInt(hex, 16));
        at += 6;
      } else {
        const plain = ESCAPES[text[at + 1] ?? ''];
        if (plain === undefined) throw this.#invalid('an unknown escape');
        value += plain;
        at += 2;
      }
    }
    this.#at = at + 1;
    // Two texts must not become one value: a lone surrogate has no UTF-8 form and would be replaced on the way.
    if (!value.isWellFormed()) throw this.#invalid('a lone surrogate in a string');
    return value;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  #invalid(what: string): JsonError {
    return new JsonError('json_invalid', `${what} at character ${this.#at}`);
  }
}

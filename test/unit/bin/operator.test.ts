/** What operator commands print: nothing that came from outside acts on the terminal. */
import { describe, expect, it } from 'vitest';
import { cellText, toJson } from '../../../bin/operator.ts';

const HOSTILE: readonly (readonly [string, string, string])[] = [
  ['colours', '\u001b[31mred', '\\x1b[31mred'],
  ['a newline', 'x\nERROR all is lost', 'x\\x0aERROR all is lost'],
  ['a terminal title', '\u001b]0;owned\u0007', '\\x1b]0;owned\\x07'],
  ['C1 controls', '\u009b31m', '\\x9b31m'],
  ['a right-to-left override', 'S1.\u202e123', 'S1.\\u202e123'],
  ['zero-width space and joiner', 'a\u200bb\u200dc', 'a\\u200bb\\u200dc'],
  ['a byte order mark', '\ufeff{}', '\\ufeff{}'],
  ['a line separator', 'a\u2028b', 'a\\u2028b'],
  ['tags beyond the basic plane', '\u{e0041}', '\\udb40\\udc41'],
];

describe('100 hidden characters of a parked body', () => {
  it.each(HOSTILE)('%s: shown, not sent', (_name, text, shown) => {
    expect(cellText(text)).toBe(shown);
    expect(toJson({ text })).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(toJson({ text }))).toEqual({ text });
  });

  it('what shows by itself stays as it is', () => {
    for (const text of ['<img src=x onerror=alert(1)>', 'Zugang für 30 Tage 🥇', '{"a":"é/\\u0000"}']) {
      expect(cellText(text)).toBe(text);
    }
  });
});

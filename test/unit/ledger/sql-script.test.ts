/** Statements are split where PostgreSQL ends them, and nowhere else. */
import { describe, expect, it } from 'vitest';
import { splitScript } from '../../../ledger/sql-script.ts';

const texts = (script: string) => splitScript(script).map((statement) => statement.text);

describe('splitScript', () => {
  it.each([
    ['two', 'SELECT 1; SELECT 2', ['SELECT 1', 'SELECT 2']],
    ['nothing', ' ;; -- only; a comment\n /* a; b */ ', []],
    ['text with a semicolon and a quote', "SELECT 'a;''b'; SELECT 2;", ["SELECT 'a;''b'", 'SELECT 2']],
    ['escape text', "SELECT E'\\';'; SELECT 2", ["SELECT E'\\';'", 'SELECT 2']],
    ['plain text that ends in a backslash', "SELECT '\\'; SELECT 2", ["SELECT '\\'", 'SELECT 2']],
    ['a name', 'SELECT 1 AS "a;b"', ['SELECT 1 AS "a;b"']],
    ['a body', 'DO $x$ BEGIN; $$;$$ END $x$; SELECT 2', ['DO $x$ BEGIN; $$;$$ END $x$', 'SELECT 2']],
    ['a comment inside', 'SELECT 1 -- a;b\n, 2; SELECT 3', ['SELECT 1 -- a;b\n, 2', 'SELECT 3']],
    [
      'nested comments',
      'SELECT /* a; /* b; */ c; */ 1; SELECT 2',
      ['SELECT /* a; /* b; */ c; */ 1', 'SELECT 2'],
    ],
    ['parameters', 'SELECT $1, $2; SELECT 3', ['SELECT $1, $2', 'SELECT 3']],
  ])('%s', (_name, script, expected) => {
    expect(texts(script)).toEqual(expected);
  });

  it('knows the line of each statement, also behind comments', () => {
    const script = '-- one\n-- two\nSELECT 1;\n\n-- three\nSELECT 2;\n';
    expect(splitScript(script).map((statement) => statement.line)).toEqual([3, 6]);
  });

  it('refuses what is not closed', () => {
    expect(() => splitScript('SELECT 1;\nDO $x$ BEGIN')).toThrow('$x$ on line 2');
    expect(() => splitScript('/* SELECT 1')).toThrow('/* on line 1');
  });
});

/** Style that a machine can keep: sizes, headers, SQL in its place and without a clock, nothing of one machine. */
import { describe, expect, it } from 'vitest';
import { allFiles, parseSource, readText } from './source-tree.ts';

const paths = allFiles();
const sources = paths
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.generated.ts'))
  .map(parseSource);
const product = sources.filter((file) => !file.path.startsWith('test/'));
const texts = new Map(
  paths
    .filter((path) => !/\.(png|ico|hex|svg)$|^package-lock\.json$/.test(path))
    .map((path) => [path, readText(path)]),
);

const SQL = /^\s*\(?(SELECT|INSERT INTO|UPDATE \S+|DELETE FROM|WITH (RECURSIVE )?\w+ AS|CREATE|LOCK TABLE)\s/;
const WRITING_SQL = /^\s*(INSERT INTO|UPDATE|DELETE FROM)\s|\b(INSERT INTO|DELETE FROM)\b/;

describe('sizes', () => {
  const FILE_LINES = 400;
  /** A table of cases may be longer than what it tests. */
  const TEST_LINES = 600;
  const FUNCTION_LINES = 80;
  /** Where the rule would make the code worse, with the reason. */
  const LONGER: Record<string, string> = {
    'sandbox/process.ts createService': 'the state of one supervised process and all that changes it',
  };

  it(`no file has more than ${FILE_LINES} lines`, () => {
    const long = sources.filter(
      (file) => file.lines.length - 1 > (file.path.startsWith('test/') ? TEST_LINES : FILE_LINES),
    );
    expect(long.map((file) => `${file.path}: ${file.lines.length - 1}`)).toEqual([]);
  });

  it(`no function has more than ${FUNCTION_LINES} lines`, () => {
    const long = product.flatMap((file) =>
      file.functions
        .filter(({ length, text }) => length > FUNCTION_LINES && !(`${file.path} ${text}` in LONGER))
        .map(({ line, text, length }) => `${file.path}:${line} ${text}: ${length}`),
    );
    expect(long).toEqual([]);
  });

  it('every source file starts by saying what it is for', () => {
    const mute = sources.filter((file) => !/^(#![^\n]*\n)?(\/\*\*|\/\/) ?\S?/.test(file.text));
    expect(mute.map((file) => file.path)).toEqual([]);
  });
});

describe('SQL', () => {
  const migrations = [...texts].filter(([path]) => /^ledger\/migrations\/.*\.sql$/.test(path));
  const CLOCK = new RegExp(
    [
      String.raw`\bnow\s*\(`,
      String.raw`\b(current_(timestamp|date|time)|localtime(stamp)?)\b`,
      String.raw`\b(clock|statement|transaction)_timestamp\b`,
      String.raw`\b(random|timeofday|gen_random_uuid|uuidv[47]|uuid_generate_v\d)\s*\(`,
    ].join('|'),
    'i',
  );

  it('has no clock and no random source: times and ids are parameters', () => {
    const inCode = product.flatMap((file) =>
      file.texts
        .filter(({ text }) => (file.path.startsWith('ledger/') || SQL.test(text)) && CLOCK.test(text))
        .map(({ line }) => `${file.path}:${line}`),
    );
    const inMigrations = migrations.flatMap(([path, text]) =>
      text
        .split('\n')
        .map((line, index) => [line.replace(/--.*$/, ''), index + 1] as const)
        .filter(([line]) => CLOCK.test(line))
        .map(([, line]) => `${path}:${line}`),
    );
    expect(migrations.length).toBeGreaterThan(0);
    expect([...inCode, ...inMigrations]).toEqual([]);
  });

  it('the pattern finds what it must', () => {
    for (const bad of [
      'now()',
      'NOW ( )',
      'current_timestamp',
      'clock_timestamp()',
      'random()',
      'gen_random_uuid()',
    ]) {
      expect(CLOCK.test(`SELECT ${bad}`)).toBe(true);
    }
    for (const good of ['known(1)', 'current_schema()', 'unknown', "'snow'"])
      expect(CLOCK.test(`SELECT ${good}`)).toBe(false);
  });

  it('is fixed text, constants and the columns of tables that are data, never a value [failure 109]', () => {
    const CONSTANT = /^[A-Z][A-Z_]*$/;
    /** In ledger/: what is built from the tables as data, numbers of parameters, and the parts of statements as such. */
    const BUILT = new Set(
      `columnList recordset table.name t.name p p+1 index parameter types columns.join conflict where match isolation
       escapeIdentifier options.readOnly sql queries.join [...counts,...notifications].join`.split(/\s+/),
    );
    const isFixed = (path: string, expression: string) =>
      CONSTANT.test(expression) ||
      (path.startsWith('ledger/') && BUILT.has(expression.replaceAll(' ', '').replace(/[(?].*$/s, '')));
    const CLAUSE =
      /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|WHERE|FROM|ROWS FROM|BEGIN|LISTEN|NOTIFY|SET|ORDER BY)\s/;
    const wrong = product
      .filter((file) => /^(ledger|processors|gateway|bin)\//.test(file.path))
      .flatMap((file) =>
        file.texts
          .filter(({ text }) => SQL.test(text) || CLAUSE.test(text))
          .flatMap(({ line, expressions }) =>
            expressions
              .filter((expression) => !isFixed(file.path, expression))
              .map((expression) => `${file.path}:${line}: ${expression}`),
          ),
      );
    expect(wrong).toEqual([]);
  });

  it('that writes stands in ledger/, the one door to PostgreSQL', () => {
    const wrong = product
      .filter((file) => !/^(ledger|sandbox)\//.test(file.path))
      .flatMap((file) =>
        file.texts.filter(({ text }) => WRITING_SQL.test(text)).map(({ line }) => `${file.path}:${line}`),
      );
    expect(wrong).toEqual([]);
  });

  it('a file of ledger/sql has a statement, and no function of it more than one that writes', () => {
    const wrong = product
      .filter((file) => file.path.startsWith('ledger/sql/'))
      .filter((file) => {
        const statements = file.texts.filter(({ text }) => SQL.test(text));
        const writing = statements.filter(({ text }) => WRITING_SQL.test(text));
        const exported = file.text.match(/^export (async )?function /gm)?.length ?? 0;
        return statements.length === 0 || writing.length > exported;
      });
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});

describe('nothing of one machine or one network', () => {
  const host = (...parts: string[]) => parts.join('.');
  const REGISTRIES = [
    host('registry', 'npmjs', 'org'),
    host('registry', 'yarnpkg', 'com'),
    host('repo1', 'maven', 'org'),
    host('repo', 'maven', 'apache', 'org'),
    host('repo', 'maven', 'apache'),
    host('files', 'pythonhosted', 'org'),
    host('proxy', 'golang', 'org'),
    host('index', 'crates', 'io'),
  ];

  it('no file names the host of a package registry', () => {
    const lockFile = readText('package-lock.json');
    const wrong = [...texts, ['package-lock.json', lockFile] as const].filter(([, text]) =>
      REGISTRIES.some((name) => text.includes(name)),
    );
    expect(wrong.map(([path]) => path)).toEqual([]);
  });

  const folder = (name: string) => `/${name}/`;
  const MACHINE = new RegExp(
    `(^|[\\s"'\`(=:,])(${['work', 'root', 'Users', 'tmp'].map(folder).join('|')})[\\w.$-]`,
    'm',
  );

  it('the pattern for folders finds what it must', () => {
    for (const name of ['work', 'root', 'tmp']) expect(MACHINE.test(`cd "${folder(name)}x"`)).toBe(true);
    const inside = `${folder('work')}x`;
    for (const good of [`.${inside}`, `https://a.example${inside}`, '/run/secret'])
      expect(MACHINE.test(good)).toBe(false);
  });

  it('no file names a folder of the machine it was written on', () => {
    const wrong = [...texts]
      .filter(([, text]) => MACHINE.test(text))
      .map(([path, text]) => `${path}: ${MACHINE.exec(text)?.[0]}`);
    expect(wrong).toEqual([]);
  });

  it('no file has a merge mark, a tab-indented line of TypeScript or a forgotten focus', () => {
    const wrong = sources.filter(
      (file) =>
        /^(<{7}|>{7}) /m.test(file.text) ||
        /^\t/m.test(file.text) ||
        file.calls.some(({ text }) => /^(it|describe|test)\.only$/.test(text)),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});

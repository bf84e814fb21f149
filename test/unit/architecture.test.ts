/** What a machine can keep of the architecture: who may import whom, what decides purely, and where things are spelled. */
import { describe, expect, it } from 'vitest';
import { TOPIC_NAMES } from '../../schemas/topology.ts';
import tsconfig from '../../tsconfig.json' with { type: 'json' };
import { allFiles, findCycle, parseSource, reachOf, readText, type SourceFile } from './source-tree.ts';

const files: ReadonlyMap<string, SourceFile> = new Map(
  allFiles()
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path, parseSource(path)]),
);
const product = [...files.values()].filter(
  (file) => !file.path.startsWith('test/') && file.path.includes('/'),
);
const folderOf = (path: string) => path.split('/')[0] ?? '';
const at = (file: SourceFile, line: number) => `${file.path}:${line}: ${file.lines[line - 1]?.trim()}`;

/** The simulation is test code that people run by hand; this command loads it when asked for. */
const mayLoadTests = (path: string) => path === 'bin/commands/sim.ts';

describe('imports', () => {
  /** One way: each may use what stands here, and itself. */
  const MAY_USE: Record<string, readonly string[]> = {
    schemas: [],
    ledger: ['schemas'],
    providers: ['schemas'],
    processors: ['schemas', 'ledger', 'providers'],
    gateway: ['schemas', 'ledger', 'providers', 'processors'],
    sandbox: ['schemas', 'ledger', 'providers', 'processors', 'gateway'],
    bin: ['schemas', 'ledger', 'providers', 'processors', 'gateway', 'sandbox'],
  };

  it('go one way between the layers', () => {
    const wrong = product.flatMap((file) =>
      file.imports
        .filter(({ isOwn, target }) => {
          const from = folderOf(file.path);
          if (!isOwn || folderOf(target) === from || mayLoadTests(file.path)) return false;
          return !(MAY_USE[from] ?? []).includes(folderOf(target));
        })
        .map(({ target }) => `${file.path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('of providers: no provider knows another, and processors know their types only, except in wiring', () => {
    const wrong = product.flatMap((file) =>
      file.imports
        .filter(({ isOwn, target, typeOnly }) => {
          if (!isOwn || folderOf(target) !== 'providers') return false;
          // A simulator moves coins on the development chain and reads its prices.
          if (/\/simulator[^/]*\.ts$/.test(file.path)) return false;
          const [, own, rest] = file.path.split('/');
          const isShared = target.split('/').length === 2;
          if (folderOf(file.path) === 'providers')
            return !isShared && rest !== undefined && target.split('/')[1] !== own;
          if (folderOf(file.path) !== 'processors') return false;
          return !typeOnly && !/\/(wiring[^/]*|role[^/]*)\.ts$/.test(file.path) && !isShared;
        })
        .map(({ target }) => `${file.path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('have no cycle', () => {
    expect(findCycle(files)).toBeUndefined();
  });

  it('of test code are in test code only', () => {
    const wrong = product.filter(
      (file) => !mayLoadTests(file.path) && file.imports.some(({ target }) => target.startsWith('test/')),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  /** Each third party behind as few files as it needs, so that it can be replaced and compared. */
  it.each<[string, RegExp]>([
    ['kafkajs', /^processors\/runtime\/(publisher|consumer|admin|kafka|log-record|murmur2)\.ts$/],
    ['pg', /^(ledger\/db(-\w+)?\.ts|sandbox\/postgres[-\w]*\.ts)$/],
    ['ethers', /^(providers\/evm\/|providers\/\w+\/simulator|sandbox\/)/],
    ['avsc', /^schemas\/(avro-types|codec)\.ts$/],
    ['decimal.js', /^schemas\/money\.ts$/],
    ['fastify', /^(gateway\/|processors\/runtime\/|providers\/(\w+\/)?simulator|sandbox\/)/],
    ['@electric-sql/pglite', /^sandbox\//],
    ['commander', /^bin\//],
  ])('of %s stand where they are allowed', (name, allowed) => {
    const users = product.filter((file) => file.imports.some(({ target }) => target === name));
    expect(users.filter((file) => !allowed.test(file.path)).map((file) => file.path)).toEqual([]);
  });
});

describe('transitions decide purely', () => {
  const transitions = product.filter((file) => /^processors\/.*\/transition[^/]*\.ts$/.test(file.path));
  /** These take createHash alone: a hash is a pure function (and random ids are refused below). */
  const PURE = new Set(['schemas/event-id.ts>node:crypto', 'processors/accumulate/facts.ts>node:crypto']);
  const IMPURE =
    /^(Date\.now|performance\.now|Math\.random|crypto\.|randomUUID|randomBytes|process\.|setTimeout|setInterval|fetch)/;

  it('exist', () => {
    expect(transitions.length).toBeGreaterThan(0);
  });

  it('reach no database, Kafka, HTTP, chain or Node module', () => {
    const wrong = transitions.flatMap((file) =>
      [...reachOf(files, file.path)]
        .filter(([target]) => /^node:|^(pg|kafkajs|fastify|ethers|pino|prom-client)$/.test(target))
        .filter(([, trail]) => !PURE.has(trail.slice(-2).join('>')))
        .map(([, trail]) => trail.join(' > ')),
    );
    expect(wrong).toEqual([]);
  });

  it('and all that they load has no clock and no random source', () => {
    const reached = new Set(transitions.flatMap((file) => [...reachOf(files, file.path).keys()]));
    const wrong = [...reached].flatMap((path) => {
      const file = files.get(path);
      return (file?.calls ?? [])
        .filter(
          ({ text, argumentCount }) => IMPURE.test(text) || (text === 'new Date' && argumentCount === 0),
        )
        .map(({ line }) => at(file!, line));
    });
    expect(wrong).toEqual([]);
  });
});

describe('topic names', () => {
  /** The types of the topics' values are keyed by name; everything else uses TOPIC of the topology. */
  const SPELLED = new Set(['schemas/topology.ts', 'schemas/events.ts']);
  const dotted = TOPIC_NAMES.filter((name) => name.includes('.'));

  it('are spelled in the topology only', () => {
    const wrong = product
      .filter((file) => !SPELLED.has(file.path))
      .flatMap((file) =>
        file.texts
          .filter(({ text, holder }) => {
            if (dotted.some((name) => text.includes(name))) return true;
            // Plain words are also tables, commands and kinds; where a topic is meant they are refused.
            return TOPIC_NAMES.some((name) => name === text) && /topic|encode|decode|subscribe/i.test(holder);
          })
          .map(({ line }) => at(file, line)),
      );
    expect(wrong).toEqual([]);
  });
});

describe('money', () => {
  /** Whole files in which a binary float can't meet an amount, each with its reason. */
  const NOT_MONEY: Record<string, string> = {
    'gateway/ipn/canonical.ts': "signature form 3 is JavaScript's own printing of the number",
    'processors/hostpay/wiring-deposits.ts': 'block numbers',
    'processors/reconcile/check-metrics.ts': 'a gauge; the exact difference stands beside it as text',
    'processors/runtime/consumer.ts': 'a gauge of lag in records',
    'processors/runtime/intents.ts': 'a gauge of open intents',
    'processors/runtime/relay.ts': 'a gauge of waiting rows',
    'providers/evm/read.ts': 'chain id',
    'providers/http-failure.ts': 'Retry-After in seconds',
    'providers/json.ts': 'counts, with their bounds checked',
  };
  const isMoneyCode = (path: string) =>
    /^(schemas|ledger|processors|providers|gateway)\//.test(path) && !/\/simulator[^/]*\.ts$/.test(path);

  it('never passes through a float [failure 17]', () => {
    const wrong = product
      .filter((file) => isMoneyCode(file.path) && !(file.path in NOT_MONEY))
      .flatMap((file) =>
        file.calls
          .filter(({ text }) => /^(Number|parseFloat|Number\.parseFloat)$|\.toNumber$/.test(text))
          .map(({ line }) => at(file, line)),
      );
    expect(wrong).toEqual([]);
  });
});

describe('types', () => {
  it('are checked strictly, in every folder, by the normal run [failures 27, 28, 54]', () => {
    const folders = new Set([...files.keys()].filter((path) => path.includes('/')).map(folderOf));
    expect(tsconfig.include).toEqual(expect.arrayContaining([...folders]));
    expect(tsconfig.compilerOptions).toMatchObject({
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
    });
    expect(readText('bin/test-suites.ts')).toContain("'tsc'), ['--noEmit']");
  });

  it('are not switched off anywhere in the product [failure 54]', () => {
    // `any` is refused by the linter.
    const OFF = /@ts-(ignore|nocheck|expect-error)/;
    const wrong = product.filter(({ text }) => OFF.test(text)).map(({ path }) => path);
    expect(wrong).toEqual([]);
  });
});

/** What is mutated, in groups: everything that decides about money as a pure function, and the tests that judge it. */
interface Group {
  readonly files: readonly string[];
  /** Only what covers these files: a mutant that all of them survive has survived. */
  readonly tests: readonly string[];
}

const inFolder = (folder: string, ...names: string[]) => names.map((name) => `${folder}/${name}.ts`);

export const GROUPS = {
  money: {
    files: inFolder('schemas', 'money', 'assets'),
    tests: ['test/unit/schemas/{money,assets}.test.ts'],
  },
  postings: {
    files: inFolder('ledger', 'posting', 'accounts'),
    tests: ['test/unit/ledger/{accounts,posting,work}.test.ts'],
  },
  entries: { files: inFolder('ledger', 'entries'), tests: ['test/unit/ledger/entries.test.ts'] },
  convert: {
    files: inFolder('processors/convert', 'transition', 'value'),
    tests: ['test/unit/processors/convert/*.test.ts'],
  },
  accumulate: {
    files: inFolder(
      'processors/accumulate',
      ...['transition', 'credit', 'payout', 'refund', 'facts', 'status', 'quarantine', 'sweep', 'cure'],
      'payout-event',
    ),
    tests: ['test/unit/processors/accumulate/*.test.ts'],
  },
  settle: {
    files: inFolder(
      'processors/settle',
      ...['transition-partial', 'transition-rates', 'transition-receipts', 'transition-treasury'],
    ),
    tests: ['test/unit/processors/settle/*.test.ts'],
  },
  swap: {
    files: [
      'processors/split/transition.ts',
      ...inFolder(
        'processors/swap',
        ...['transition', 'decisions', 'funds', 'graph', 'order', 'outcome', 'owner', 'deposit', 'status'],
        'conversion-event',
      ),
    ],
    tests: ['test/unit/processors/{split,swap}/*.test.ts'],
  },
  hostpay: {
    files: inFolder('processors/hostpay', 'transition', 'finish', 'return', 'fees', 'sign'),
    tests: ['test/unit/processors/{hostpay,swap}/*.test.ts'],
  },
  reconcile: {
    files: inFolder('processors/reconcile', 'transition-missed'),
    tests: ['test/unit/processors/reconcile/missed.test.ts'],
  },
  signature: {
    files: inFolder('gateway/ipn', 'signature', 'canonical'),
    tests: [
      'test/unit/gateway/bad-inputs.test.ts',
      'test/unit/gateway/ipn/{canonical,signature,samples}.test.ts',
    ],
  },
  parser: {
    files: inFolder('gateway/ipn', 'json', 'number', 'parse'),
    tests: [
      'test/unit/gateway/bad-inputs.test.ts',
      'test/unit/gateway/ipn/{json,number,parse,samples}.test.ts',
    ],
  },
} as const satisfies Record<string, Group>;

export type GroupName = keyof typeof GROUPS;
export const GROUP_NAMES = Object.keys(GROUPS) as GroupName[];

/** The group of this run, from the environment: Stryker and vitest are processes of their own. */
export function chosenGroup(): Group & { readonly name: GroupName } {
  const name = process.env.MUTATION_GROUP;
  if (name === undefined || !(name in GROUPS))
    throw new Error(`MUTATION_GROUP: one of ${GROUP_NAMES.join(', ')}`);
  return { name: name as GroupName, ...GROUPS[name as GroupName] };
}

/**
 * What can go wrong, by name. A simulation's seed chooses which faults are on and how often they strike (a swarm: some
 * seeds have all, some one at a high rate, some none), so that no fault hides another; each strike is counted.
 */
import { Random } from './random.ts';

export interface Fault {
  /** Probability per opportunity. */
  readonly rate: number;
  /** The highest probability that a seed may choose; a stronger one would keep anything from happening. */
  readonly most: number;
  /** For docs/simulation.md. */
  readonly text: string;
}

const table = {
  crash: { rate: 0.004, most: 0.02, text: 'a process is killed between two steps' },
  'crash-inside': { rate: 0.006, most: 0.05, text: 'a process is killed inside a transaction: rolled back' },
  'commit-unknown': { rate: 0.006, most: 0.08, text: 'the answer to COMMIT is lost: it ran or it did not' },
  'sql-refused': {
    rate: 0.006,
    most: 0.08,
    text: 'a statement ends in a deadlock, serialization failure, lock or statement timeout',
  },
  'sql-lost': { rate: 0.004, most: 0.05, text: 'the connection breaks in the middle of a transaction' },
  stall: {
    rate: 0.002,
    most: 0.01,
    text: 'a process stands still for longer than leases last, then goes on',
  },
  rebalance: {
    rate: 0.03,
    most: 0.1,
    text: 'partitions move to another member, noticed late by the old one',
  },
  membership: {
    rate: 0.01,
    most: 0.03,
    text: 'a member is put out of its group, reads on, and joins again',
  },
  zombie: { rate: 0.01, most: 0.05, text: 'a member goes on with an assignment that is long gone' },
  'slow-fetch': { rate: 0.01, most: 0.1, text: 'fetched records are processed much later' },
  'far-back': { rate: 0.005, most: 0.1, text: 'records far below the position are fetched again' },
  'commit-back': { rate: 0.003, most: 0.05, text: 'the committed offset of a group goes back' },
  retention: { rate: 0.3, most: 1, text: 'the log starts later: retention removed what was processed' },
  refetch: { rate: 0.05, most: 0.4, text: 'the same records are fetched again' },
  publish: { rate: 0.01, most: 0.1, text: 'publishing fails: nothing, some or all records are in the log' },
  'publish-late': {
    rate: 0.004,
    most: 0.05,
    text: 'a publish takes effect after its error and its repetition',
  },
  poison: { rate: 0.3, most: 1, text: 'undecodable bytes and records under a wrong key stand in a topic' },
  clog: { rate: 0.35, most: 1, text: 'links are cut one by one and restored in another order' },
  'database-away': { rate: 0.15, most: 1, text: 'nobody reaches the database for a while' },
  'log-away': { rate: 0.15, most: 1, text: 'nobody reaches the log for a while' },
  skew: { rate: 0.25, most: 1, text: 'the clocks of the processes differ by minutes' },
  'clock-jump': { rate: 0.25, most: 1, text: 'clocks jump by minutes or hours, or stand still' },
  duplicates: { rate: 0.25, most: 0.8, text: 'the same webhook comes more than once' },
  disorder: { rate: 0.3, most: 0.8, text: 'webhooks of one payment come late and in another order' },
  lost: { rate: 0.05, most: 0.5, text: 'a webhook never comes: reconcile finds it in the provider’s list' },
  forged: { rate: 0.08, most: 0.5, text: 'a webhook that nobody signed' },
  timeout: { rate: 0.06, most: 0.3, text: 'a provider does what was asked and the answer is lost' },
  outage: { rate: 0.05, most: 0.3, text: 'a provider answers with an error and did nothing' },
  rates: { rate: 0.5, most: 1, text: 'prices are away, disagree, are zero, absurd, stale or off the peg' },
  'odd-bodies': { rate: 0.3, most: 1, text: 'signed webhooks that nobody can understand' },
  operator: {
    rate: 0.4,
    most: 1,
    text: 'a person holds, releases, approves, cancels and tries again in the middle',
  },
  'late-look': {
    rate: 0.25,
    most: 1,
    text: 'our own transfers are looked at late, so that others know their end before us',
  },
  'get-lies': { rate: 0.004, most: 0.05, text: 'GET contradicts the webhook, or is behind it' },
  contradictions: {
    rate: 0.3,
    most: 1,
    text: 'webhooks tell another amount or currency of payments that were credited',
  },
  'late-client': { rate: 0.3, most: 1, text: 'payments come before their client is registered' },
  'swap-lies': {
    rate: 0.05,
    most: 0.3,
    text: 'the swap provider answers something else than asked, refuses, or raises its minimum',
  },
  'gas-short': { rate: 0.15, most: 1, text: 'there is hardly any gas until a person brings more' },
  swaps: { rate: 0.35, most: 0.8, text: 'the swap provider holds, fails, refunds, sends less or more' },
  revert: { rate: 0.1, most: 0.4, text: 'our transaction is reverted on chain' },
  stuck: { rate: 0.1, most: 0.5, text: 'our transaction is not mined until its fee is raised' },
  reorg: { rate: 0.03, most: 0.2, text: 'blocks that are not final are taken back and mined in another way' },
  dropped: { rate: 0.03, most: 0.3, text: 'the pool of the chain forgets a transaction of ours' },
  'slow-block': { rate: 0.1, most: 0.6, text: 'a block leaves a transaction to a later one' },
  'gas-spike': { rate: 0.008, most: 0.05, text: 'gas costs up to 500 gwei for a while' },
  lagging: { rate: 0.08, most: 0.5, text: 'the node that answers is some blocks behind' },
  denied: { rate: 0.02, most: 0.2, text: 'a node denies for a while what was mined' },
  forgetful: { rate: 0.05, most: 0.4, text: 'a node accepts a transaction and forgets it' },
  disagreement: { rate: 0.03, most: 0.3, text: 'two nodes that must agree do not' },
  strangers: { rate: 0.01, most: 0.1, text: 'somebody sends coins that nobody asked for' },
  'foreign-key': { rate: 0.0004, most: 0.005, text: 'somebody else signs with our key' },
  policy: { rate: 0.4, most: 1, text: 'clients change threshold, strategy and wallet in the middle' },
  payments: { rate: 0.3, most: 0.9, text: 'partial payments, failures and refunds are reported' },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof table;
export const FAULTS: Readonly<Record<FaultName, Fault>> = table;
export const FAULT_NAMES = Object.keys(table) as FaultName[];

export interface FaultOptions {
  readonly seed: string;
  /** Exactly these are on; without a list the seed chooses. */
  readonly only?: readonly FaultName[] | undefined;
  /** Told of every strike. */
  readonly onStrike: (name: FaultName) => void;
}

export class Faults {
  readonly #rates: ReadonlyMap<FaultName, number>;
  readonly #onStrike: (name: FaultName) => void;
  /** One source of chance per fault: leaving a fault out does not change when the others strike. */
  readonly #chances = new Map<FaultName, Random>();
  readonly #seed: string;
  /** Off in the quiet phase, in which everything must come to rest. */
  quiet = false;

  constructor({ seed, only, onStrike }: FaultOptions) {
    this.#seed = seed;
    this.#onStrike = onStrike;
    const rates = swarm(new Random(`swarm ${seed}`));
    this.#rates = only ? new Map(only.map((name) => [name, rates.get(name) ?? FAULTS[name].rate])) : rates;
  }

  /** The faults that are on, in the order of the table. */
  get on(): FaultName[] {
    return FAULT_NAMES.filter((name) => this.#rates.has(name));
  }

  /** Probability of this fault now; for what is planned ahead. Whoever acts on it calls `struck`. */
  of(name: FaultName): number {
    return this.quiet ? 0 : (this.#rates.get(name) ?? 0);
  }

  /**
   * Whether the fault happens at this opportunity; counted when it does.
   * @param part scales the probability, where there are many opportunities
   */
  strikes(name: FaultName, part = 1): boolean {
    const probability = this.of(name);
    if (probability === 0 || !this.chanceOf(name).chance(probability * part)) return false;
    this.struck(name);
    return true;
  }

  /** Counts a fault whose moment something else chose. */
  struck(name: FaultName): void {
    this.#onStrike(name);
  }

  /** The fault's own source of chance, for what follows from a strike. */
  chanceOf(name: FaultName): Random {
    let random = this.#chances.get(name);
    if (!random) {
      random = new Random(`${name} ${this.#seed}`);
      this.#chances.set(name, random);
    }
    return random;
  }
}

/** Faults that lead together to what each alone hardly ever reaches; in such a seed they are strong. */
const THEMES: readonly (readonly FaultName[])[] = [
  ['operator', 'swaps', 'swap-lies', 'late-look', 'stuck', 'revert', 'gas-spike', 'policy', 'crash'],
  ['operator', 'swaps', 'payments', 'gas-short', 'foreign-key', 'slow-block', 'outage', 'timeout'],
  [
    'odd-bodies',
    'poison',
    'contradictions',
    'payments',
    'late-client',
    'rates',
    'duplicates',
    'disorder',
    'lost',
    'forged',
    'policy',
    'operator',
  ],
];

/** Which faults a seed has, and how strong: most often many, now and then a few, one or none. */
function swarm(random: Random): Map<FaultName, number> {
  const kind = random.int(1, 100);
  if (kind <= 3) return new Map();
  if (kind <= 15) {
    const name = random.pick(FAULT_NAMES);
    return new Map([[name, FAULTS[name].most]]);
  }
  if (kind <= 50) {
    const theme = random.pick(THEMES);
    return new Map(theme.map((name) => [name, Math.min(FAULTS[name].most, FAULTS[name].rate * 3)]));
  }
  if (kind <= 72) return new Map(FAULT_NAMES.map((name) => [name, FAULTS[name].rate]));
  const some = FAULT_NAMES.filter(() => random.chance(0.5));
  return new Map(some.map((name) => [name, strengthOf(FAULTS[name], random)]));
}

function strengthOf({ rate, most }: Fault, random: Random): number {
  return Math.min(most, rate * random.pick([0.5, 1, 1, 2, 5]));
}

/**
 * @returns undefined for `all`: the seed chooses among all
 * @throws Error naming what is not a fault
 */
export function parseFaults(list: string): FaultName[] | undefined {
  if (list === 'all') return undefined;
  if (list === 'none') return [];
  return list.split(',').map((name) => {
    const found = FAULT_NAMES.find((one) => one === name.trim());
    if (!found)
      throw new Error(
        `${JSON.stringify(name)} is not a fault; there are: ${FAULT_NAMES.join(', ')}, all or none`,
      );
    return found;
  });
}

/** What can go wrong, by name, so that `--faults` can choose; probabilities are per opportunity. */

const FAULTS = {
  /** The process is killed between two steps. */
  crash: 0.004,
  /** The process is killed inside a transaction: rolled back after some statement. */
  'crash-inside': 0.006,
  /** The answer to COMMIT is lost: it ran or it did not. */
  'commit-unknown': 0.006,
  /** A process stands still for longer than leases and sessions last: it goes on as a zombie. */
  stall: 0.002,
  /** Partitions move to another member, which the old one notices late. */
  rebalance: 0.01,
  /** The same records are fetched again. */
  refetch: 0.05,
  /** Publishing fails: nothing, some or all records are in the log. */
  publish: 0.01,
  /** The same webhook more than once. */
  duplicates: 0.25,
  /** Webhooks of one payment arrive late and in another order. */
  disorder: 0.3,
  /** Webhooks that nobody signed, or of orders that are not ours. */
  forged: 0.08,
  /** A provider does what was asked and the answer is lost. */
  timeout: 0.06,
  /** A provider answers with an error and did nothing. */
  outage: 0.05,
  /** Price sources are away or disagree for a while: payments stay unvalued. */
  rates: 0.5,
  /** The swap provider holds, refunds, sends less or more. */
  swaps: 0.35,
  /** Our transaction is reverted on chain. */
  revert: 0.1,
  /** Our transaction is not mined until its fee is raised. */
  stuck: 0.1,
  /** Clients change threshold and strategy in the middle. */
  policy: 0.4,
  /** The payment provider reports partial payments, failures and refunds. */
  payments: 0.3,
} as const;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

export class Faults {
  readonly #on: ReadonlySet<FaultName>;
  /** Off in the quiet phase, in which everything must come to rest. */
  quiet = false;

  constructor(names: readonly FaultName[] = FAULT_NAMES) {
    this.#on = new Set(names);
  }

  /** Probability of this fault now. */
  of(name: FaultName): number {
    return !this.quiet && this.#on.has(name) ? FAULTS[name] : 0;
  }
}

/** @throws Error naming what is not a fault */
export function parseFaults(list: string): FaultName[] {
  if (list === 'none') return [];
  return list.split(',').map((name) => {
    const found = FAULT_NAMES.find((one) => one === name.trim());
    if (!found)
      throw new Error(
        `${JSON.stringify(name)} is not a fault; there are: ${FAULT_NAMES.join(', ')}, or none`,
      );
    return found;
  });
}

/** What a run has seen so far: kills by point and role, faults, recovery times, exits that nobody asked for. */
import { type FailPoint, pointsOf } from '../../processors/runtime/fail-point.ts';
import { ROLE_NAMES, type RoleName } from '../../schemas/topology.ts';

export interface Pair {
  readonly role: RoleName;
  readonly point: FailPoint;
}

/** Every declared fail point with each of its roles. */
export const PAIRS: readonly Pair[] = ROLE_NAMES.flatMap((role) =>
  pointsOf(role).map((point) => ({ role, point })),
);

export class Tally {
  readonly #kills = new Map<string, number>();
  /** Faults other than a kill at a fail point, by what they are called in the report. */
  readonly faults = new Map<string, number>();
  /** Milliseconds until the part works again, by kind of fault. */
  readonly recoveries = new Map<string, number[]>();
  /** Processes that ended although nobody killed them: role, how, last words. */
  readonly exits: string[] = [];
  /** How often everything was brought to rest and checked, and how many single checks that were. */
  rests = 0;
  checks = 0;
  readonly violations: string[] = [];

  killed({ role, point }: Pair): void {
    this.#kills.set(`${role} ${point}`, this.killsOf({ role, point }) + 1);
  }

  killsOf({ role, point }: Pair): number {
    return this.#kills.get(`${role} ${point}`) ?? 0;
  }

  get kills(): number {
    return [...this.#kills.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Kills of the pair that was killed least. */
  get least(): number {
    return Math.min(...PAIRS.map((pair) => this.killsOf(pair)));
  }

  fault(name: string): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1);
  }

  recovered(kind: string, ms: number): void {
    this.recoveries.set(kind, [...(this.recoveries.get(kind) ?? []), ms]);
  }

  /** Pairs that were killed fewer times than this. */
  below(times: number): Pair[] {
    return PAIRS.filter((pair) => this.killsOf(pair) < times);
  }
}

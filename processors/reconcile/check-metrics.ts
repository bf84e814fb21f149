/** Each check as metrics: its value, whether it holds, and how old that knowledge is. */
import { Gauge, type Registry } from 'prom-client';
import type { Check } from '../../ledger/invariants.ts';
import type { Clock } from '../runtime/clock.ts';
import { gauge } from '../runtime/metrics.ts';

export function checkMetrics(registry: Registry, clock: Clock) {
  const holds = gauge(registry, 'spillway_invariant_ok', '1 holds, 0 broken or could not be checked', [
    'name',
  ]);
  const checked = gauge(registry, 'spillway_invariant_checked', '1 when it could be checked', ['name']);
  const difference = gauge(registry, 'spillway_invariant_difference', 'Difference in minor units (rounded)', [
    'name',
    'asset',
  ]);
  const checkedAt = new Map<string, number>();
  // Computed when it is asked for: a check that stopped running must grow old by itself.
  registry.registerMetric(
    new Gauge({
      name: 'spillway_invariant_age_seconds',
      help: 'Time since it was checked',
      labelNames: ['name'],
      registers: [],
      collect() {
        for (const [name, at] of checkedAt) this.set({ name }, (clock.now().getTime() - at) / 1_000);
      },
    }),
  );
  return {
    record(checks: readonly Check[]): void {
      for (const check of checks) {
        holds.set({ name: check.name }, check.ok === true ? 1 : 0);
        checked.set({ name: check.name }, check.ok === null ? 0 : 1);
        if (check.ok !== null) checkedAt.set(check.name, clock.now().getTime());
        for (const [, minor, asset] of check.difference.matchAll(/(-?\d+) ([A-Z]+)/g)) {
          difference.set({ name: check.name, asset: asset! }, Number(minor));
        }
      }
    },
  };
}

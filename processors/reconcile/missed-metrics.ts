/** Missed webhooks as metrics: what was found, how late, and how far the looks are behind. */
import { Gauge, type Registry } from 'prom-client';
import type { Db } from '../../ledger/db.ts';
import { lookStates, missedSummary } from '../../ledger/sql/missed-state.ts';
import type { Clock } from '../runtime/clock.ts';
import { counter } from '../runtime/metrics.ts';

/** What status and the gauges call lately. */
export const LATELY_MS = 24 * 60 * 60_000;

export function missedMetrics(registry: Registry, db: Db, clock: Clock) {
  // Counted in the transaction that feeds them: one that is repeated counts twice. The table missed_webhooks is exact.
  const found = counter(registry, 'spillway_missed_webhooks_total', 'Webhooks that never came and were fed', [
    'status',
  ]);
  const compared = counter(
    registry,
    'spillway_missed_compared_total',
    'Payments whose status was compared with what the provider says',
  );
  // Computed when they are asked for: looks that stopped must grow old by themselves.
  collected(
    registry,
    'spillway_missed_webhooks_oldest_age_seconds',
    'Longest time between the change at the provider and its finding, of what was found in the last 24 h',
    [],
    async (set) => {
      const rows = await missedSummary(db, new Date(clock.now().getTime() - LATELY_MS));
      set({}, Math.max(0, ...rows.map((row) => row.oldest_seconds)));
    },
  );
  collected(
    registry,
    'spillway_missed_look_behind_seconds',
    'Time since the oldest payment was due that this look has not compared yet',
    ['look'],
    async (set) => {
      const now = clock.now().getTime();
      for (const look of await lookStates(db)) {
        const behindMs = now - look.seen_to.getTime() - Number.parseInt(String(look.age_ms), 10);
        set({ look: String(look.look) }, Math.max(0, behindMs) / 1_000);
      }
    },
  );
  return {
    onMissed: (status: string): void => found.inc({ status }),
    onCompared: (count: number): void => compared.inc(count),
  };
}

function collected(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: (set: (labels: Record<string, string>, value: number) => void) => Promise<void>,
): void {
  const metric = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [],
    async collect() {
      try {
        await read((labels, value) => metric.set(labels, value));
      } catch {
        // A database that is away has metrics of its own; the others must still be read.
        metric.reset();
      }
    },
  });
  registry.registerMetric(metric);
}

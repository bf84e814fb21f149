/**
 * Metrics of a role by name: declared where they are used, made once per registry. Names follow Prometheus: unit last,
 * base units (seconds, records), `_total` for counters.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Seconds; from a local statement (1 ms) to a provider's deadline (20 s). */
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];
/** Records of a batch. */
export const RECORDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000];

export function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[] = [],
): Counter {
  const known = registry.getSingleMetric(name) as Counter | undefined;
  return known ?? new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
}

export function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[] = [],
): Gauge {
  const known = registry.getSingleMetric(name) as Gauge | undefined;
  return known ?? new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
}

export function histogram(
  registry: Registry,
  name: string,
  help: string,
  buckets: readonly number[],
  labelNames: readonly string[] = [],
): Histogram {
  const known = registry.getSingleMetric(name) as Histogram | undefined;
  return (
    known ??
    new Histogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers: [registry] })
  );
}

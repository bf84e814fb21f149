/** What a consumer reports: throughput, time per batch, lag in records, takeovers and lost fences. */
import type { Registry } from 'prom-client';
import { counter, gauge, histogram, RECORDS, SECONDS } from './metrics.ts';

export function consumerMetrics(registry: Registry, topic: string) {
  const metrics = {
    records: counter(registry, 'spillway_consumed_records_total', 'Records processed', ['topic']),
    size: histogram(registry, 'spillway_batch_records', 'Records of one batch', RECORDS, ['topic']),
    seconds: histogram(registry, 'spillway_batch_seconds', 'Time of one batch, until durable', SECONDS, [
      'topic',
    ]),
    lag: gauge(registry, 'spillway_consumer_lag_records', 'Records in the log not yet processed', [
      'topic',
      'partition',
    ]),
    takeovers: counter(registry, 'spillway_takeovers_total', 'Partitions taken over', ['topic']),
    fenced: counter(registry, 'spillway_fenced_total', 'Batches abandoned because the partition was taken', [
      'topic',
    ]),
  };
  // Present from the start, so that an alert on a rate sees the first one.
  metrics.fenced.inc({ topic }, 0);
  return metrics;
}

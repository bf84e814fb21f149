/** At the end of a run: the steps and reasons that its topics and counters tell of. */
import type { Registry } from 'prom-client';
import { TOPIC } from '../../schemas/topology.ts';
import { type Coverage, isReason } from './coverage.ts';
import { decoded, type World } from './world.ts';

export async function coverEnd(world: World): Promise<void> {
  const { coverage } = world.engine;
  coverSteps(world, coverage, TOPIC.payouts, 'payout');
  coverSteps(world, coverage, TOPIC.conversions, 'conversion');
  for (const record of world.log.all(TOPIC.quarantine)) {
    const { reason } = decoded(TOPIC.quarantine, record);
    if (isReason(reason)) coverage.reason(reason);
  }
  for (const registry of world.counters) await coverCounters(coverage, registry);
}

/** A repeated record is the same revision again: no step. */
function coverSteps(
  world: World,
  coverage: Coverage,
  topic: typeof TOPIC.payouts | typeof TOPIC.conversions,
  graph: 'payout' | 'conversion',
): void {
  const last = new Map<string, { revision: bigint; status: string }>();
  for (const record of world.log.all(topic)) {
    const value = decoded(topic, record);
    const { revision, status, reason } = value;
    const id = 'payout_id' in value ? value.payout_id : value.conversion_id;
    const before = last.get(id);
    if (before && before.revision >= revision) continue;
    last.set(id, { revision, status });
    if (reason !== null && isReason(reason)) coverage.reason(reason);
    if (before?.status !== status) coverage.edge(graph, before?.status ?? null, status);
  }
}

/** How inputs ended, as the processors themselves count it. */
async function coverCounters(coverage: Coverage, registry: Registry): Promise<void> {
  for (const metric of await registry.getMetricsAsJSON()) {
    for (const { labels, value } of metric.values) {
      const { reason } = labels as { readonly reason?: string };
      if (value > 0 && reason !== undefined && isReason(reason)) coverage.reason(reason);
    }
  }
}

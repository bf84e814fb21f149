/** Checks as metrics: value, whether it holds, whether it ran, and an age that grows by itself. */
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { checkMetrics } from '../../../../processors/reconcile/check-metrics.ts';

it('tells holding, broken and unknown apart, and how old each knowledge is', async () => {
  let time = 1_000_000;
  const registry = new Registry();
  const metrics = checkMetrics(registry, { now: () => new Date(time) });
  const check = (ok: boolean | null, difference = '') => ({ name: 'custody', ok, difference, detail: '' });
  const read = async (name: string) => {
    const metric = await registry.getSingleMetric(`spillway_invariant_${name}`)!.get();
    return metric.values.map(({ value, labels }) =>
      [value, labels.asset].filter((part) => part !== undefined),
    );
  };

  metrics.record([check(true, '0 ETH, 0 USDT')]);
  expect([await read('ok'), await read('checked')]).toEqual([[[1]], [[1]]]);

  metrics.record([check(false, '-3 ETH, 12 USDT')]);
  expect([await read('ok'), await read('checked')]).toEqual([[[0]], [[1]]]);
  expect(await read('difference')).toEqual([
    [-3, 'ETH'],
    [12, 'USDT'],
  ]);

  // Nothing is recorded any more: the age must show it all the same.
  time += 90_000;
  expect(await read('age_seconds')).toEqual([[90]]);

  metrics.record([check(null)]);
  expect([await read('ok'), await read('checked')]).toEqual([[[0]], [[0]]]);
  expect(await read('age_seconds')).toEqual([[90]]);
});

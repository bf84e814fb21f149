/** The health side of a role, over HTTP. */
import { Registry } from 'prom-client';
import { afterEach, expect, test } from 'vitest';
import { type HealthServer, startHealth } from '../../../../processors/runtime/health.ts';
import { counter } from '../../../../processors/runtime/metrics.ts';

let server: HealthServer | null = null;
afterEach(() => server?.close());

test('answers by what the role says of itself', async () => {
  const state = { ready: false, ok: true };
  const registry = new Registry();
  counter(registry, 'spillway_test_total', 'A test').inc();
  server = await startHealth({ host: '127.0.0.1', port: 0 }, registry, {
    ready: () => state.ready,
    progress: () => ({ ok: state.ok, detail: 'last batch 3 s ago' }),
  });
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server!.port}${path}`, { method });
    return { status: response.status, body: await response.text() };
  };
  expect(await get('/livez')).toEqual({ status: 200, body: 'last batch 3 s ago\n' });
  expect((await get('/readyz')).status).toBe(503);
  state.ready = true;
  state.ok = false;
  expect((await get('/readyz')).status).toBe(200);
  expect((await get('/livez')).status).toBe(503);
  expect((await get('/metrics')).body).toContain('spillway_test_total 1');
  expect((await get('/elsewhere')).status).toBe(404);
  expect((await get('/livez', 'POST')).status).toBe(405);
});

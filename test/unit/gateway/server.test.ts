/** The server without sockets: what each request is answered, what is published, what is counted. */
import { randomBytes } from 'node:crypto';
import type { InjectOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import { makeOrderId } from '../../../schemas/order-id.ts';
import { orderMac } from '../../../schemas/order-mac.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import {
  bodyText,
  CLIENT,
  type GatewayUnderTest,
  gatewayUnderTest,
  IPN_SECRET,
  ORDER,
  ORDER_SECRET,
  PREVIOUS_SECRET,
  quarantined,
  sign,
} from './support.ts';

const PATH = '/webhooks/nowpayments';

function post(
  under: GatewayUnderTest,
  raw: string | Buffer = bodyText(),
  changes: Partial<InjectOptions> = {},
) {
  const { headers, ...others } = changes;
  return under.gateway.app.inject({
    method: 'POST',
    url: PATH,
    payload: raw,
    headers: { 'content-type': 'application/json', 'x-nowpayments-sig': sign(raw), ...headers },
    ...others,
  });
}

describe('transport', () => {
  it('405 names what is allowed', async () => {
    const answer = await post(gatewayUnderTest(), bodyText(), { method: 'GET' });
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'POST']);
  });

  it('a 401 says nothing [failure 110]', async () => {
    const answer = await post(gatewayUnderTest(), bodyText(), { headers: { 'x-nowpayments-sig': 'x' } });
    expect(answer.statusCode).toBe(401);
    expect(answer.body).toBe('');
  });
});

describe('what is published', () => {
  it('a payment: key, headers, prefix; answered after it is durable [failures 56, H2]', async () => {
    const under = gatewayUnderTest({ topicPrefix: 'test-' });
    let confirm = (): void => undefined;
    let asked = 0;
    under.log.publish = (records) => {
      under.log.records.push(...records);
      asked++;
      return new Promise((resolve) => {
        confirm = resolve;
      });
    };
    let isAnswered = false;
    const answer = post(under).then((got) => {
      isAnswered = true;
      return got;
    });
    await expect.poll(() => asked).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    expect(under.gateway.open).toBe(1);
    confirm();
    expect((await answer).statusCode).toBe(200);
    const record = under.log.records[0]!;
    expect(record.topic).toBe(`test-${TOPIC.received}`);
    expect(record.key).toBe(CLIENT);
    expect(record.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    await expect.poll(() => under.gateway.open).toBe(0);
  });

  it('goes on with the trace of the caller, if it is well formed', async () => {
    const under = gatewayUnderTest();
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    await post(under, bodyText(), { headers: { traceparent: `00-${trace}-00f067aa0ba902b7-00` } });
    await post(under, bodyText(), { headers: { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-00` } });
    const [first, second] = under.log.records.map((record) => record.headers.traceparent!);
    expect(first).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`));
    expect(first).not.toContain('00f067aa0ba902b7');
    expect(second).not.toContain('0'.repeat(32));
  });

  it('a quarantined body: 200 after it is durable, too', async () => {
    const under = gatewayUnderTest();
    const answer = await post(under, '[1]');
    expect([answer.statusCode, answer.json()]).toEqual([200, { result: 'quarantined' }]);
    expect(quarantined(under.log.records[0])).toMatchObject({
      reason: 'json_invalid',
      value: Buffer.from('[1]'),
    });
    expect(await under.counted(200, 'json_invalid')).toBe(1);
  });

  it('86 a withdrawal notice: counted, nothing published', async () => {
    const under = gatewayUnderTest();
    const answer = await post(under, '{"batch_withdrawal_id":"5"}');
    expect([answer.statusCode, answer.json()]).toEqual([200, { result: 'ignored' }]);
    expect(under.log.records).toEqual([]);
    expect(await under.counted(200, 'payout_notice')).toBe(1);
  });

  it('75 the same body many times at once: the same event id each time [failures 39, 105]', async () => {
    const under = gatewayUnderTest();
    const answers = await Promise.all(Array.from({ length: 200 }, () => post(under)));
    expect(answers.every((answer) => answer.statusCode === 200)).toBe(true);
    expect(new Set(under.log.records.map((record) => record.headers['event-id'])).size).toBe(1);
    expect(under.log.records.length).toBe(200);
  });
});

describe('not durable', () => {
  it('a rejected publish is 503 with Retry-After [failures 56, H2]', async () => {
    const under = gatewayUnderTest();
    under.log.publish = async () => {
      throw new Error('broker away');
    };
    const answer = await post(under);
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.body).not.toContain('broker');
    expect(await under.counted(503, 'not_durable')).toBe(1);
  });

  it('a full queue is 503 overloaded', async () => {
    const under = gatewayUnderTest();
    under.log.publish = async () => {
      throw Object.assign(new Error('full'), { name: 'QueueFull' });
    };
    expect((await post(under)).json()).toMatchObject({ reason: 'overloaded' });
  });

  it('96 a publisher that never answers: 503 at the deadline, quarantined bodies as well', async () => {
    const under = gatewayUnderTest({ deadlineMs: 60 });
    const deadlines: (number | undefined)[] = [];
    under.log.publish = (_records, options) => {
      deadlines.push(options?.deadlineMs);
      return new Promise(() => undefined);
    };
    const answers = await Promise.all([post(under), post(under, '[1]')]);
    expect(answers.map((answer) => answer.statusCode)).toEqual([503, 503]);
    for (const deadline of deadlines) expect(deadline).toSatisfy((ms: number) => ms > 0 && ms <= 60);
    expect(await under.counted(503, 'not_durable')).toBe(2);
  });

  it('a codec that fails twice is 503, not an exception [failure 110]', async () => {
    const encode = (): never => {
      throw new Error('no schema');
    };
    const under = gatewayUnderTest({ codec: { encode } });
    const answer = await post(under);
    expect(answer.statusCode).toBe(503);
    expect(answer.body).not.toContain('no schema');
    expect(under.lines.join('')).toContain('no schema');
  });

  it('95 beyond the bound of open webhooks: 503 at once, the open ones are answered, nothing is lost', async () => {
    const under = gatewayUnderTest({ maxInFlight: 10 });
    const waiting: (() => void)[] = [];
    under.log.publish = (records) => {
      under.log.records.push(...records);
      return new Promise((resolve) => waiting.push(resolve));
    };
    const answers = Array.from({ length: 500 }, (_, i) =>
      post(under, bodyText({ payment_id: String(i + 1) })),
    );
    await expect.poll(() => under.log.records.length).toBe(10);
    await expect.poll(() => under.counted(503, 'overloaded')).toBe(490);
    for (const resolve of waiting) resolve();
    const statuses = (await Promise.all(answers)).map((answer) => answer.statusCode);
    expect(statuses.filter((status) => status === 200).length).toBe(10);
    expect(statuses.filter((status) => status === 503).length).toBe(490);
    under.log.publish = async () => undefined;
    expect((await post(under)).statusCode).toBe(200);
  });
});

describe('order status', () => {
  const get = (under: GatewayUnderTest, id: string) =>
    under.gateway.app.inject({ method: 'GET', url: `/orders/${encodeURIComponent(id)}/status` });

  it('an order of ours, for any origin [failure 92]', async () => {
    const asked: string[] = [];
    const under = gatewayUnderTest({
      orderStatus: async (id) => {
        asked.push(id);
        return 'access_granted';
      },
    });
    const answer = await get(under, ORDER);
    expect([answer.statusCode, answer.json()]).toEqual([200, { order_id: ORDER, status: 'access_granted' }]);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(asked).toEqual([ORDER]);
    const preflight = await under.gateway.app.inject({ method: 'OPTIONS', url: `/orders/${ORDER}/status` });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers['access-control-allow-methods']).toBe('GET');
  });

  it.each([
    ['forged', `${ORDER.slice(0, -1)}${ORDER.endsWith('A') ? 'B' : 'A'}`],
    ["the original's", 'PGP-6271402111|-1002409379260'],
    ['anything', "x' OR 1=1"],
    ['under another secret', makeOrderId({ client: '-5', random: randomBytes(10), mac: orderMac('other') })],
  ])('%s is 404 and asks no database', async (_name, id) => {
    const under = gatewayUnderTest({
      orderStatus: () => {
        throw new Error('asked');
      },
    });
    expect((await get(under, id)).statusCode).toBe(404);
  });

  it('of ours without a row is 404', async () => {
    expect((await get(gatewayUnderTest({ orderStatus: async () => undefined }), ORDER)).statusCode).toBe(404);
  });

  it('97 the database away or slow: 503 here, webhooks go on [failures 77, 110]', async () => {
    const away = gatewayUnderTest({
      orderStatus: async () => {
        throw new Error('connection refused at 10.0.0.1');
      },
    });
    const answer = await get(away, ORDER);
    expect(answer.statusCode).toBe(503);
    expect(answer.body).not.toContain('10.0.0.1');
    expect((await post(away)).statusCode).toBe(200);
    const slow = gatewayUnderTest({ orderStatus: () => new Promise(() => undefined) });
    const startedAt = performance.now();
    expect((await get(slow, ORDER)).statusCode).toBe(503);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('these are all doors, and what comes in through one is signed or only read [failure 111]', () => {
    const doors = gatewayUnderTest().gateway.app.printRoutes({ commonPrefix: false });
    const words = [...doors.matchAll(/(\/\S*) \(([^)]*)\)/g)].map(
      ([, path, methods]) => `${methods} ${path}`,
    );
    expect(words).toEqual([
      'POST /webhooks/nowpayments',
      'GET, HEAD, OPTIONS /orders/:order_id/status',
      'GET, HEAD /livez',
      'GET, HEAD /readyz',
      'GET, HEAD /metrics',
      'GET, HEAD /version',
    ]);
  });

  it('webhooks answer no other origin [failure 115]', async () => {
    const answer = await post(gatewayUnderTest(), bodyText(), { headers: { origin: 'https://example.org' } });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('health', () => {
  const get = (under: GatewayUnderTest, url: string) => under.gateway.app.inject({ method: 'GET', url });

  it('alive, ready, version, metrics [failures 58, 73]', async () => {
    let isReady = false;
    const under = gatewayUnderTest({ isReady: () => isReady });
    expect((await get(under, '/livez')).statusCode).toBe(200);
    expect((await get(under, '/readyz')).statusCode).toBe(503);
    isReady = true;
    expect((await get(under, '/readyz')).statusCode).toBe(200);
    expect((await get(under, '/version')).json()).toMatchObject({ name: 'spillway', version: '0.0.0-test' });
    await post(under);
    const metrics = await get(under, '/metrics');
    expect(metrics.body).toContain('spillway_gateway_requests_total{status="200",reason="received"} 1');
    expect(metrics.body).toContain('spillway_gateway_signatures_total{form="raw",secret="current"} 1');
    expect(metrics.body).toContain('spillway_gateway_request_seconds_count 1');
  });

  it('not ready from the first moment of draining', async () => {
    const under = gatewayUnderTest();
    const drained = under.gateway.drain();
    expect(under.gateway.isReady()).toBe(false);
    await drained;
  });
});

describe('abuse', () => {
  it('91 random bodies end in 401 and nothing else', async () => {
    const under = gatewayUnderTest();
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        post(under, randomBytes(1 + (i % 100)), {
          headers: { 'x-nowpayments-sig': randomBytes(64).toString('hex') },
        }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([401]));
    expect(under.log.records).toEqual([]);
    // Counted each, logged once: a flood must not fill the log.
    expect(await under.counted(401, 'not_authentic')).toBe(300);
    expect(under.lines.length).toBe(1);
  });

  it('99 no secret, signature or body in any log line, metric or answer [failure 114]', async () => {
    const under = gatewayUnderTest();
    const bodies = [
      bodyText(),
      '[1]',
      bodyText({ order_id: '"BODY-CANARY"' }),
      bodyText({ payment_status: '1' }),
    ];
    const signatures: string[] = [];
    let answers = '';
    for (const raw of bodies) {
      for (const secret of [IPN_SECRET, PREVIOUS_SECRET, 'wrong']) {
        const signature = sign(raw, secret);
        signatures.push(signature);
        answers += (await post(under, raw, { headers: { 'x-nowpayments-sig': signature } })).payload;
      }
    }
    const output = answers + under.lines.join('') + (await under.registry.metrics());
    for (const canary of [IPN_SECRET, PREVIOUS_SECRET, ORDER_SECRET, 'BODY-CANARY', ...signatures]) {
      expect(output).not.toContain(canary);
    }
  });
});

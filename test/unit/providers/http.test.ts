/** The HTTP base of the providers: what each failure means for somebody who moves money. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { afterEffect, malformed, ProviderError, type ProviderErrorKind } from '../../../providers/error.ts';
import { createHttp, type HttpOptions, json } from '../../../providers/http.ts';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function client(listener: RequestListener, options: Partial<HttpOptions> = {}) {
  const baseUrl = await serve(listener);
  return createHttp({
    provider: 'acme',
    baseUrl,
    headers: { 'x-key': 'canary-7' },
    timeoutMs: 2_000,
    ...options,
  });
}

async function failure(call: Promise<unknown>): Promise<ProviderError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ProviderError);
  return error as ProviderError;
}

const answer =
  (status: number, body: string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };

describe('an answer', () => {
  test('keeps the text of its numbers [failure 17]', async () => {
    const http = await client(answer(200, '{"a":0.10000000,"b":1e-8,"c":12345678901234567890.5}'));
    const body = json.object(await http.get('/x'), 'acme.x');
    expect(json.decimal(body.a, 'acme.a')).toBe('0.1');
    expect(json.decimal(body.b, 'acme.b')).toBe('0.00000001');
    expect(json.decimal(body.c, 'acme.c')).toBe('12345678901234567890.5');
  });

  test('is asked for with query, key and exact numbers [failure 63]', async () => {
    const seen: string[] = [];
    const http = await client((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += String(chunk);
      });
      request.on('end', () => {
        seen.push(`${request.method} ${request.url} ${request.headers['x-key']} ${body}`);
        response.end('{}');
      });
    });
    await http.get('/v1/a', { from: 'b c', none: undefined });
    await http.post('/v1/b', { amount: json.exact('0.10') });
    expect(seen).toEqual(['GET /v1/a?from=b+c canary-7 ', 'POST /v1/b canary-7 {"amount":0.10}']);
  });
});

describe('a status', () => {
  const rows: [number, ProviderErrorKind, ProviderErrorKind][] = [
    [400, 'permanent', 'permanent'],
    [401, 'permanent', 'permanent'],
    [403, 'permanent', 'permanent'],
    [404, 'permanent', 'permanent'],
    [422, 'permanent', 'permanent'],
    [429, 'transient', 'transient'],
    [302, 'transient', 'unknown_outcome'],
    [408, 'transient', 'unknown_outcome'],
    [500, 'transient', 'unknown_outcome'],
    [502, 'transient', 'unknown_outcome'],
    [503, 'transient', 'unknown_outcome'],
  ];
  test.each(rows)(
    '%i is %s for a GET and %s for a POST with an effect [failure 57]',
    async (status, onGet, onEffect) => {
      const http = await client(
        answer(status, '{"code":"WHY","message":"because"}', { location: '/elsewhere' }),
      );
      const got = await failure(http.get('/x'));
      expect([got.kind, got.status, got.code]).toEqual([onGet, status, 'WHY']);
      expect((await failure(http.post('/x', {}))).kind).toBe(onEffect);
      expect((await failure(http.post('/x', {}, { effect: false }))).kind).toBe(onGet);
    },
  );

  test('brings the wait that was asked for', async () => {
    const http = await client(answer(429, '', { 'retry-after': '7' }));
    const error = await failure(http.get('/x'));
    expect([error.retryAfterMs, error.code]).toEqual([7_000, 'http_429']);
  });

  test('never carries the key, even when the provider repeats it [failures 110, 114]', async () => {
    const http = await client(
      answer(403, '{"error":"forbidden","message":"bad key canary-7\\u0000\\n at x"}'),
    );
    const error = await failure(http.get('/x'));
    expect(error.message).toBe('acme: GET /x answered 403 (forbidden): bad key *** at x');
    expect(JSON.stringify(error) + error.stack).not.toContain('canary-7');
  });
});

describe('a lost answer', () => {
  test('after sending is unknown for an effect and transient otherwise: timeout', async () => {
    const http = await client(() => {}, { timeoutMs: 60 });
    expect(await failure(http.post('/x', {}))).toMatchObject({ kind: 'unknown_outcome', code: 'timeout' });
    expect(await failure(http.get('/x'))).toMatchObject({ kind: 'transient', code: 'timeout' });
  });

  test('after sending is unknown for an effect: body that never ends', async () => {
    const http = await client((_request, response) => void response.write('{"id":'), { timeoutMs: 60 });
    expect(await failure(http.post('/x', {}))).toMatchObject({ kind: 'unknown_outcome', code: 'timeout' });
  });

  test('after sending is unknown for an effect: connection cut', async () => {
    const http = await client((request) => request.socket.destroy());
    expect((await failure(http.post('/x', {}))).kind).toBe('unknown_outcome');
    expect((await failure(http.get('/x'))).kind).toBe('transient');
  });

  test.each([
    '{"id":',
    '',
    '<html>',
    '{"a":1,"a":2}',
    `"${'x'.repeat(1024 * 1024 + 1)}"`,
    '['.repeat(100_000),
  ])('is one that cannot be read (%#)', async (body) => {
    const http = await client(answer(200, body));
    expect(await failure(http.get('/x'))).toMatchObject({ kind: 'transient', code: 'malformed' });
    expect(await failure(http.post('/x', {}))).toMatchObject({ kind: 'unknown_outcome', code: 'malformed' });
  });

  test('is no loss when the connection was refused: nothing was sent', async () => {
    const baseUrl = await serve(() => {});
    const [server] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    const http = createHttp({ provider: 'acme', baseUrl });
    expect(await failure(http.post('/x', {}))).toMatchObject({ kind: 'transient', code: 'ECONNREFUSED' });
  });
});

test('a call that waited too long for our own rate limit is never sent', async () => {
  let asked = 0;
  const http = await client(
    (_request, response) => {
      asked += 1;
      response.end('{}');
    },
    { perMinute: 1, timeoutMs: 80 },
  );
  await http.post('/x', {});
  expect(await failure(http.post('/x', {}))).toMatchObject({ kind: 'transient', code: 'rate_limited_here' });
  expect(asked).toBe(1);
});

test('a limit of many a minute is spread over seconds, and nothing is lost by waiting', async () => {
  const at: number[] = [];
  const http = await client(
    (_request, response) => {
      at.push(Date.now());
      response.end('{}');
    },
    { perMinute: 300 },
  );
  await Promise.all(Array.from({ length: 8 }, () => http.get('/x')));
  expect(at).toHaveLength(8);
  expect((at[5] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(900);
  expect((at[4] ?? 0) - (at[0] ?? 0)).toBeLessThan(900);
});

describe('reading a shape', () => {
  const parsed = json.parseJson(
    '{"n":12,"neg":-1,"s":"x","e":"","d":"1.50","big":1e99,"t":1711356300,"o":{},"l":[]}',
  );
  const row = json.object(parsed, 'acme.row');
  test.each([
    ['a number where text should be', () => json.text(row.n, 'acme.n')],
    ['nothing', () => json.text(row.missing, 'acme.missing')],
    ['empty text', () => json.text(row.e, 'acme.e')],
    ['a negative amount', () => json.decimal(row.neg, 'acme.neg')],
    ['words as an amount', () => json.decimal(row.s, 'acme.s')],
    ['an absurd amount', () => json.decimal(row.big, 'acme.big') && json.decimal('1e999', 'acme.big')],
    ['a list as an object', () => json.object(row.l, 'acme.l')],
    ['an object as a list', () => json.array(row.o, 'acme.o')],
    ['an object as an id', () => json.identifier(row.o, 'acme.o')],
    ['words as a time', () => json.instant('2025-11-02', 'acme.t')],
  ])('refuses %s [failures 33, 34]', (_name, read) => {
    expect(read).toThrow(/^acme: malformed answer: /);
  });

  test('takes both forms of numbers and times [failure 33]', () => {
    expect(json.decimal(row.d, 'acme.d')).toBe('1.5');
    expect(json.identifier(row.n, 'acme.n')).toBe('12');
    expect(json.instant(row.t, 'acme.t').toISOString()).toBe('2024-03-25T08:45:00.000Z');
    expect(json.instant('2025-11-02T14:27:51.104Z', 'acme.t').getTime()).toBe(1762093671104);
    expect(json.nullableDecimal(null, 'acme.x')).toBeNull();
  });

  test('after an effect a wrong shape is an unknown outcome', () => {
    const read = (): never => {
      throw malformed('acme', 'no id');
    };
    expect(() => afterEffect(read)).toThrow(
      expect.objectContaining({
        kind: 'unknown_outcome',
        code: 'malformed',
        message: 'acme: malformed answer: no id',
      }),
    );
  });
});

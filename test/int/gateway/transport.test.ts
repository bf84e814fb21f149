/** The server over real sockets: what only shows below fastify's inject (bad inputs 4, 5, 10 to 15, 34, 93; drain). */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  bodyText,
  type GatewayUnderTest,
  gatewayUnderTest,
  received,
  sign,
} from '../../unit/gateway/support.ts';

const PATH = '/webhooks/nowpayments';
const open: { gateways: GatewayUnderTest[]; sockets: Socket[] } = { gateways: [], sockets: [] };

afterEach(async () => {
  for (const socket of open.sockets.splice(0)) socket.destroy();
  await Promise.all(open.gateways.splice(0).map((under) => under.gateway.app.close()));
});

async function start(changes: Parameters<typeof gatewayUnderTest>[0] = {}) {
  const under = gatewayUnderTest(changes);
  open.gateways.push(under);
  const port = await under.gateway.listen({ host: '127.0.0.1', port: 0 });
  return { under, port };
}

interface Wire {
  readonly socket: Socket;
  text(): string;
  /** Resolves with everything received when the server ends the connection. */
  readonly ended: Promise<string>;
  status(): number;
}

function dial(port: number): Wire {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.setNoDelay(true);
  open.sockets.push(socket);
  let text = '';
  socket.on('data', (data) => {
    text += data.toString('latin1');
  });
  const ended = new Promise<string>((resolve) => {
    // A reset after the answer ends a connection as well as a FIN.
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
  return { socket, text: () => text, ended, status: () => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0) };
}

const head = (lines: readonly string[]) => `POST ${PATH} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;

/** Sends the text on a new connection and waits for the first status line. */
async function exchange(port: number, text: string | Buffer): Promise<Wire> {
  const wire = dial(port);
  wire.socket.write(text);
  await expect.poll(() => wire.text(), { timeout: 5_000, interval: 5 }).toContain('\r\n');
  return wire;
}

const raw = bodyText();
const signed = `x-nowpayments-sig: ${sign(raw)}`;
const length = `content-length: ${Buffer.byteLength(raw)}`;

describe('transport', () => {
  it('a plain webhook over a connection that is kept', async () => {
    const { under, port } = await start();
    const wire = await exchange(port, head(['host: x', signed, length]) + raw);
    expect(wire.status()).toBe(200);
    wire.socket.write(head(['host: x', signed, length]) + raw);
    await expect.poll(() => wire.text().match(/HTTP\/1\.1 200/g)?.length).toBe(2);
    expect(under.log.records.length).toBe(2);
  });

  it('chunked, in pieces of one byte', async () => {
    const { under, port } = await start();
    const chunks = [...Buffer.from(raw)].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join('');
    const text = `${head(['host: x', signed, 'transfer-encoding: chunked'])}${chunks}0\r\n\r\n`;
    expect((await exchange(port, text)).status()).toBe(200);
    expect(received(under.log.records[0]).payment.payment_id).toBe('5077125051');
  });

  it('4 content-length larger than the body, connection ended: 400, nothing published', async () => {
    const { under, port } = await start();
    const wire = dial(port);
    wire.socket.end(head(['host: x', signed, `content-length: ${raw.length + 5}`]) + raw);
    await wire.ended;
    expect([0, 400]).toContain(wire.status());
    await expect.poll(() => under.counted(400, 'request_malformed')).toBeGreaterThan(0);
    await expect.poll(() => under.gateway.open).toBe(0);
    expect(under.log.records).toEqual([]);
  });

  it('4 content-length smaller than the body: not authentic, and what follows is no request', async () => {
    const { under, port } = await start();
    const wire = await exchange(port, head(['host: x', signed, `content-length: ${raw.length - 5}`]) + raw);
    expect([400, 401]).toContain(wire.status());
    await wire.ended;
    expect(under.log.records).toEqual([]);
  });

  it.each([
    ['content-length', head(['host: x', signed, length]) + raw.slice(0, 10)],
    ['chunked', `${head(['host: x', signed, 'transfer-encoding: chunked'])}5\r\n{"act\r\n`],
  ])('5 a body without end (%s) is 408 at the deadline', async (_name, text) => {
    const { under, port } = await start({ deadlineMs: 150 });
    const startedAt = performance.now();
    const wire = await exchange(port, text);
    expect(wire.status()).toBe(408);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(140);
    await wire.ended;
    expect(await under.counted(408, 'body_timeout')).toBe(1);
    await expect.poll(() => under.gateway.open).toBe(0);
  });

  it('5 a slow drip does not renew the deadline', async () => {
    const { port } = await start({ deadlineMs: 200 });
    const wire = dial(port);
    wire.socket.write(head(['host: x', signed, length]));
    const drip = setInterval(() => wire.socket.write('{'), 20);
    await wire.ended.finally(() => clearInterval(drip));
    expect(wire.status()).toBe(408);
  });

  it('5 headers without end are 408', async () => {
    const { under, port } = await start({ deadlineMs: 150 });
    const wire = dial(port);
    wire.socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\nx-slow: `);
    const drip = setInterval(() => wire.socket.write('a'), 20);
    await wire.ended.finally(() => clearInterval(drip));
    expect(wire.status()).toBe(408);
    expect(await under.counted(408, 'body_timeout')).toBe(1);
  });

  it('3 a chunked body beyond 64 KiB is 413 before its end', async () => {
    const { under, port } = await start();
    const wire = dial(port);
    wire.socket.write(head(['host: x', signed, 'transfer-encoding: chunked']));
    const piece = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    for (let i = 0; i < 6; i++) wire.socket.write(piece);
    await wire.ended;
    expect(wire.status()).toBe(413);
    expect(await under.counted(413, 'body_too_large')).toBe(1);
  });

  it('10 two signature headers, also two equal ones', async () => {
    const { under, port } = await start();
    expect((await exchange(port, head(['host: x', signed, signed, length]) + raw)).status()).toBe(401);
    const other = `x-nowpayments-sig: ${'0'.repeat(128)}`;
    expect((await exchange(port, head(['host: x', signed, other, length]) + raw)).status()).toBe(401);
    expect(under.log.records).toEqual([]);
  });

  it('22, 24 upper case and space around the value', async () => {
    const { port } = await start();
    const shouted = `X-NOWPayments-Sig:  \t${sign(raw).toUpperCase()} `;
    expect((await exchange(port, head(['host: x', shouted, length]) + raw)).status()).toBe(200);
  });

  it.each<[string, readonly string[], number]>([
    ['11 a header of 16 KiB', ['host: x', `x-large: ${'a'.repeat(16_384)}`, length], 431],
    [
      '12 transfer-encoding and content-length',
      ['host: x', 'transfer-encoding: chunked', signed, length],
      400,
    ],
    ['12 content-length twice', ['host: x', signed, length, 'content-length: 3'], 400],
    ['12 a strange transfer-encoding', ['host: x', signed, 'transfer-encoding: xchunked'], 400],
    ['12 space before the colon', ['host: x', signed, 'content-length : 5'], 400],
    ['14 no host', [signed, length], 400],
    ['34 NUL in a header', ['host: x', 'x-nowpayments-sig: a\0b', length], 400],
    ['34 bytes above ASCII in the signature', ['host: x', 'x-nowpayments-sig: \u00e9\u00ff', length], 401],
  ])('%s', async (_name, lines, status) => {
    const { under, port } = await start();
    expect((await exchange(port, Buffer.from(head(lines) + raw, 'latin1'))).status()).toBe(status);
    expect(under.log.records).toEqual([]);
  });

  it('14 HTTP/1.0 without host', async () => {
    const { port } = await start();
    const wire = await exchange(port, `POST ${PATH} HTTP/1.0\r\n${signed}\r\n${length}\r\n\r\n${raw}`);
    expect(wire.status()).toBe(400);
  });

  it.each([
    '/webhooks/%2e%2e/webhooks/nowpayments',
    '/webhooks/../webhooks/nowpayments',
    '/./webhooks/nowpayments',
  ])('13 %s is not the webhook', async (path) => {
    const { under, port } = await start();
    const text = (head(['host: x', signed, length]) + raw).replace(PATH, path);
    expect((await exchange(port, text)).status()).toBe(404);
    expect(under.log.records).toEqual([]);
  });

  it('15 gone after the body: processed once', async () => {
    const { under, port } = await start();
    const wire = dial(port);
    wire.socket.write(head(['host: x', signed, length]) + raw, () => wire.socket.destroy());
    await wire.ended;
    await expect.poll(() => under.gateway.open).toBe(0);
    expect(under.log.records.length).toBeLessThanOrEqual(1);
    expect(await under.counted(200, 'received')).toBe(under.log.records.length);
  });

  it('15 gone in the middle of the body: not processed', async () => {
    const { under, port } = await start();
    const wire = dial(port);
    wire.socket.write(head(['host: x', signed, length]) + raw.slice(0, 50));
    await expect.poll(() => under.gateway.open).toBe(1);
    wire.socket.destroy();
    await expect.poll(() => under.gateway.open).toBe(0);
    expect(under.log.records).toEqual([]);
    expect(await under.counted(400, 'request_malformed')).toBe(1);
  });

  it('93 many sockets that never finish: genuine webhooks are still answered', async () => {
    const { under, port } = await start({ deadlineMs: 1_000 });
    const slow = Array.from({ length: 300 }, () => {
      const wire = dial(port);
      wire.socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\n`);
      return wire;
    });
    const startedAt = performance.now();
    expect((await exchange(port, head(['host: x', signed, length]) + raw)).status()).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await Promise.all(slow.map((wire) => wire.ended));
    expect(under.gateway.open).toBe(0);
  });
});

describe('drain', () => {
  it('finishes what is open, refuses what is new, closes kept connections', async () => {
    const { under, port } = await start();
    let confirm = (): void => undefined;
    under.log.publish = () =>
      new Promise((resolve) => {
        confirm = resolve;
      });
    const kept = await exchange(port, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
    const waiting = dial(port);
    waiting.socket.write(head(['host: x', signed, length]) + raw);
    await expect.poll(() => under.gateway.open).toBe(1);
    const drained = under.gateway.drain();
    expect(under.gateway.isReady()).toBe(false);
    await kept.ended;
    await expect.poll(() => refused(port)).toBe(true);
    confirm();
    const answer = await waiting.ended;
    expect(waiting.status()).toBe(200);
    expect(answer.toLowerCase()).toContain('connection: close');
    await drained;
    expect(await under.counted(200, 'received')).toBe(1);
  });

  it('a request that comes over an open connection meanwhile is 503 with Retry-After', async () => {
    const { under, port } = await start();
    const wire = dial(port);
    const text = head(['host: x', signed, length]) + raw;
    wire.socket.write(text.slice(0, 20));
    await expect.poll(() => connections(under)).toBe(1);
    const drained = under.gateway.drain();
    wire.socket.write(text.slice(20));
    await wire.ended;
    await drained;
    expect(wire.status()).toBe(503);
    expect(wire.text().toLowerCase()).toContain('retry-after');
    expect(under.log.records).toEqual([]);
  });
});

function refused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => resolve(true));
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}

function connections(under: GatewayUnderTest): Promise<number> {
  return new Promise((resolve, reject) => {
    under.gateway.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

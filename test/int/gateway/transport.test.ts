/** The server over real sockets: the rows of the catalogue that only a connection can show, slow senders, drain. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { PureLedger } from '../../fixtures/bad-inputs/ledger.ts';
import { WIRE_CASES } from '../../fixtures/bad-inputs/wire.ts';
import {
  bodyText,
  CLIENT,
  codec,
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
  await expect.poll(() => wire.text(), { interval: 5 }).toContain('\r\n');
  return wire;
}

const raw = bodyText();
const signed = `x-nowpayments-sig: ${sign(raw)}`;
const length = `content-length: ${Buffer.byteLength(raw)}`;

describe('transport [failures 37, 106]', () => {
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

  it.each(WIRE_CASES)('$no $input: $answer', async ({ no, bytes, next, answer, topic, ledger }) => {
    const { under, port } = await start({ deadlineMs: answer.startsWith('408') ? 200 : 5_000 });
    const wire = dial(port);
    wire.socket.write(bytes);
    if (next === 'end') wire.socket.end();
    const drip = next === 'drip' ? setInterval(() => wire.socket.write('a'), 20) : undefined;
    if (next === 'destroy') {
      await expect.poll(() => under.gateway.open).toBe(1);
      wire.socket.destroy();
    } else {
      const [, status = '', reason = ''] = /^(\d+) (\w+)$/.exec(answer) ?? [];
      await expect.poll(() => `${wire.status()}`, { interval: 5 }).toBe(status);
      // A wrong path is no webhook: it is answered, not counted as one.
      if (no !== 13) {
        await expect.poll(() => under.counted(Number(status), reason)).toBeGreaterThan(0);
      }
    }
    clearInterval(drip);
    // Behind a whole request the connection may be kept; behind anything else it ends.
    if (no === 4 || !/^(200|401|no )/.test(answer)) await wire.ended;
    await expect.poll(() => under.gateway.open).toBe(0);
    expect(under.log.records[0]?.topic ?? 'none').toBe(topic);
    const books = new PureLedger(CLIENT, codec);
    for (const record of under.log.records) books.take(record);
    expect(books.effect()).toBe(ledger);
  });

  it('5 a slow drip does not renew the deadline', async () => {
    const { port } = await start({ deadlineMs: 200 });
    const wire = dial(port);
    wire.socket.write(head(['host: x', signed, length]));
    const startedAt = performance.now();
    const drip = setInterval(() => wire.socket.write('{'), 20);
    await wire.ended.finally(() => clearInterval(drip));
    expect(wire.status()).toBe(408);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(190);
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

  it.each([
    ['headers', `POST ${PATH} HTTP/1.1\r\nhost: x\r\n`],
    ['bodies', head(['host: x', signed, length]) + raw.slice(0, 20)],
  ])('93 many sockets with %s that never end: genuine webhooks are answered', async (_name, text) => {
    const { under, port } = await start({ deadlineMs: 3_000, maxReading: 100, maxInFlight: 100 });
    const slow = Array.from({ length: 300 }, () => {
      const wire = dial(port);
      wire.socket.write(text);
      return wire;
    });
    await expect.poll(() => connections(under)).toBeGreaterThan(50);
    for (let genuine = 0; genuine < 20; genuine++) {
      expect((await exchange(port, head(['host: x', signed, length]) + raw)).status()).toBe(200);
    }
    await Promise.all(slow.map((wire) => wire.ended));
    await expect.poll(() => under.gateway.open).toBe(0);
  });

  it('93 of the bodies that are on their way the oldest makes room, and is told to come again', async () => {
    const { under, port } = await start({ maxReading: 2 });
    const begin = head(['host: x', signed, length]) + raw.slice(0, 20);
    const slow: Wire[] = [];
    for (const count of [1, 2]) {
      slow.push(dial(port));
      slow.at(-1)!.socket.write(begin);
      await expect.poll(() => under.gateway.open).toBe(count);
    }
    expect((await exchange(port, head(['host: x', signed, length]) + raw)).status()).toBe(200);
    await slow[0]!.ended;
    expect(slow[0]!.status()).toBe(503);
    expect(slow[0]!.text()).toMatch(/retry-after: \d/i);
    slow[1]!.socket.write(raw.slice(20));
    await expect.poll(() => slow[1]!.status()).toBe(200);
  });

  it('93 idle connections make room for new ones', async () => {
    const { port } = await start({ maxConnections: 20 });
    const idle: Wire[] = [];
    for (let i = 0; i < 20; i++) idle.push(await exchange(port, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'));
    const asked = async () => {
      const wire = dial(port);
      wire.socket.write(head(['host: x', signed, length]) + raw);
      await expect.poll(() => wire.socket.closed || wire.status() > 0).toBe(true);
      return wire.status();
    };
    // The first one more is closed, as a load balancer may see it; by then the idle ones are gone.
    await asked();
    await Promise.all(idle.map((wire) => wire.ended));
    expect(await asked()).toBe(200);
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

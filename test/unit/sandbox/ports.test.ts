/** The choice of ports. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { canListen, createPortChooser } from '../../../sandbox/ports.ts';

test('the first preferred port that is free wins', async () => {
  const chooser = createPortChooser(async (port) => port !== 19092);
  expect(await chooser.choose([undefined, 19092, 19093])).toBe(19093);
});

test('without a free preferred one it looks below the ephemeral range', async () => {
  const chooser = createPortChooser(
    async (port) => port > 20_000,
    (() => {
      const values = [0, 0.5];
      return () => values.shift() ?? 0.9;
    })(),
  );
  expect(await chooser.choose([19092])).toBe(25_000);
});

test('no port is given out twice, not even in parallel', async () => {
  const chooser = createPortChooser(async () => true);
  const ports = await Promise.all(Array.from({ length: 50 }, () => chooser.choose([19092])));
  expect(new Set(ports).size).toBe(50);
});

test('nothing free is an error, not a guess', async () => {
  await expect(createPortChooser(async () => false).choose([1])).rejects.toThrow(/no free port/);
});

test.each(['127.0.0.1', '0.0.0.0'])('a port with a listener on %s is not free', async (host) => {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  expect(await canListen(port)).toBe(false);
  server.close();
  await once(server, 'close');
  expect(await canListen(port)).toBe(true);
});

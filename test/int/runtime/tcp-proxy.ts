/** A TCP proxy whose connections a test can cut, and which can lose chosen Kafka responses. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Asked for each chunk from client to server (request) and back: true cuts both ends, `swallow` says nothing. */
  cutWhen: (direction: 'request' | 'response', chunk: Buffer, connection: Connection) => boolean | 'swallow';
  cutAll(): void;
  close(): Promise<void>;
}

/** Room for what a rule has to remember of one connection. */
export interface Connection {
  state: unknown;
}

export async function startProxy(host: string, port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect({ host, port });
    const connection: Connection = { state: null };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const pass = (from: Socket, to: Socket, direction: 'request' | 'response') =>
      from.on('data', (chunk) => {
        const fate = proxy.cutWhen(direction, chunk, connection);
        if (fate === false) to.write(chunk);
        if (fate === true) {
          client.destroy();
          upstream.destroy();
        }
      });
    pass(client, upstream, 'request');
    pass(upstream, client, 'response');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: TcpProxy = {
    port: (server.address() as AddressInfo).port,
    cutWhen: () => false,
    cutAll: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      proxy.cutAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}

const PRODUCE = 0;

/** A rule that loses the response to a Produce request whenever `loses` says so: durable, but never acknowledged. */
export function loseProduceResponses(loses: () => boolean): TcpProxy['cutWhen'] {
  return (direction, chunk, connection) => {
    if (direction === 'request') {
      // The client has one request in flight and writes it whole: size, api key, version, correlation id.
      const isProduce = chunk.length >= 12 && chunk.readInt16BE(4) === PRODUCE;
      if (isProduce) connection.state = { correlationId: chunk.readInt32BE(8) };
      return false;
    }
    const waiting = connection.state as { correlationId: number } | null;
    if (waiting === null || chunk.length < 8 || chunk.readInt32BE(4) !== waiting.correlationId) return false;
    connection.state = null;
    return loses();
  };
}

/**
 * The health side of a role: /livez says whether work moves on (not whether a socket answers), /readyz whether traffic
 * may come, /metrics what Prometheus reads. Nothing here shows settings or data.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthProbes {
  ready(): boolean;
  progress(): { ok: boolean; detail: string };
}

export interface HealthServer {
  /** Where it listens, with the port that was chosen if 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/** @throws when the address is taken */
export async function startHealth(
  address: { readonly host: string; readonly port: number },
  registry: Registry,
  probes: HealthProbes,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(request, response, registry, probes).catch((error: Error) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`${error.message}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  probes: HealthProbes,
): Promise<void> {
  const text = (status: number, body: string, type = 'text/plain; charset=utf-8') =>
    response.writeHead(status, { 'content-type': type }).end(body);
  const path = request.url?.split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') return void text(405, 'only GET\n');
  if (path === '/livez') {
    const { ok, detail } = probes.progress();
    return void text(ok ? 200 : 503, `${detail}\n`);
  }
  if (path === '/readyz') {
    const isReady = probes.ready();
    return void text(isReady ? 200 : 503, isReady ? 'ready\n' : 'not ready\n');
  }
  if (path === '/metrics') return void text(200, await registry.metrics(), registry.contentType);
  text(404, 'not found\n');
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

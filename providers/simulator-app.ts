/**
 * What every HTTP simulator has: exact JSON in and out, a log of what was asked, scripted faults, and the common part
 * of the control side (`/_control/log`, `/_control/faults`, `/_control/reset`). Development and tests only.
 */
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { ProviderError } from './error.ts';
import { json } from './http.ts';
import { createFaults, type Faults } from './simulator-faults.ts';

export interface LogEntry {
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly query: unknown;
  readonly body: unknown;
  /** 0 when the answer was withheld. */
  readonly status: number;
  readonly fault: string | null;
}

export interface SimulatorApp {
  readonly app: FastifyInstance;
  readonly log: LogEntry[];
  readonly faults: Faults;
  /** @returns the address, `http://host:port`; port 0 picks a free one */
  listen(port: number, host?: string): Promise<string>;
  close(): Promise<void>;
}

/** A withheld answer is recorded at once; what fastify then makes of it is not another request. */
const recorded = new WeakSet<FastifyRequest>();

/** A log for tests, not an archive. */
const LOG_ENTRIES_MAX = 20_000;
const BODY_BYTES_MAX = 8 * 1024 * 1024;

/** @param reset forgets the simulator's own state */
export function createSimulatorApp(reset: () => void | Promise<void>): SimulatorApp {
  const app = Fastify({ bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true });
  const log: LogEntry[] = [];
  const faults = createFaults((request) => record(log, request, faults.appliedTo(request), 0));
  exactJson(app);
  faults.install(app);
  app.addHook('onResponse', async (request, reply) => {
    if (!isControl(request)) record(log, request, faults.appliedTo(request), reply.statusCode);
  });
  app.get('/_control/health', async () => ({ ok: true }));
  app.get('/_control/log', async () => log);
  app.post('/_control/faults', async (request) => faults.add(request.body as json.Json));
  app.get('/_control/faults', async () => faults.list());
  app.post('/_control/reset', async () => {
    log.length = 0;
    faults.clear();
    await reset();
    return { ok: true };
  });

  return {
    app,
    log,
    faults,
    listen: (port, host = '127.0.0.1') => app.listen({ port, host }),
    close: () => app.close(),
  };
}

export function isControl(request: FastifyRequest): boolean {
  return request.url.startsWith('/_control/');
}

/** Bodies keep their numbers' text on the way in, and `json.exact` values stay exact on the way out. */
function exactJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? null : json.parseJson(String(body)));
    } catch {
      done(null, undefined); // the handler sees no body and refuses it in the API's own words
    }
  });
  app.setReplySerializer((payload) => json.stringifyJson(payload));
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    // Read with the helpers of the clients, so a script of the control side that is wrong ends here too.
    const statusCode = error instanceof ProviderError ? 400 : (error.statusCode ?? 500);
    return reply.code(statusCode).send({ status: false, statusCode, message: error.message });
  });
}

function record(log: LogEntry[], request: FastifyRequest, fault: string | null, status: number): void {
  if (recorded.has(request)) return;
  recorded.add(request);
  const url = new URL(request.url, 'http://simulator');
  log.push({
    at: new Date().toISOString(),
    method: request.method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body: request.body ?? null,
    status,
    fault,
  });
  if (log.length > LOG_ENTRIES_MAX) log.splice(0, log.length - LOG_ENTRIES_MAX);
}

/**
 * The gateway's HTTP server: limits of the transport, the webhook, the order status, health and metrics. It trusts
 * nothing of a request but a signature over its bytes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import type { Registry } from 'prom-client';
import type { Log } from '../processors/runtime/logger.ts';
import type { Publisher } from '../processors/runtime/publisher.ts';
import type { Codec } from '../schemas/codec.ts';
import type { OrderKeys } from '../schemas/order-id.ts';
import { type HttpReasonCode, httpStatusOf } from '../schemas/reasons.ts';
import type { IpnSecrets } from './ipn/signature.ts';
import { gatewayMetrics } from './metrics.ts';
import { type OrderStatusLookup, registerOrderStatus } from './order-status.ts';
import { BODY_LIMIT, refuse, WEBHOOK_PATH, Webhooks } from './webhook.ts';

export interface GatewayOptions {
  readonly secrets: IpnSecrets;
  readonly orders: OrderKeys;
  readonly topicPrefix: string;
  readonly version: string;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly codec: Pick<Codec, 'encode'>;
  readonly registry: Registry;
  readonly log: Log;
  readonly orderStatus: OrderStatusLookup;
  readonly now: () => Date;
  /** Whether what it needs is there; draining is added to it. */
  readonly isReady: () => boolean;
  /** From the headers to the answer; 2,000. */
  readonly deadlineMs?: number;
  /** Webhooks being published at once (each holds up to 64 KiB); beyond it 503. 2,000. */
  readonly maxInFlight?: number;
  /** Webhooks whose body is still on its way; beyond it the one that waits longest goes. 2,000. */
  readonly maxReading?: number;
  /** Connections at once; beyond it new ones are closed, and idle ones make room. 5,000. */
  readonly maxConnections?: number;
}

export interface Gateway {
  readonly app: FastifyInstance;
  /** Webhooks being read or published. */
  readonly open: number;
  isReady(): boolean;
  /** @param host for example 0.0.0.0; returns the port (0 asks for a free one) */
  listen(options: { host: string; port: number }): Promise<number>;
  /**
   * Ordered: not ready, `lingerMs` for load balancers to notice, no new requests, the open ones finish. The
   * publisher is the caller's: it flushes and closes it afterwards.
   */
  drain(lingerMs?: number): Promise<void>;
}

const DEADLINE_MS = 2_000;
const MAX_IN_FLIGHT = 2_000;
const MAX_READING = 2_000;
const MAX_CONNECTIONS = 5_000;
const MAX_HEADER_BYTES = 8 * 1024;
const STATUS_LIMIT_MS = 300;
const STATUS_IN_FLIGHT = 100;
/** Longer than load balancers keep theirs: the side that sends must be the one that closes. */
const KEEP_ALIVE_MS = 75_000;
/** At most one line in this time says that forged webhooks came, and how many. */
const FORGED_LOG_MS = 10_000;

export function createGateway(options: GatewayOptions): Gateway {
  let isDraining = false;
  const { log } = options;
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  const onUnexpected = (error: unknown): void => log.error({ err: error }, 'a request failed unexpectedly');
  const metrics = gatewayMetrics(options.registry, () => webhooks.open);
  const webhooks: Webhooks = new Webhooks({
    intake: { secrets: options.secrets, orders: options.orders, codec: options.codec },
    topicPrefix: options.topicPrefix,
    deadlineMs,
    maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT,
    maxReading: options.maxReading ?? MAX_READING,
    now: options.now,
    publish: (records, limits) => options.publisher.publish(records, limits),
    metrics,
    draining: () => isDraining,
    onForged: sampled(log),
    onUnexpected,
  });
  const app = createApp(deadlineMs, metrics.refused);
  boundConnections(app, options.maxConnections ?? MAX_CONNECTIONS);
  guard(app, metrics.refused);
  webhooks.register(app);
  registerOrderStatus(app, {
    orders: options.orders,
    lookup: options.orderStatus,
    limitMs: STATUS_LIMIT_MS,
    maxInFlight: STATUS_IN_FLIGHT,
    metrics,
    onUnexpected,
  });
  const isReady = (): boolean => !isDraining && options.isReady();
  registerHealth(app, { isReady, registry: options.registry, version: options.version });

  return {
    app,
    get open() {
      return webhooks.open;
    },
    isReady,
    async listen(at) {
      await app.listen(at);
      const address = app.server.address();
      return typeof address === 'object' && address ? address.port : at.port;
    },
    async drain(lingerMs = 0) {
      if (lingerMs > 0) await new Promise((resolve) => setTimeout(resolve, lingerMs));
      isDraining = true;
      await app.close();
    },
  };
}

type Refused = (reason: HttpReasonCode) => void;

function createApp(deadlineMs: number, refused: Refused): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    trustProxy: false,
    // We answer by ourselves while draining, with a reason and Retry-After.
    return503OnClosing: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // The outer bound; a webhook's own deadline ends its body earlier.
    requestTimeout: deadlineMs + 1_000,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: deadlineMs,
      connectionsCheckingInterval: Math.min(500, Math.max(50, deadlineMs / 4)),
      // The guard refuses it, so that it is counted like every other refusal.
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) => answerRaw(error, socket, refused),
    frameworkErrors: (_error, _request, reply) => refuse(reply, 'request_malformed', true),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  return app;
}

/** Whoever opens connections and sends nothing is put out by headersTimeout; whoever keeps them idle, by this. */
function boundConnections(app: FastifyInstance, most: number): void {
  app.server.maxConnections = most;
  app.server.on('drop', () => app.server.closeIdleConnections());
}

/** Refuses before any body is read: no host, wrong method, unknown path. */
function guard(app: FastifyInstance, refused: Refused): void {
  app.addHook('onRequest', (request, reply, done) => {
    const reason = transportReason(request);
    if (!reason) return done();
    if (pathOf(request.raw) === WEBHOOK_PATH) refused(reason);
    if (reason === 'method_not_allowed') reply.header('allow', 'POST');
    refuse(reply, reason, true);
  });
}

function transportReason(request: FastifyRequest): HttpReasonCode | undefined {
  // HTTP/1.1 forbids it, HTTP/1.0 does not; nobody who speaks for NOWPayments comes without one.
  if (request.raw.headers.host === undefined) return 'request_malformed';
  if (!request.is404) return undefined;
  return pathOf(request.raw) === WEBHOOK_PATH ? 'method_not_allowed' : 'not_found';
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

/** What Node's parser refuses has no request yet: the answer goes straight to the socket. */
function answerRaw(error: Error & { code?: string }, socket: Socket, refused: Refused): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [reason, phrase] = rawAnswer(error.code);
  const answer = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage;
  // A request that came whole gets its own answer; what follows it is no request, and the connection ends.
  if (answer?.req.complete && !answer.headersSent) {
    answer.setHeader('connection', 'close');
    return;
  }
  // One that is still under way on this connection is counted by its own end.
  if (!answer) refused(reason);
  // An answer is being written: another one in front of it would be taken for it.
  if (answer?.headersSent) socket.destroy();
  else if (socket.writable) {
    const status = httpStatusOf(reason);
    socket.end(`HTTP/1.1 ${status} ${phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  }
}

function rawAnswer(code: string | undefined): [HttpReasonCode, string] {
  if (code === 'HPE_HEADER_OVERFLOW') return ['headers_too_large', 'Request Header Fields Too Large'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['body_timeout', 'Request Timeout'];
  return ['request_malformed', 'Bad Request'];
}

function registerHealth(
  app: FastifyInstance,
  options: { isReady: () => boolean; registry: Registry; version: string },
): void {
  app.get('/livez', async () => ({ ok: true }));
  app.get('/readyz', async (_request, reply) => {
    const ok = options.isReady();
    return reply.code(ok ? 200 : 503).send({ ok });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.header('content-type', options.registry.contentType).send(await options.registry.metrics()),
  );
  app.get('/version', async () => ({ name: 'spillway', version: options.version, node: process.version }));
}

/** A line now and then instead of one per request: whoever floods us must not fill the log as well. */
function sampled(log: Log): () => void {
  let since = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  return () => {
    since++;
    const now = performance.now();
    if (now - lastAt < FORGED_LOG_MS) return;
    log.warn({ kind: 'network', requests: since }, 'webhooks without a valid signature were refused');
    lastAt = now;
    since = 0;
  };
}

/**
 * POST /webhooks/nowpayments: reads the raw bytes, lets the intake decide, publishes, answers. 200 only after the
 * record is durable; one deadline of 2 s from the headers on ends in 408 (body not there) or 503 (not durable).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { failPoint } from '../processors/runtime/fail-point.ts';
import type { OutRecord } from '../processors/runtime/publish-queue.ts';
import { type HttpReasonCode, httpStatusOf, REASONS } from '../schemas/reasons.ts';
import { type Intake, type IntakeOptions, takeIn } from './ipn/intake.ts';
import type { GatewayMetrics, GatewayReason } from './metrics.ts';
import { nextTraceparent } from './traceparent.ts';

export const WEBHOOK_PATH = '/webhooks/nowpayments';
export const BODY_LIMIT = 64 * 1024;

export interface WebhookOptions {
  readonly intake: IntakeOptions;
  readonly topicPrefix: string;
  readonly deadlineMs: number;
  /** Webhooks being published at once; beyond it 503. */
  readonly maxInFlight: number;
  /** Webhooks whose body is still on its way; beyond it the one that waits longest gets 503. */
  readonly maxReading: number;
  readonly now: () => Date;
  /** Resolves when all are acknowledged by all in-sync replicas; what it rejects with becomes a 503. */
  readonly publish: (records: readonly OutRecord[], options: { deadlineMs: number }) => Promise<void>;
  readonly metrics: GatewayMetrics;
  readonly draining: () => boolean;
  /** Told of every body that is not authentic, without the body; and of what was not expected. */
  readonly onForged: () => void;
  readonly onUnexpected: (error: unknown) => void;
}

/** What is open now; a request is in it from its headers to the end of its connection or answer. */
export class Webhooks {
  readonly #options: WebhookOptions;
  #open = 0;
  #publishing = 0;
  /**
   * Oldest first. Who has sent only headers has proven nothing, so slow senders must not use up the places of genuine
   * webhooks, whose bodies come with their headers: they compete among themselves.
   */
  readonly #reading = new Set<Exchange>();

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#open;
  }

  register(app: FastifyInstance): void {
    const routes = new WeakMap<FastifyRequest, Exchange>();
    app.post(WEBHOOK_PATH, {
      bodyLimit: BODY_LIMIT,
      onRequest: (request, reply, done) => {
        const exchange = this.#begin(request, reply);
        if (!exchange) return;
        routes.set(request, exchange);
        done();
      },
      handler: (request, reply) => {
        const exchange = routes.get(request);
        // No exchange can't be: onRequest went before. An answer all the same, never a hanging request.
        if (!exchange) refuse(reply, 'not_durable');
        else this.#take(request, exchange);
      },
      errorHandler: (error, request, reply) => {
        const exchange = routes.get(request);
        const reason = reasonOfError(error);
        if (reason === 'not_durable') this.#options.onUnexpected(error);
        if (exchange) exchange.refuse(reason, true);
        else refuse(reply, reason);
      },
    });
  }

  /** Before the body is read: refuses what never needs it, else starts the deadline. */
  #begin(request: FastifyRequest, reply: FastifyReply): Exchange | undefined {
    const { metrics, draining, maxReading, deadlineMs } = this.#options;
    const early = draining() ? 'draining' : isEncoded(request) ? 'encoding_refused' : undefined;
    if (early) {
      metrics.answered(httpStatusOf(early), early, 0);
      refuse(reply, early, true);
      return undefined;
    }
    // Authenticity is over bytes; a proxy that rewrites the content type must not decide what is read.
    delete request.raw.headers['content-type'];
    this.#open++;
    const exchange = new Exchange(reply, metrics, draining, deadlineMs);
    if (this.#reading.size >= maxReading) this.#dropOldest();
    this.#reading.add(exchange);
    reply.raw.once('close', () => {
      this.#open--;
      this.#reading.delete(exchange);
      if (reply.statusCode === 200 && reply.raw.writableFinished) failPoint('gateway.answered');
      exchange.closed();
    });
    return exchange;
  }

  #dropOldest(): void {
    for (const oldest of this.#reading) {
      this.#reading.delete(oldest);
      oldest.refuse('overloaded', true);
      return;
    }
  }

  #take(request: FastifyRequest, exchange: Exchange): void {
    this.#reading.delete(exchange);
    if (exchange.answered) return;
    exchange.bodyRead = true;
    const options = this.#options;
    if (this.#publishing >= options.maxInFlight) {
      exchange.refuse('overloaded');
      return;
    }
    const headers = request.raw.headers;
    const intake = takeIn(
      {
        raw: Buffer.isBuffer(request.body) ? request.body : EMPTY,
        signature: headers['x-nowpayments-sig'],
        traceparent: nextTraceparent(headers.traceparent),
        at: options.now(),
      },
      options.intake,
    );
    if (intake.signature) options.metrics.signed(intake.signature.form, intake.signature.secret);
    else options.onForged();
    if (!intake.record) {
      exchange.answer(intake);
      return;
    }
    const record = { ...intake.record, topic: options.topicPrefix + intake.record.topic };
    failPoint('gateway.before_publish');
    this.#publishing++;
    options.publish([record], { deadlineMs: exchange.remainingMs() }).then(
      () => {
        this.#publishing--;
        failPoint('gateway.published');
        exchange.answer(intake);
      },
      (error: unknown) => {
        this.#publishing--;
        exchange.refuse(isQueueFull(error) ? 'overloaded' : 'not_durable');
      },
    );
  }
}

const EMPTY = Buffer.alloc(0);

/** One request and its one answer. */
class Exchange {
  bodyRead = false;
  answered = false;
  readonly #reply: FastifyReply;
  readonly #metrics: GatewayMetrics;
  readonly #draining: () => boolean;
  readonly #deadlineMs: number;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(reply: FastifyReply, metrics: GatewayMetrics, draining: () => boolean, deadlineMs: number) {
    this.#reply = reply;
    this.#metrics = metrics;
    this.#draining = draining;
    this.#deadlineMs = deadlineMs;
    this.#timer = setTimeout(() => this.#late(), deadlineMs);
  }

  remainingMs(): number {
    return Math.max(1, Math.floor(this.#deadlineMs - (performance.now() - this.#startedAt)));
  }

  answer(intake: Intake): void {
    if (!this.#end(intake.status, intake.reason)) return;
    if (this.#draining()) this.#reply.header('connection', 'close');
    if (intake.status === 401) {
      // Nothing in it says why.
      this.#reply.code(401).send();
      return;
    }
    this.#reply.code(intake.status).header('content-type', JSON_TYPE).send(RESULTS[resultOf(intake)]);
  }

  /** @param close whether the rest of the body is unread, so that the connection cannot be used again */
  refuse(reason: HttpReasonCode, close = false): void {
    if (this.#end(httpStatusOf(reason), reason)) refuse(this.#reply, reason, close || this.#draining());
  }

  /** The connection is gone or the answer is out; an unanswered one has nobody left to answer. */
  closed(): void {
    clearTimeout(this.#timer);
    if (!this.answered && !this.bodyRead) this.#end(httpStatusOf('request_malformed'), 'request_malformed');
    this.answered = true;
  }

  #late(): void {
    if (this.bodyRead) this.refuse('not_durable');
    else this.refuse('body_timeout', true);
  }

  #end(status: number, reason: GatewayReason): boolean {
    if (this.answered) return false;
    this.answered = true;
    clearTimeout(this.#timer);
    this.#metrics.answered(status, reason, (performance.now() - this.#startedAt) / 1000);
    return true;
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';
const RESULTS = {
  received: '{"result":"received"}',
  quarantined: '{"result":"quarantined"}',
  ignored: '{"result":"ignored"}',
} as const;

function resultOf(intake: Intake): keyof typeof RESULTS {
  if (intake.reason === 'received') return 'received';
  return intake.record ? 'quarantined' : 'ignored';
}

const RETRY_AFTER_SECONDS = '5';

/** An answer in the words of the reason table; `close` ends the connection behind it. */
export function refuse(reply: FastifyReply, reason: HttpReasonCode, close = false): void {
  if (reply.sent) return;
  const status = httpStatusOf(reason);
  if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  if (close) reply.header('connection', 'close');
  reply
    .code(status)
    .header('content-type', JSON_TYPE)
    .send(JSON.stringify({ reason, text: REASONS[reason].text }));
}

function isEncoded(request: FastifyRequest): boolean {
  const encoding = request.raw.headers['content-encoding'];
  return encoding !== undefined && encoding.trim().toLowerCase() !== 'identity';
}

function isQueueFull(error: unknown): boolean {
  return error instanceof Error && error.name === 'QueueFull';
}

/** What fastify says while it reads the body. */
function reasonOfError(error: { readonly code?: string; readonly statusCode?: number }): HttpReasonCode {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'body_too_large';
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return 'request_malformed';
  }
  return 'not_durable';
}

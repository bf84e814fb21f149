/**
 * Scripted faults of the simulators: the next matching requests fail in a named way, before the API has acted
 * (`refuse`, `hang`, `drop`) or after it has (`hang_after`, `drop_after`, `status_after`, `malformed`, `huge`), because
 * the difference is what a client of money must get right.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { json } from './http.ts';

const KINDS = [
  'refuse',
  'hang',
  'drop',
  'hang_after',
  'drop_after',
  'status_after',
  'malformed',
  'huge',
  'slow',
] as const;
export type FaultKind = (typeof KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Only requests with this method, and whose path begins so; default all. */
  readonly method: string | null;
  readonly path: string;
  /** For refuse and status_after; default 500. */
  readonly status: number;
  /** The answer's JSON, for refuse and status_after. */
  readonly body: json.Json;
  /** Sent as `Retry-After`, seconds. */
  readonly retryAfter: string | null;
  /** For slow: how long the answer waits. */
  readonly delayMs: number;
  /** How many requests it still hits; it lets `skip` pass first. */
  times: number;
  skip: number;
}

export interface Faults {
  /** @param script one fault or a list of them, as JSON */
  add(script: json.Json): Fault[];
  list(): readonly Fault[];
  clear(): void;
  install(app: FastifyInstance): void;
  appliedTo(request: FastifyRequest): string | null;
}

/** @param onWithheld told of each request that will get no answer */
export function createFaults(onWithheld: (request: FastifyRequest) => void): Faults {
  let faults: Fault[] = [];
  const applied = new WeakMap<FastifyRequest, Fault>();
  return {
    add(script) {
      const added = (Array.isArray(script) ? script : [script]).map(readFault);
      faults.push(...added);
      return added;
    },
    list: () => faults,
    clear: () => {
      faults = [];
    },
    install(app) {
      app.addHook('preHandler', async (request, reply) => {
        const fault = take(faults, request);
        if (fault === null) return undefined;
        applied.set(request, fault);
        if (fault.kind === 'hang' || fault.kind === 'drop') onWithheld(request);
        await before(fault, request, reply);
        // Fastify stops here only when it is told that the answer is out.
        return reply.sent ? reply : undefined;
      });
      app.addHook('onSend', async (request, reply, payload) => {
        const fault = applied.get(request);
        if (fault?.kind === 'hang_after' || fault?.kind === 'drop_after') onWithheld(request);
        return fault === undefined ? payload : after(fault, request, reply, payload);
      });
    },
    appliedTo: (request) => applied.get(request)?.kind ?? null,
  };
}

function take(faults: Fault[], request: FastifyRequest): Fault | null {
  if (request.url.startsWith('/_control/')) return null;
  for (const fault of faults) {
    if (fault.times <= 0 || !request.url.startsWith(fault.path)) continue;
    if (fault.method !== null && fault.method !== request.method) continue;
    if (fault.skip > 0) {
      fault.skip -= 1;
      continue;
    }
    fault.times -= 1;
    return fault;
  }
  return null;
}

async function before(fault: Fault, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (fault.kind === 'refuse') await reply.code(fault.status).send(fault.body);
  if (fault.kind === 'slow') await sleep(fault.delayMs);
  if (fault.kind === 'hang' || fault.kind === 'drop') await withhold(fault.kind === 'drop', request, reply);
}

async function after(
  fault: Fault,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  if (fault.retryAfter !== null) reply.header('retry-after', fault.retryAfter);
  if (fault.kind === 'status_after') {
    reply.code(fault.status).removeHeader('content-length');
    return json.stringifyJson(fault.body);
  }
  if (fault.kind === 'malformed' || fault.kind === 'huge') {
    reply.removeHeader('content-length');
    const whole = String(payload);
    return fault.kind === 'huge'
      ? `"${'x'.repeat(2 * 1024 * 1024)}"`
      : whole.slice(0, Math.ceil(whole.length / 2));
  }
  if (fault.kind === 'hang_after' || fault.kind === 'drop_after') {
    await withhold(fault.kind === 'drop_after', request, reply);
  }
  return payload;
}

/** The caller never gets an answer: its connection stays silent until it gives up, or is cut at once. */
async function withhold(cut: boolean, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { socket } = request.raw;
  if (cut) socket.destroy();
  if (!socket.destroyed) await once(socket, 'close');
  reply.hijack();
}

function readFault(script: json.Json): Fault {
  const fields = json.object(script, 'fault.script');
  const kind = KINDS.find((known) => known === fields.kind);
  if (kind === undefined) throw new Error(`fault kind should be one of ${KINDS.join(', ')}`);
  const count = (name: string, otherwise: number): number =>
    fields[name] === undefined ? otherwise : Number(json.decimal(fields[name], `fault.${name}`));
  return {
    kind,
    method: json.nullableText(fields.method, 'fault.method'),
    path: json.nullableText(fields.path, 'fault.path') ?? '/',
    status: count('status', 500),
    body: fields.body ?? {
      status: false,
      statusCode: json.exact(String(count('status', 500))),
      message: 'scripted fault',
    },
    retryAfter: json.nullableDecimal(fields.retry_after, 'fault.retry_after'),
    delayMs: count('delay_ms', 1000),
    times: count('times', 1),
    skip: count('skip', 0),
  };
}

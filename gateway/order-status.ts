/**
 * GET /orders/{order_id}/status for the payment page: public, cross-origin, read only. Only ids with our MAC are
 * looked up; the look-up has 300 ms and a bounded number in flight, so that it can never hold the webhooks up.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type OrderKeys, readOrderId } from '../schemas/order-id.ts';
import type { GatewayMetrics } from './metrics.ts';

export type OrderStatus = 'pending' | 'confirming' | 'confirmed' | 'access_granted' | 'failed';

/** The status of an order of ours, or undefined when there is no such order. Reads the database. */
export type OrderStatusLookup = (orderId: string) => Promise<OrderStatus | undefined>;

export interface OrderStatusOptions {
  readonly orders: OrderKeys;
  readonly lookup: OrderStatusLookup;
  readonly limitMs: number;
  readonly maxInFlight: number;
  readonly metrics: GatewayMetrics;
  readonly onUnexpected: (error: unknown) => void;
}

const PATH = '/orders/:order_id/status';

export function registerOrderStatus(app: FastifyInstance, options: OrderStatusOptions): void {
  let inFlight = 0;

  app.get<{ Params: { order_id: string } }>(PATH, async (request, reply) => {
    const id = request.params.order_id;
    if (readOrderId(id, options.orders).kind !== 'ours') return answer(reply, 404, NOT_FOUND);
    if (inFlight >= options.maxInFlight) return answer(reply, 503, BUSY);
    inFlight++;
    // The look-up stays counted until it ends, also when its answer comes too late to be used.
    const found = options.lookup(id).finally(() => inFlight--);
    try {
      const status = await withinLimit(found, options.limitMs);
      if (status === 'late') return answer(reply, 503, BUSY);
      if (status === undefined) return answer(reply, 404, NOT_FOUND);
      return answer(reply, 200, JSON.stringify({ order_id: id, status }));
    } catch (error) {
      options.onUnexpected(error);
      return answer(reply, 503, BUSY);
    }
  });

  app.options(PATH, async (_request, reply) => {
    reply.header('access-control-allow-methods', 'GET').header('access-control-max-age', '86400');
    return answer(reply, 204, '');
  });

  function answer(reply: FastifyReply, status: number, body: string): FastifyReply {
    options.metrics.statusAsked(status);
    reply.header('access-control-allow-origin', '*').header('cache-control', 'no-store');
    if (status === 503) reply.header('retry-after', '1');
    if (body !== '') reply.header('content-type', 'application/json; charset=utf-8');
    return reply.code(status).send(body === '' ? undefined : body);
  }
}

const NOT_FOUND = '{"error":"no such order"}';
const BUSY = '{"error":"not available now, ask again in a second"}';

async function withinLimit<T>(work: Promise<T>, limitMs: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // A failure behind the limit has nobody waiting for it any more; it must not end the process.
    work.catch(() => undefined);
  }
}

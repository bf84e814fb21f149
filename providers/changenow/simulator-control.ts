/**
 * The control side of the ChangeNOW simulator: scripts for orders to come, decisions about orders there are,
 * views.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { json } from '../http.ts';
import type { Engine } from './simulator-engine.ts';
import type { Order, OrderBook } from './simulator-orders.ts';
import { plain, readScripts } from './simulator-script.ts';

const price = z.string().regex(/^\d+(\.\d+)?$/, 'exact decimal text');

const SETTINGS = z.strictObject({
  prices: z.record(z.string(), price).optional(),
  minUsd: price.optional(),
  maxUsd: price.nullable().optional(),
  stepMs: z.number().int().min(0).optional(),
  perMinute: z.number().int().min(0).nullable().optional(),
});

const DECISION = z.strictObject({
  /** What becomes of a held order. */
  decide: z.enum(['finish', 'refund', 'fail']).optional(),
  /** Fields that `by-id` answers from now on instead of the truth; {} ends it. */
  set: z.record(z.string(), z.unknown()).optional(),
});

export function registerControl(app: FastifyInstance, options: { memory: OrderBook; engine: Engine }): void {
  const { memory, engine } = options;

  app.post('/_control/script', async (request, reply) =>
    checked(reply, () => {
      const scripts = readScripts(request.body as json.Json | undefined);
      memory.scripts.push(...scripts);
      memory.saveScripts();
      return { scripts: memory.scripts };
    }),
  );
  app.get('/_control/script', async () => memory.scripts);

  app.post('/_control/settings', async (request, reply) =>
    checked(reply, () => {
      const change = SETTINGS.parse(plain((request.body ?? null) as json.Json));
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      memory.settings = {
        ...memory.settings,
        ...given,
        prices: { ...memory.settings.prices, ...change.prices },
      };
      memory.saveSettings();
      return memory.settings;
    }),
  );
  app.get('/_control/settings', async () => memory.settings);

  app.get('/_control/orders', async (request) => {
    const { reference } = request.query as { reference?: string };
    const all = [...memory.orders.values()].filter((one) => !reference || one.reference === reference);
    return all.map(summary);
  });

  app.post('/_control/orders/:id', async (request, reply) => {
    const order = memory.orders.get((request.params as { id: string }).id);
    if (order === undefined) return reply.code(404).send({ error: 'not_found', message: 'no such order' });
    return checked(reply, () => {
      const { decide, set } = DECISION.parse(plain((request.body ?? null) as json.Json));
      if (set !== undefined) {
        order.plan = { ...order.plan, statusReply: set };
        memory.save(order);
      }
      if (decide !== undefined && !engine.decide(order, decide)) {
        return reply.code(409).send({ error: 'not_open', message: 'only a funded order that has not ended' });
      }
      return summary(order);
    });
  });

  app.get('/_control/book', async (request) => {
    const { address } = request.query as { address?: string };
    return memory.book().filter((entry) => !address || entry.address === address);
  });

  app.get('/_control/engine', async () => ({ block: memory.block, errors: engine.errors }));
}

function checked(reply: FastifyReply, work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    return reply.code(400).send({ error: 'bad_script', message: z.prettifyError(error) });
  }
}

/** An order without what only the simulator needs. */
function summary(order: Order): unknown {
  const { plan: _plan, payment: _payment, dueAt: _dueAt, step: _step, settled: _settled, ...shown } = order;
  return shown;
}

/** The gateway's intake on generated webhook bodies: verify, parse, publish, and only then answer 200. */
import { takeIn } from '../../../gateway/ipn/intake.ts';
import { ipnSecrets } from '../../../gateway/ipn/signature.ts';
import { orderKeys } from '../../../schemas/order-mac.ts';
import { simPublisher } from '../log.ts';
import type { Delivery } from '../providers/nowpayments.ts';
import { IPN_SECRET, ORDER_SECRET } from '../settings.ts';
import { CODEC, type World } from '../world.ts';

const OPTIONS = {
  secrets: ipnSecrets(IPN_SECRET),
  orders: orderKeys({ secret: ORDER_SECRET, legacy: false }),
  codec: CODEC,
};

/** Rings when a webhook comes. */
export const WEBHOOK = 'webhook';
const IDLE_MS = [20_000, 60_000] as const;

/** Webhooks on the wire, and what the senders were answered. */
export class Wire {
  readonly waiting: Delivery[] = [];
  readonly answers = new Map<number, number>();
}

export async function runGateway(world: World, wire: Wire): Promise<never> {
  const { engine, log, clocks } = world;
  const publisher = simPublisher(engine, log);
  for (;;) {
    const delivery = wire.waiting.shift();
    if (!delivery) {
      await engine.sleep(engine.random.int(...IDLE_MS), (bell) => bell === WEBHOOK);
      continue;
    }
    await engine.turn(`webhook ${delivery.id}`);
    const { raw, signature } = delivery;
    const taken = takeIn({ raw, signature, traceparent: '00-0-0-00', at: clocks.now() }, OPTIONS);
    const { record } = taken;
    if (taken.reason !== 'received') engine.coverage.reason(taken.reason);
    try {
      if (record) await publisher.publish([{ ...record, headers: { ...record.headers } }]);
    } catch (error) {
      engine.note(`answers 503: ${(error as Error).message}`);
      continue;
    }
    engine.note(`answers ${taken.status} ${taken.reason}`);
    wire.answers.set(delivery.id, taken.status);
    // A sender repeats what was not accepted; one that forges gives up.
    delivery.dueAt = Number.POSITIVE_INFINITY;
  }
}

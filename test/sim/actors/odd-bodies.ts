/** Signed webhooks that cannot be understood, one of each kind; all must be parked or counted, and none may do anything. */
import { makeOrderId } from '../../../schemas/order-id.ts';
import { orderMac } from '../../../schemas/order-mac.ts';
import { bodyOf, signed } from '../providers/nowpayments.ts';
import type { Random } from '../random.ts';
import { ORDER_SECRET } from '../settings.ts';
import type { World } from '../world.ts';

const BETWEEN_MS = [1_000, 30_000] as const;

export async function sendOddBodies(world: World): Promise<void> {
  const { engine, nowpayments } = world;
  if (!engine.faults.strikes('odd-bodies')) return;
  const random = engine.faults.chanceOf('odd-bodies');
  for (const text of random.shuffled(oddBodies(world, random))) {
    await engine.sleep(random.int(...BETWEEN_MS));
    const raw = Buffer.from(text);
    nowpayments.send(raw, signed(raw), 0);
  }
}

function oddBodies({ workload }: World, random: Random): string[] {
  const client = String(random.pick(workload.clients).client_id);
  const order = (secret: string): string =>
    makeOrderId({ client, random: random.bytes(10), mac: orderMac(secret) });
  const body = (status: string, outcome: string | null, orderId = order(ORDER_SECRET)): string => {
    const id = String(7_000_000_000 + random.int(0, 999_999));
    const payment = { id, orderId, parentId: null, priceUsd: '20', outcomeCurrency: 'eth', steps: [] };
    return bodyOf(payment, { status, outcome });
  };
  const good = body('finished', '0.01');
  return [
    good.slice(0, -1),
    `${good.slice(0, -1)},"payment_status":"failed"}`,
    `{"payment_id":${'['.repeat(20)}1${']'.repeat(20)}}`,
    good.replace('"payment_status":"finished",', ''),
    good.replace(/"payment_id":\d+/, '"payment_id":"07"'),
    body('dreaming', null),
    body('finished', `0.${'0'.repeat(40)}1`),
    body('finished', '0.01', order('of somebody else')),
    body('finished', '0.01', 'an order'),
    '{"batch_withdrawal_id":"5000","id":"6","status":"FINISHED"}',
  ];
}

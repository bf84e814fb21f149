/** Signed webhooks that cannot be understood, one of each kind; all must be parked or counted, and none may do anything. */
import { parseUnits } from '../../../schemas/money.ts';
import { makeOrderId } from '../../../schemas/order-id.ts';
import { orderMac } from '../../../schemas/order-mac.ts';
import { bodyOf, signed } from '../providers/nowpayments.ts';
import type { Random } from '../random.ts';
import { ORDER_SECRET } from '../settings.ts';
import type { World } from '../world.ts';

const BETWEEN_MS = [1_000, 30_000] as const;
/** More than a payout may be worth in the ledger: only PostgreSQL says no. */
const ABSURD = '90000000000000000000';

export async function sendOddBodies(world: World): Promise<void> {
  const { engine, nowpayments } = world;
  if (!world.workload.bystander) return;
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
  const body = (
    status: string,
    outcome: string | null,
    orderId = order(ORDER_SECRET),
    outcomeCurrency = 'eth',
  ): string => {
    const id = String(7_000_000_000 + random.int(0, 999_999));
    const payment = { id, orderId, parentId: null, priceUsd: '20', outcomeCurrency, steps: [] };
    return bodyOf(payment, { status, outcome });
  };
  const toBystander = makeOrderId({
    client: String(workload.bystander!.client_id),
    random: random.bytes(10),
    mac: orderMac(ORDER_SECRET),
  });
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
    body('finished', ABSURD, toBystander, 'usdterc20'),
    '{"batch_withdrawal_id":"5000","id":"6","status":"FINISHED"}',
  ];
}

const CREDITED = `SELECT payment_id FROM payment_status
  WHERE state = 'credited' AND status = 'finished' AND confirmed = incoming ORDER BY payment_id`;

/** Tells something else of payments that were credited and confirmed: nothing may come of it. */
export async function contradict({ engine, plain, workload, nowpayments }: World): Promise<void> {
  if (!engine.faults.strikes('contradictions')) return;
  const random = engine.faults.chanceOf('contradictions');
  for (let round = random.int(3, 8); round > 0; round--) {
    await engine.sleep(random.int(20_000, 60_000));
    const credited = await plain.query<{ payment_id: string }>(CREDITED);
    const chosen = credited.length > 0 ? random.pick(credited).payment_id : undefined;
    const script = workload.payments.find((one) => one.script.id === chosen)?.script;
    if (!script) continue;
    const outcome = script.steps.at(-1)!.outcome!;
    const other = script.outcomeCurrency === 'eth' ? 'usdterc20' : 'eth';
    const [payment, step] = random.pick([
      [script, { status: 'finished', outcome: `1${outcome}` }],
      [script, { status: 'finished', outcome: halved(outcome) }],
      [
        { ...script, outcomeCurrency: other },
        { status: 'finished', outcome: '17' },
      ],
      [script, { status: 'confirming', outcome: null }],
    ] as const);
    const raw = Buffer.from(bodyOf(payment, step));
    engine.note(`a webhook contradicts payment ${script.id}`);
    nowpayments.send(raw, signed(raw), 0);
  }
}

function halved(outcome: string): string {
  const places = outcome.split('.')[1]?.length ?? 0;
  const digits = (parseUnits(outcome, places) / 2n).toString().padStart(places + 1, '0');
  return `${digits.slice(0, digits.length - places)}.${digits.slice(digits.length - places)}`;
}

/**
 * kill -9 of every role, one after the other, in the middle of 2,000 payments of which a fifth of the webhooks comes
 * twice: the supervisor starts each again, and at the end every total is exact and nobody was paid twice.
 */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { deliveries, pay } from '../../sandbox/demo/control.ts';
import {
  makeOrders,
  type RegisteredClient,
  registerClient,
  untilPayable,
} from '../../sandbox/demo/register.ts';
import type { World } from '../../sandbox/demo/world.ts';
import { ROLE_NAMES } from '../../schemas/topology.ts';
import {
  allDifferences,
  eventually,
  killRole,
  openTestWorld,
  service,
  spillway,
  untilPaid,
  view,
} from './support.ts';

const CLIENTS = 20;
const PAYMENTS_EACH = 100;
const ALL = CLIENTS * PAYMENTS_EACH;
const WEBHOOKS = ALL * 5;
const KINDS = [
  // Some cross twice, some once, some go directly, one kind is paid at once per payment.
  { currency: 'xmr', network: 'xmr', thresholdUsd: '2000' },
  { currency: 'ltc', network: 'ltc', thresholdUsd: '3000' },
  { currency: 'usdt', network: 'eth', thresholdUsd: '1500' },
  { currency: 'btc', network: 'btc', thresholdUsd: '4800' },
] as const;

let world: World;
let clients: RegisteredClient[];

beforeAll(async () => {
  world = await openTestWorld();
  clients = [];
  for (let number = 0; number < CLIENTS; number += 1) {
    const kind = KINDS[number % KINDS.length]!;
    const plan = {
      ...kind,
      title: `${kind.currency} ${number}`,
      strategy: 'threshold',
      payments: PAYMENTS_EACH,
    } as const;
    clients.push(await registerClient(world, plan));
  }
  await untilPayable(world, clients);
});
afterAll(() => world.close());

async function progress(): Promise<{ webhooks: number; credited: number; completed: number }> {
  const [row] = await world.db.query<{ credited: number; completed: number }>(
    `SELECT (SELECT count(*)::int FROM payout_accumulation WHERE client_id = ANY($1::bigint[])) AS credited,
       (SELECT count(*)::int FROM payout_batches WHERE client_id = ANY($1::bigint[]) AND state = 'completed') AS completed`,
    [`{${clients.map(({ id }) => id).join(',')}}`],
  );
  return { ...row!, webhooks: (await deliveries(world.nowpayments)).delivered };
}

it('2,000 payments while every role is killed', async () => {
  const before = (await deliveries(world.nowpayments)).delivered;
  const payments = [];
  for (const client of clients) {
    const [orderId] = await makeOrders(world, { ...client, payments: 1 });
    payments.push({
      orderId,
      count: PAYMENTS_EACH,
      duplicates: 0.2,
      forge: 0.02,
      shuffle: true,
      delayMs: 800,
    });
  }
  await pay(world.nowpayments, payments);
  const share = (of: number) => async () => (await progress()).webhooks - before > WEBHOOKS * of;
  const creditedShare = (of: number) => async () => (await progress()).credited > ALL * of;
  const someTransfer = (states: string) => async () =>
    (await world.db.query(`SELECT 1 FROM transfers WHERE state IN (${states}) LIMIT 1`)).length > 0;

  await eventually('webhooks arrive', share(0.1));
  await killRole('gateway');
  await eventually('credits arrive', creditedShare(0.1));
  await killRole('convert');
  await eventually('more credits', creditedShare(0.3));
  await killRole('accumulate');
  await eventually('more credits', creditedShare(0.5));
  await killRole('relay');
  await eventually('our transfers are on their way', someTransfer("'signed', 'broadcast'"));
  await killRole('payout');
  await eventually('conversions are on their way', async () =>
    (await view(world, ...clients)).conversions.some(({ state }) => state !== 'completed'),
  );
  await killRole('settle');
  await eventually('payouts arrive', async () => (await progress()).completed > 3);
  await killRole('payout');
  await killRole('reconcile');
  await untilPaid(world, ...clients);
});

it('totals are exact, each payout reached its client once, by one transfer', async () => {
  expect(await allDifferences(world, clients)).toEqual([]);
});

it('every webhook was answered, no forged one accepted', async () => {
  await eventually('nothing is pending', async () => (await deliveries(world.nowpayments)).pending === 0);
  expect(await deliveries(world.nowpayments)).toMatchObject({ given_up: 0, forged_accepted: 0 });
});

it('every invariant holds', async () => {
  const { code, output } = await spillway('reconcile', '--json');
  expect(output).not.toContain('"ok":false');
  expect(code).toBe(0);
});

it('every role was killed and runs', () => {
  for (const role of ROLE_NAMES) {
    expect(service(role)).toMatchObject({ status: 'ready', lastExit: 'signal SIGKILL' });
  }
});

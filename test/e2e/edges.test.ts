/** What goes wrong outside, on the whole running stack: each case ends with everybody paid and nothing booked by guess. */
import type { JsonRpcProvider } from 'ethers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, bookOf, pay } from '../../sandbox/demo/control.ts';
import { freshChannelId, type RegisteredClient, registerClient } from '../../sandbox/demo/register.ts';
import type { World } from '../../sandbox/demo/world.ts';
import { money } from '../../schemas/money.ts';
import { makeOrderId, ORDER_RANDOM_BYTES } from '../../schemas/order-id.ts';
import { holdBlocks, openChain, revertPending } from './chain.ts';
import {
  allDifferences,
  eventually,
  hostWallet,
  newClient,
  openTestWorld,
  payFor,
  prices,
  spillway,
  untilPaid,
  view,
} from './support.ts';

let world: World;
let chain: JsonRpcProvider;
let waiting: RegisteredClient;

beforeAll(async () => {
  world = await openTestWorld();
  chain = openChain(world);
});
afterAll(async () => {
  chain.destroy();
  await world.close();
});

const threshold = (currency: string, usd: string, payments: number, network = currency) =>
  ({ strategy: 'threshold', thresholdUsd: usd, currency, network, payments }) as const;

/** Nothing is on its way: what comes next is alone. */
const atRest = () =>
  eventually('nothing is on its way', async () => {
    const [open] = await world.db.query<{ count: bigint }>(
      `SELECT (SELECT count(*) FROM payment_status WHERE receipt_due_at IS NOT NULL)
         + (SELECT count(*) FROM conversions WHERE state <> 'completed')
         + (SELECT count(*) FROM payout_batches WHERE state <> 'completed') AS count`,
    );
    return Number(open!.count) === 0;
  });

it('the swap provider is down: work waits, says why, and is tried again [failure 55]', async () => {
  waiting = await newClient(world, threshold('xmr', '100', 3));
  // Asked for right before each order; nothing was done yet when it fails, so that the try after 60 s may do it.
  const range = { kind: 'refuse', status: 503, method: 'GET', path: '/v2/exchange/range' };
  await ask(world.changenow, '/_control/faults', range);
  await payFor(world, waiting, 3);
  const [failed] = await eventually('an intent that failed', async () => {
    const found = await world.db.query<{ key: string; state: string; last_error_class: string }>(
      `SELECT key, state, last_error_class FROM intents WHERE kind IN ('payout', 'conversion') AND attempt = 1`,
    );
    return found.length > 0 ? found : null;
  });
  expect(failed).toMatchObject({ state: 'due', last_error_class: 'transient' });
  const [kind] = failed!.key.split(':');
  const list = await spillway(`${kind}s`, 'list', '--json');
  expect(list.output).toContain('"provider_unavailable"');
});

it('a payment of an unknown client is parked, and goes on by itself when the client appears', async () => {
  const id = freshChannelId(world.random);
  const orderId = makeOrderId({ client: id, random: world.random(ORDER_RANDOM_BYTES), mac: world.api.mac });
  const ipnUrl = `${world.settings.PUBLIC_URL}/webhooks/nowpayments`;
  await pay(world.nowpayments, [{ orderId, ipnUrl, priceUsd: '50' }]);
  const parked = await eventually('it is parked', async () => {
    const rows = await world.db.query<{ reason: string }>(
      'SELECT DISTINCT reason FROM quarantined WHERE key = $1::text AND redriven_at IS NULL',
      [id],
    );
    return rows.some(({ reason }) => reason === 'unknown_client') ? rows : null;
  });
  expect(parked.length).toBeGreaterThan(0);
  expect((await spillway('quarantine', 'list')).output).toContain('unknown_client');
  const client = await registerClient(world, { ...threshold('xmr', '500', 1), title: 'was unknown' }, id);
  await untilPaid(world, client);
  expect(await allDifferences(world, [client])).toEqual([]);
  expect(
    await world.db.query('SELECT 1 FROM quarantined WHERE key = $1::text AND redriven_at IS NULL', [id]),
  ).toEqual([]);
});

it('the provider refunds a payout with less: the next attempt pays in full, the client loses nothing [failure H18]', async () => {
  const client = await newClient(world, threshold('ltc', '120', 3));
  await ask(world.changenow, '/_control/script', {
    match: { payoutAddress: client.address },
    outcome: 'refund',
    refundRatio: '0.995',
  });
  await payFor(world, client, 3);
  await untilPaid(world, client);
  const attempts = await world.db.query<{ attempt: number; state: string }>(
    `SELECT o.attempt, o.state FROM swap_orders o JOIN payout_batches p ON p.payout_id = o.owner_id
      WHERE p.client_id = $1::bigint ORDER BY o.attempt`,
    [client.id],
  );
  expect(attempts.map(({ state }) => state)).toEqual(['refunded', 'finished']);
  expect((await bookOf(world.changenow, client.address)).map(({ amount }) => amount)).toEqual(['1.81875']);
  const [costs] = await world.db.query<{ amount: string }>(
    `SELECT sum(t.amount)::text AS amount FROM gl_transfers t JOIN payout_batches p ON t.client_id = p.client_id
      WHERE p.client_id = $1::bigint AND t.debit = 'platform:provider_costs'`,
    [client.id],
  );
  expect(costs!.amount).toBe('727500');
  // Two of our transfers are final here, one per attempt; everything else is as without the refund.
  const wrong = await allDifferences(world, [client]);
  expect(wrong.filter((text) => !text.includes('has 2 final transfers'))).toEqual([]);
});

it('a transfer that reverts on chain goes out again, once [failure H9]', async () => {
  const client = await newClient(world, threshold('usdt', '900', 3, 'eth'));
  await payFor(world, client, 3);
  await untilPaid(world, client);
  await atRestExcept(waiting);
  const release = await holdBlocks(chain);
  try {
    expect(await spillway('clients', 'set', client.id, '--threshold', '100')).toMatchObject({ code: 0 });
    await eventually('the transfer is broadcast', async () => {
      const [transfer] = await transfersOf(client);
      return transfer?.state === 'broadcast';
    });
    await revertPending(chain, world, hostWallet);
  } finally {
    await release();
  }
  const paid = { ...client, thresholdUsd: '100' };
  await untilPaid(world, paid);
  expect((await transfersOf(client)).map(({ state }) => state)).toEqual(['reverted', 'final']);
  expect(await allDifferences(world, [paid])).toEqual([]);
});

const transfersOf = (client: RegisteredClient) =>
  world.db.query<{ state: string }>(
    `SELECT t.state FROM transfers t WHERE t.owner_kind = 'payout' AND t.client_id = $1::bigint ORDER BY t.attempt`,
    [client.id],
  );

/** The client whose provider was down may still wait for its second try. */
async function atRestExcept(client: RegisteredClient): Promise<void> {
  await untilPaid(world, client);
  await atRest();
}

it('the provider came back: what waited is paid [failure 55]', async () => {
  await untilPaid(world, waiting);
  expect(await allDifferences(world, [waiting])).toEqual([]);
});

it('without a usable rate a payment waits unvalued, and is valued when the rate returns [failure H1]', async () => {
  const client = await newClient(world, threshold('xmr', '500', 1));
  await ask(prices, '/_control/prices', { tether: { usd: 0.9 } });
  try {
    await eventually('the rate is not usable', async () => {
      const [rate] = await world.db.query<{ usable: boolean; reason: string }>(
        'SELECT usable, reason FROM rates ORDER BY at DESC LIMIT 1',
      );
      return rate && !rate.usable && rate.reason.includes('off its peg');
    });
    await payFor(world, client, 1);
    const unvalued = await eventually('it is booked unvalued', async () => {
      const { accounts } = await view(world, client);
      return accounts.find((account) => account.unvalued.minor > 0n);
    });
    expect(unvalued).toMatchObject({ unvalued: money('ETH', 12_500_000_000_000_000n), payments: 0 });
  } finally {
    await ask(prices, '/_control/prices', { tether: { usd: 1 } });
  }
  const { accounts } = await untilPaid(world, client);
  expect(accounts.every((account) => account.unvalued.minor === 0n)).toBe(true);
  expect(await allDifferences(world, [client])).toEqual([]);
});

it('after all of that every invariant holds', async () => {
  const { code, output } = await spillway('reconcile', '--json');
  expect(output).not.toContain('"ok":false');
  expect(code).toBe(0);
});

/** Registers the clients of a scenario under new channel ids, and waits until nothing they need is still unknown. */
import { addClient } from '../../gateway/api/clients.ts';
import { createOrder } from '../../gateway/api/orders.ts';
import { latestRate } from '../../ledger/sql/latest-rate.ts';
import { heldAssetOf } from '../../schemas/assets.ts';
import { until } from '../wait.ts';
import { freshAddress } from './addresses.ts';
import { DAYS, type PlannedClient, PRICE_USD } from './plan.ts';
import type { World } from './world.ts';

export interface RegisteredClient extends PlannedClient {
  /** Channel id as decimal text. */
  readonly id: string;
  readonly address: string;
}

/**
 * @param id channel id as decimal text; a new one by default
 * @throws InputError
 */
export async function registerClient(
  world: World,
  planned: PlannedClient,
  id = freshChannelId(world.random),
): Promise<RegisteredClient> {
  const address = freshAddress(planned.network, world.random);
  await addClient(world.api, {
    clientId: id,
    title: planned.title,
    strategy: planned.strategy,
    thresholdUsd: planned.thresholdUsd,
    maxWaitMs: null,
    currency: planned.currency,
    network: planned.network,
    address,
    memo: null,
    plans: [{ priceUsd: PRICE_USD, days: DAYS }],
  });
  return { ...planned, id, address };
}

/** As Telegram numbers channels: -100 and ten digits. */
export function freshChannelId(random: World['random']): string {
  const digits = Buffer.from(random(6)).readUIntBE(0, 6) % 9_000_000_000;
  return `-100${1_000_000_000 + digits}`;
}

/** One order with its invoice for each payment to come. @returns order ids */
export async function makeOrders(world: World, client: RegisteredClient): Promise<string[]> {
  const orders: string[] = [];
  for (let count = 0; count < client.payments; count += 1) {
    const order = await createOrder(world.api, { clientId: client.id, tier: 1, userId: null });
    orders.push(order.order_id);
  }
  return orders;
}

const LIMITS = 'SELECT asset, currency, network FROM pair_limits';

interface Pair {
  readonly asset: string;
  readonly currency: string;
  readonly network: string;
}

/**
 * Waits for a usable rate and the provider's limits of every pair: without them payments wait unvalued and totals grow
 * beyond the threshold, all of it correct, but not the reference scenario.
 * @throws Error naming what is missing
 */
export async function untilPayable(
  world: World,
  clients: readonly PlannedClient[],
  limitMs = 60_000,
): Promise<void> {
  let missing: string[] = [];
  const complete = async (): Promise<boolean> => {
    const rate = await latestRate(world.db, world.api.now(), world.settings.RATE_MAX_AGE);
    const known = await world.db.query<Pair>(LIMITS);
    const wanted = clients.flatMap((client): Pair[] => {
      const asset = client.strategy === 'instant' ? 'ETH' : 'USDT';
      const { currency, network } = client;
      return heldAssetOf(currency, network) === asset ? [] : [{ asset, currency, network }];
    });
    const isKnown = (pair: Pair) => known.some((row) => pairText(row) === pairText(pair));
    missing = wanted.filter((pair) => !isKnown(pair)).map((pair) => `limits of ${pairText(pair)}`);
    if (!rate) missing.push('a usable rate');
    return missing.length === 0;
  };
  if (await until(complete, limitMs, 200)) return;
  throw new Error(
    `after ${limitMs / 1000} s there is still no ${[...new Set(missing)].join(', no ')}; the role settle asks for them (see its log)`,
  );
}

const pairText = (pair: Pair) => `${pair.asset} to ${pair.currency} on ${pair.network}`;

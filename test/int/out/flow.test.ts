/** The way out on real servers: ETH behind locked credits becomes USDT, payouts go out by swap or directly. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../providers/evm-anvil.ts';
import { type Line, type Stage, startStage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
  await stage.run();
}, 180_000);

afterAll(async () => {
  await stage?.close();
});

async function completed(clientId: bigint): Promise<Line> {
  return until(async () => {
    const rows = (await stage.payouts()).filter((row) => BigInt(row.client_id as string) === clientId);
    return rows.find((row) => row.state === 'completed');
  });
}

test('eleven payments of 50 USD reach the threshold: converted, swapped to XMR, received [failures 8, 22, 32, 52]', async () => {
  const client = await stage.addClient({
    wallet_address:
      '4AdUndXHHZ6cfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2684Rge',
  });
  await stage.swap('script', { match: { toCurrency: 'usdt' }, ratio: '0.996' });
  await stage.pay(client, 11);
  const payout = await completed(client.client_id);
  expect(payout).toMatchObject({ amount: '533500000', asset: 'USDT', status: 'completed', attempt: 1 });
  const [conversion] = await stage.conversions();
  expect(conversion).toMatchObject({
    state: 'completed',
    usdt_expected: '550000000',
    usdt_received: '547800000',
  });
  const book = await stage.swap<{ address: string; currency: string; amount: string }[]>('book');
  const received = book.filter((entry) => entry.address === client.wallet_address);
  expect(received).toHaveLength(1);
  expect(received[0]!.amount).toBe(payout.received);
  expect(await stage.broken()).toEqual([]);
  expect(await stage.balances()).toMatchObject({
    'wallet:host USDT': '14.3',
    'platform:rate_variance USDT': '2.2',
  });
});

test('a client that takes USDT is paid by one transfer, without a swap [failures 3, 23]', async () => {
  const address = '0x00000000000000000000000000000000000000C1';
  const client = await stage.addClient({
    client_id: -1_003_268_562_226n,
    payout_currency: 'usdt',
    payout_network: 'eth',
    payout_threshold_usd: '120.00',
    wallet_address: address,
  });
  await stage.pay(client, 3);
  const payout = await completed(client.client_id);
  expect(payout).toMatchObject({ amount: '145500000', received: '145.5' });
  const { USDT } = await stage.chain.balances(address, 'finalized');
  expect(USDT).toBe(145_500_000n);
  expect(await stage.broken()).toEqual([]);
});

/** The NOWPayments simulator on a real chain: outcomes arrive in the host wallet before the status that says so. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createChain } from '../../../providers/evm/chain.ts';
import { createNowPayments } from '../../../providers/nowpayments/client.ts';
import {
  createNowPaymentsSimulator,
  type NowPaymentsSimulator,
} from '../../../providers/nowpayments/simulator.ts';
import { createOutcomeSender } from '../../../providers/nowpayments/simulator-chain.ts';
import { type Receiver, receiver } from '../../unit/providers/ipn-receiver.ts';
import { startChain, type TestChain, until } from './evm-anvil.ts';

const HOST = '0x00000000000000000000000000000000000a11ce';
const API_KEY = 'key';

let chain: TestChain;
let simulator: NowPaymentsSimulator;
let base = '';
let webhook: Receiver;

beforeAll(async () => {
  chain = await startChain(HOST);
  webhook = await receiver();
  const { rpcUrl, usdtContract } = chain;
  const sender = createOutcomeSender({ rpcUrl, usdtContract, to: HOST });
  simulator = createNowPaymentsSimulator({ apiKey: API_KEY, ipnSecret: 'secret', sender, retryMs: [100] });
  base = await simulator.listen(0);
}, 60_000);

beforeEach(() => {
  webhook.received.length = 0;
});

afterAll(async () => {
  await simulator?.close();
  await webhook?.[Symbol.asyncDispose]();
  await chain?.stop();
});

interface Paid {
  readonly payments: { paymentId: string; payoutHash: string; status: string; error: string | null }[];
  readonly deliveries: Record<string, number>;
}

async function pay(body: Record<string, unknown>): Promise<Paid> {
  const response = await fetch(`${base}/_control/pay`, {
    method: 'POST',
    body: JSON.stringify({ ipnUrl: webhook.url, priceUsd: '50', wait: true, ...body }),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as Paid;
}

/** ETH of the host wallet in the newest block, wei. */
async function balance(): Promise<bigint> {
  const call = { jsonrpc: '2.0', id: 1, method: 'eth_getBalance', params: [HOST, 'latest'] };
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(chain.rpcUrl, { method: 'POST', headers, body: JSON.stringify(call) });
  return BigInt(((await response.json()) as { result: string }).result);
}

function openChain() {
  return createChain({ rpcUrls: [chain.rpcUrl], chainId: 31_337n, usdtContract: chain.usdtContract });
}

test('the outcome is in the host wallet, in the asset and amount of the IPN, with the hash of GET', async () => {
  const { payments } = await pay({
    payments: [
      { ipnUrl: webhook.url, priceUsd: '50', orderId: 'eth' },
      { ipnUrl: webhook.url, priceUsd: '12.345678', orderId: 'usdt', outcomeCurrency: 'usdterc20' },
    ],
  });
  const client = createNowPayments({ baseUrl: base, apiKey: API_KEY });
  const facts = await Promise.all(payments.map(({ paymentId }) => client.payment(paymentId)));
  expect(facts).toMatchObject([
    { status: 'finished', outcomeAmount: '0.0125', outcomeCurrency: 'eth' },
    { status: 'finished', outcomeAmount: '12.345678', outcomeCurrency: 'usdterc20' },
  ]);
  const reader = openChain();
  const deposits = await until(async () => {
    const { finalized } = await reader.head();
    const found = await reader.deposits(HOST, 0, finalized);
    return found.length >= 3 && found; // the third is the gas that the wallet was given
  });
  const arrived = facts.map((fact) => deposits.find(({ hash }) => hash === fact?.payoutHash));
  expect(arrived).toMatchObject([
    { asset: 'ETH', amount: 12_500_000_000_000_000n },
    { asset: 'USDT', amount: 12_345_678n },
  ]);
}, 30_000);

test('no IPN says finished before its transfer is in a block', async () => {
  const reader = openChain();
  const early: unknown[] = [];
  await using watcher = await receiver(({ body }) => {
    if (body.payment_status === 'finished') {
      checks.push(
        client.payment(String(body.payment_id)).then(async (fact) => {
          const hash = fact?.payoutHash ?? '';
          if ((await reader.receipts([hash])).get(hash)?.status !== 1) early.push(body);
        }),
      );
    }
    return 200;
  });
  const checks: Promise<void>[] = [];
  const client = createNowPayments({ baseUrl: base, apiKey: API_KEY });
  await pay({ ipnUrl: watcher.url, count: 5 });
  await Promise.all(checks);
  expect([checks.length, early]).toEqual([5, []]);
}, 30_000);

test('two legs send the difference, and a lie about the amount sends what the script says', async () => {
  const before = await balance();
  const legs = [{ status: 'partially_paid', outcomeAmount: '0.005' }, 'finished'];
  const { payments } = await pay({
    payments: [
      { ipnUrl: webhook.url, priceUsd: '50', statuses: legs },
      { ipnUrl: webhook.url, priceUsd: '50', sendAmount: '0.001' },
    ],
  });
  expect(payments.map(({ error }) => error)).toEqual([null, null]);
  expect((await balance()) - before).toBe(12_500_000_000_000_000n + 1_000_000_000_000_000n);
}, 30_000);

test('2,000 payments in well under a minute, each with a hash of its own', async () => {
  const started = Date.now();
  const { payments, deliveries } = await pay({ count: 2_000, duplicates: 0.2 });
  const seconds = (Date.now() - started) / 1000;
  console.log(`2,000 payments with ${webhook.received.length} IPNs in ${seconds.toFixed(1)} s`);
  expect(payments.filter(({ status, error }) => status !== 'finished' || error !== null)).toEqual([]);
  expect(new Set(payments.map(({ payoutHash }) => payoutHash)).size).toBe(2_000);
  expect(deliveries).toMatchObject({ pending: 0, given_up: 0, duplicates: 2_000 });
  expect(webhook.received).toHaveLength(12_000);
  expect(seconds).toBeLessThan(45);
}, 90_000);

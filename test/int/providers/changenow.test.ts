/**
 * The ChangeNOW simulator on a real anvil: deposits taken, proceeds and refunds on chain, a book for other
 * coins.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Contract, JsonRpcProvider, parseUnits, Wallet } from 'ethers';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createChangeNow } from '../../../providers/changenow/client.ts';
import { type ChangeNowSimulator, createChangeNowSimulator } from '../../../providers/changenow/simulator.ts';
import type { SwapOrder, SwapPair, SwapProvider } from '../../../providers/changenow/swap.ts';
import { type Chain, createChain } from '../../../providers/evm/chain.ts';
import { devAccount } from '../../../providers/evm/dev-accounts.ts';
import { createDevBank } from '../../../providers/evm/dev-bank.ts';
import { readArtefact } from '../../../sandbox/contracts/compile.ts';
import { startChain, type TestChain, until } from './evm-anvil.ts';

vi.setConfig({ testTimeout: 40_000 });

const KEY = 'test-key';
const XMR = '888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H';
const TO_XMR = { fromCurrency: 'usdt', fromNetwork: 'eth', toCurrency: 'xmr', toNetwork: 'xmr' };
const TO_USDT = { fromCurrency: 'eth', fromNetwork: 'eth', toCurrency: 'usdt', toNetwork: 'eth' };

let node: TestChain;
let chain: Chain;
let provider: JsonRpcProvider;
let payer: Wallet;
let simulator: ChangeNowSimulator;
let address: string;
let client: SwapProvider;
let folder: string;
let nonce: number;

beforeAll(async () => {
  payer = new Wallet(devAccount('nowpayments').key);
  node = await startChain(payer.address);
  provider = new JsonRpcProvider(node.rpcUrl, undefined, { cacheTimeout: -1, pollingInterval: 100 });
  payer = payer.connect(provider);
  const { rpcUrl, usdtContract } = node;
  chain = createChain({ rpcUrls: [rpcUrl], chainId: 31_337n, usdtContract });
  folder = mkdtempSync(join(tmpdir(), 'changenow-'));
  nonce = await payer.getNonce('pending');
  await start();
}, 30_000);

afterAll(async () => {
  await simulator?.close();
  chain?.close();
  provider?.destroy();
  await node?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

beforeEach(() => control('/_control/reset', {}));

async function start(): Promise<void> {
  const bank = createDevBank({ rpcUrls: [node.rpcUrl], usdtContract: node.usdtContract });
  const { usdtContract } = node;
  const stateFile = join(folder, 'state.jsonl');
  simulator = createChangeNowSimulator({ apiKey: KEY, usdtContract, bank, stateFile });
  address = await simulator.listen(0);
  client = createChangeNow({ baseUrl: address, apiKey: KEY, perMinute: 100_000 });
}

async function control(path: string, body: unknown): Promise<void> {
  const response = await fetch(address + path, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

async function view<T>(path: string): Promise<T> {
  return (await (await fetch(address + path)).json()) as T;
}

/** A recipient that nothing else pays, so that its balance is the whole story. */
function fresh(): string {
  return Wallet.createRandom().address;
}

function order(
  pair: SwapPair,
  fromAmount: string,
  to: string,
  reference = `ref-${fresh()}`,
): Promise<SwapOrder> {
  return client.create({
    pair,
    fromAmount,
    address: to,
    refundAddress: payer.address,
    reference,
    flow: 'standard',
  });
}

async function fund(swap: SwapOrder): Promise<string> {
  const to = swap.payinAddress;
  nonce += 1;
  if (swap.fromCurrency === 'eth') {
    return (await payer.sendTransaction({ to, value: parseUnits(swap.fromAmount, 18), nonce: nonce - 1 }))
      .hash;
  }
  const usdt = new Contract(node.usdtContract, readArtefact().DevelopmentUsdt!.abi as string[], payer);
  const amount = parseUnits(swap.fromAmount, 6);
  const options = { nonce: nonce - 1, gasLimit: 100_000n };
  return ((await usdt.getFunction('transfer').send(to, amount, options)) as { hash: string }).hash;
}

const reached = (id: string, status: string) =>
  until(async () => {
    const found = await client.byId(id);
    return found?.status === status ? found : null;
  });

async function balance(of: string): Promise<{ ETH: bigint; USDT: bigint }> {
  const { ETH, USDT } = await chain.balances(of, (await chain.head()).latest);
  return { ETH, USDT };
}

describe('a funded order', () => {
  it('pays USDT on chain for ETH, 0.4 % less when told so', async () => {
    await control('/_control/script', { match: { toCurrency: 'usdt' }, ratio: '0.996' });
    const to = fresh();
    const swap = await order(TO_USDT, '0.1375', to);
    expect(swap.toAmount).toBe('550');
    const payin = await fund(swap);
    const end = await reached(swap.id, 'finished');
    expect(end).toMatchObject({ amountFrom: '0.1375', amountTo: '547.8', payinHash: payin });
    expect((await balance(to)).USDT).toBe(547_800_000n);
    const receipt = (await chain.receipts([end.payoutHash!])).get(end.payoutHash!);
    expect(receipt?.status).toBe(1);
  });

  it('keeps a book for what is not on this chain', async () => {
    const swap = await order(TO_XMR, '533.5', XMR);
    await fund(swap);
    const end = await reached(swap.id, 'finished');
    expect(end.amountTo).toBe('3.556666666666');
    expect(await view(`/_control/book?address=${XMR}`)).toEqual([
      {
        address: XMR,
        extraId: null,
        currency: 'xmr',
        network: 'xmr',
        amount: '3.556666666666',
        hash: end.payoutHash,
        orderId: swap.id,
      },
    ]);
  });

  it('is refunded on chain, less when told so', async () => {
    await control('/_control/script', { outcome: 'refund', refundRatio: '0.99' });
    const swap = await order(TO_XMR, '500', XMR);
    await fund(swap);
    const end = await reached(swap.id, 'refunded');
    expect(end).toMatchObject({ amountFrom: '500', amountTo: null, payoutHash: null, refundAmount: '495' });
    expect(await chain.transaction(end.refundHash!)).toMatchObject({
      to: payer.address,
      asset: 'USDT',
      amount: 495_000_000n,
    });
    expect(await view('/_control/book')).toEqual([]);
  });

  it('is held until somebody decides, and only once', async () => {
    await control('/_control/script', { outcome: 'hold', holdStatus: 'hold' });
    const swap = await order(TO_XMR, '50', XMR);
    await expect(control(`/_control/orders/${swap.id}`, { decide: 'finish' })).rejects.toThrow(/409/);
    await fund(swap);
    await reached(swap.id, 'hold');
    await control(`/_control/orders/${swap.id}`, { decide: 'finish' });
    await reached(swap.id, 'finished');
    await expect(control(`/_control/orders/${swap.id}`, { decide: 'refund' })).rejects.toThrow(/409/);
    expect(await view<unknown[]>('/_control/book')).toHaveLength(1);
  });

  it('turns overdue without a deposit and still takes a late one', async () => {
    await control('/_control/script', { overdueMs: 0 });
    const swap = await order(TO_XMR, '50', XMR);
    await reached(swap.id, 'overdue');
    await fund(swap);
    await reached(swap.id, 'finished');
  });

  it('contradicts itself after the end, and flaps before, when told so', async () => {
    await control('/_control/script', {
      delayMs: 0,
      statuses: ['confirming', 'exchanging', 'confirming', 'exchanging'],
      after: [{ status: 'failed', afterMs: 0 }],
    });
    const swap = await order(TO_XMR, '50', XMR);
    await fund(swap);
    const end = await reached(swap.id, 'failed');
    expect(end.payoutHash).not.toBeNull();
    expect(await view<unknown[]>('/_control/book')).toHaveLength(1);
  });

  it('exchanges the first deposit only, and shows a second one', async () => {
    const swap = await order(TO_XMR, '50', XMR);
    await fund(swap);
    await reached(swap.id, 'finished');
    const second = await fund(swap);
    const [shown] = await until(async () => {
      const orders = await view<{ deposits: { hash: string }[] }[]>('/_control/orders');
      return orders[0]!.deposits.length === 2 ? orders : null;
    });
    expect(shown!.deposits[1]!.hash).toBe(second);
    expect(await view<unknown[]>('/_control/book')).toHaveLength(1);
  });
});

describe('many orders and restarts', () => {
  it('finishes 100 orders at once, each paid exactly once over a restart in the middle', async () => {
    const recipients = Array.from({ length: 100 }, fresh);
    const swaps = await Promise.all(recipients.map((to) => order(TO_USDT, '0.0125', to)));
    expect(new Set(swaps.map((swap) => swap.payinAddress)).size).toBe(100);
    await Promise.all(swaps.map(fund));
    await until(async () => {
      const orders = await view<{ status: string }[]>('/_control/orders');
      return orders.some((one) => one.status !== 'waiting');
    });
    await simulator.close();
    await start();
    await until(async () => {
      const orders = await view<{ status: string }[]>('/_control/orders');
      return orders.length === 100 && orders.every((one) => one.status === 'finished');
    });
    const paid = await Promise.all(recipients.map(balance));
    expect(paid.every((one) => one.USDT === 50_000_000n)).toBe(true);
    expect(await view('/_control/engine')).toMatchObject({ errors: [] });
  });
});

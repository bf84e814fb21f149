/**
 * The chain client on a real anvil: transfers to finality, reverts, replacement, repeats, deposits, nonces.
 */
import { Contract, ContractFactory, JsonRpcProvider, Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ProviderError } from '../../../providers/error.ts';
import { type Chain, createChain } from '../../../providers/evm/chain.ts';
import { devAccount, devDepositAddress } from '../../../providers/evm/dev-accounts.ts';
import { addressOfKey, decodeTransfer, signTransfer } from '../../../providers/evm/wallet.ts';
import { prepareChain } from '../../../sandbox/chain-setup.ts';
import { readArtefact } from '../../../sandbox/contracts/compile.ts';
import type { LedgerAsset } from '../../../schemas/assets.ts';
import { startChain, type TestChain, until } from './evm-anvil.ts';

// Finality takes three blocks of a second each; several transfers in a row take their time.
vi.setConfig({ testTimeout: 30_000 });

const CHAIN_ID = 31_337n;
const HOST_KEY = `0x${'11'.repeat(32)}`;
const HOST = addressOfKey(HOST_KEY);
const GWEI = 1_000_000_000n;

let node: TestChain;
let chain: Chain;
let deployer: Wallet;
let provider: JsonRpcProvider;

beforeAll(async () => {
  node = await startChain(HOST);
  const { rpcUrl, usdtContract } = node;
  chain = createChain({ rpcUrls: [rpcUrl], chainId: CHAIN_ID, usdtContract });
  provider = new JsonRpcProvider(rpcUrl, undefined, { cacheTimeout: -1, pollingInterval: 100 });
  deployer = new Wallet(devAccount('deployer').key, provider);
  const usdt = new Contract(usdtContract, readArtefact().DevelopmentUsdt!.abi as string[], deployer);
  await (await usdt.getFunction('mint').send(HOST, 1_000_000_000n)).wait();
}, 30_000);

afterAll(async () => {
  chain?.close();
  provider?.destroy();
  await node?.stop();
});

function sign(
  to: string,
  asset: LedgerAsset,
  amount: bigint,
  nonce: number,
  fee = 20n * GWEI,
  gas = 100_000n,
) {
  return signTransfer({
    key: HOST_KEY,
    chainId: CHAIN_ID,
    nonce,
    to,
    asset,
    amount,
    gasLimit: gas,
    maxFeePerGas: fee,
    maxPriorityFeePerGas: GWEI,
    usdtContract: node.usdtContract,
  });
}

async function final(hash: string) {
  return until(async () => {
    const receipt = (await chain.receipts([hash])).get(hash);
    return receipt && receipt.block <= (await chain.head()).finalized ? receipt : null;
  });
}

async function nextNonce(): Promise<number> {
  return (await chain.nonces(HOST)).pending;
}

async function failureOf(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProviderError)) throw new Error(`expected a ProviderError, got ${String(error)}`);
  return error;
}

describe('the development chain', () => {
  it('is prepared once: the same contract, the same gas transfer, no second gift', async () => {
    const before = await chain.balances(HOST, (await chain.head()).latest);
    const again = await prepareChain({ rpcUrl: node.rpcUrl, hostAddress: HOST });
    expect(again).toEqual({ usdtContract: node.usdtContract, fundingTx: node.fundingTx });
    const after = await chain.balances(HOST, (await chain.head()).latest);
    expect(after.ETH).toBe(before.ETH);
    expect(after.ETH).toBe(10n ** 19n);
  });

  it('finalizes two blocks behind the head', async () => {
    const head = await until(async () => {
      const found = await chain.head();
      return found.latest > 4 ? found : null;
    });
    // The two numbers are two questions: a block may come in between.
    expect(head.latest - head.finalized).toBeGreaterThanOrEqual(1);
    expect(head.latest - head.finalized).toBeLessThanOrEqual(3);
  });
});

describe('transfers', () => {
  it('moves ETH and USDT to finality, with amounts exact and gas as paid [failure 3]', async () => {
    const to = devDepositAddress(1);
    const eth = await chain.quote({ from: HOST, to, asset: 'ETH', amount: 12_500_000_000_000_000n });
    const usdt = await chain.quote({ from: HOST, to, asset: 'USDT', amount: 48_500_000n });
    expect(eth.gasLimit).toBe(25_200n);
    expect(usdt.gasLimit).toBe(100_000n);
    expect(eth.maxFeePerGas).toBe(2n * eth.baseFee + eth.maxPriorityFeePerGas);

    const nonce = await nextNonce();
    const first = sign(to, 'ETH', 12_500_000_000_000_000n, nonce, eth.maxFeePerGas, eth.gasLimit);
    const second = sign(to, 'USDT', 48_500_000n, nonce + 1, usdt.maxFeePerGas, usdt.gasLimit);
    expect(await chain.broadcast(first.raw)).toBe('accepted');
    expect(await chain.broadcast(second.raw)).toBe('accepted');
    const receipts = await Promise.all([final(first.hash), final(second.hash)]);
    expect(receipts.map((one) => one.status)).toEqual([1, 1]);
    expect(receipts[0]!.gasUsed).toBe(21_000n);
    expect(receipts[0]!.effectiveGasPrice).toBeLessThanOrEqual(eth.maxFeePerGas);
    const found = await chain.balances(to, 'finalized');
    expect({ ETH: found.ETH, USDT: found.USDT }).toEqual({ ETH: 12_500_000_000_000_000n, USDT: 48_500_000n });
    expect(await chain.transaction(second.hash)).toMatchObject({
      from: HOST,
      to,
      asset: 'USDT',
      amount: 48_500_000n,
      nonce: nonce + 1,
    });
  });

  it('says `known` to the same bytes, waiting or mined', async () => {
    const transfer = sign(devDepositAddress(2), 'ETH', 1n, await nextNonce());
    expect(await chain.broadcast(transfer.raw)).toBe('accepted');
    expect(await chain.broadcast(transfer.raw)).toBe('known');
    await final(transfer.hash);
    expect(await chain.broadcast(transfer.raw)).toBe('known');
  });

  it('lets a replacement with a higher fee win, and only one of both is mined', async () => {
    await provider.send('evm_setIntervalMining', [0]);
    const to = devDepositAddress(3);
    const nonce = await nextNonce();
    const slow = sign(to, 'ETH', 7n, nonce, 10n * GWEI);
    const fast = sign(to, 'ETH', 7n, nonce, 20n * GWEI);
    try {
      await chain.broadcast(slow.raw);
      expect(await chain.nonces(HOST)).toMatchObject({ latest: nonce, pending: nonce + 1 });
      await chain.broadcast(fast.raw);
    } finally {
      await provider.send('evm_setIntervalMining', [1]);
    }
    await final(fast.hash);
    expect((await chain.receipts([slow.hash])).get(slow.hash)).toBeNull();
    expect((await chain.balances(to, 'finalized')).ETH).toBe(7n);
    const late = await failureOf(chain.broadcast(slow.raw));
    expect([late.kind, late.code]).toEqual(['permanent', 'nonce_used']);
  });

  it('shows a revert as status 0, and a quote for it as `would_revert`', async () => {
    const { abi, bytecode } = readArtefact().Refuser!;
    const refuser = (await new ContractFactory(abi as string[], bytecode, deployer).deploy()) as Contract;
    await refuser.waitForDeployment();
    await (await refuser.getFunction('setClosed').send(true)).wait();
    const to = await refuser.getAddress();
    const refused = await failureOf(chain.quote({ from: HOST, to, asset: 'ETH', amount: 5n }));
    expect([refused.kind, refused.code]).toEqual(['permanent', 'would_revert']);
    const transfer = sign(to, 'ETH', 5n, await nextNonce());
    await chain.broadcast(transfer.raw);
    expect((await final(transfer.hash)).status).toBe(0);
    const { block } = await final(transfer.hash);
    expect(await chain.deposits(to, block, block)).toEqual([]);
  });

  it.each([
    ['insufficient_funds', () => ({ amount: 10n ** 24n, fee: 20n * GWEI, gas: 21_000n })],
    ['underpriced', () => ({ amount: 1n, fee: GWEI / 1_000_000n, gas: 21_000n })],
    ['gas_limit', () => ({ amount: 1n, fee: 20n * GWEI, gas: 100n })],
  ])('refuses for good: %s', async (code, make) => {
    const { amount, fee, gas } = make();
    const transfer = signTransfer({
      key: HOST_KEY,
      chainId: CHAIN_ID,
      nonce: await nextNonce(),
      to: devDepositAddress(4),
      asset: 'ETH',
      amount,
      gasLimit: gas,
      maxFeePerGas: fee,
      maxPriorityFeePerGas: fee < GWEI ? fee : GWEI,
      usdtContract: node.usdtContract,
    });
    const error = await failureOf(chain.broadcast(transfer.raw));
    expect([error.kind, error.code]).toEqual(['permanent', code]);
  });
});

describe('deposits', () => {
  it('finds ETH and USDT that arrived, in chain order, and nothing the address sent to itself', async () => {
    const bank = new Wallet(devAccount('changenow').key, provider);
    const start = (await chain.head()).latest + 1;
    const own = sign(HOST, 'ETH', 9n, await nextNonce());
    await chain.broadcast(own.raw);
    const eth = await bank.sendTransaction({ to: HOST, value: 123n });
    await eth.wait();
    const usdt = new Contract(node.usdtContract, readArtefact().DevelopmentUsdt!.abi as string[], bank);
    const token = (await usdt.getFunction('transfer').send(HOST, 550_000_000n)) as { hash: string };
    const last = await final(token.hash);
    await final(own.hash);
    const found = await chain.deposits(HOST, start, last.block);
    expect(found.map((one) => [one.hash, one.asset, one.amount, one.logIndex === -1])).toEqual([
      [eth.hash, 'ETH', 123n, true],
      [token.hash, 'USDT', 550_000_000n, false],
    ]);
    expect(found.every((one) => one.from === bank.address && one.to === HOST)).toBe(true);
    expect(await chain.deposits(HOST, last.block + 1, last.block)).toEqual([]);
  });

  it('tells nothing of blocks that are not final', async () => {
    const { latest } = await chain.head();
    expect((await failureOf(chain.deposits(HOST, latest, latest + 1))).code).toBe('not_final');
  });
});

describe('views', () => {
  it('counts nonces at latest, pending, finalized and at a block', async () => {
    const transfer = sign(devDepositAddress(5), 'ETH', 1n, await nextNonce());
    await chain.broadcast(transfer.raw);
    const { block } = await final(transfer.hash);
    const nonces = await chain.nonces(HOST);
    expect(nonces.latest).toBe(nonces.pending);
    expect(nonces.finalized).toBe(nonces.latest);
    const { nonce } = decodeTransfer(transfer.raw, node.usdtContract);
    expect(await chain.nonceAt(HOST, block)).toBe(nonce + 1);
    expect(await chain.nonceAt(HOST, block - 1)).toBe(nonce);
  });

  it('answers null for a hash that nobody knows', async () => {
    const unknown = `0x${'ab'.repeat(32)}`;
    expect((await chain.receipts([unknown])).get(unknown)).toBeNull();
    expect(await chain.transaction(unknown)).toBeNull();
  });
});

describe('nodes', () => {
  it('refuses another chain by the name of the setting', async () => {
    const other = createChain({ rpcUrls: [node.rpcUrl], chainId: 1n, usdtContract: node.usdtContract });
    const error = await failureOf(other.head());
    expect(error.kind).toBe('permanent');
    expect(error.message).toContain('EVM_CHAIN_ID');
    other.close();
  });

  it('fails over for reads and broadcasts, but not for what needs the agreement of two', async () => {
    const rpcUrls = ['http://127.0.0.1:1', node.rpcUrl];
    const half = createChain({ rpcUrls, chainId: CHAIN_ID, usdtContract: node.usdtContract });
    expect((await half.quote({ from: HOST, to: HOST, asset: 'ETH', amount: 1n })).baseFee).toBeGreaterThan(
      0n,
    );
    const transfer = sign(devDepositAddress(6), 'ETH', 1n, await nextNonce());
    expect(await half.broadcast(transfer.raw)).toBe('accepted');
    const refused = await failureOf(half.head());
    expect([refused.kind, refused.code]).toEqual(['transient', 'ECONNREFUSED']);
    half.close();
    await final(transfer.hash);
  });

  it('takes two nodes that agree, and refuses two that do not', async () => {
    const options = { chainId: CHAIN_ID, usdtContract: node.usdtContract };
    const both = createChain({ ...options, rpcUrls: [node.rpcUrl, node.rpcUrl] });
    expect((await both.head()).finalizedHash).toMatch(/^0x[0-9a-f]{64}$/);
    both.close();
    const stranger = await startChain(HOST);
    const split = createChain({ ...options, rpcUrls: [node.rpcUrl, stranger.rpcUrl] });
    try {
      // Both chains begin with the same genesis block: they differ once the younger one finalized another.
      const alone = createChain({ ...options, rpcUrls: [stranger.rpcUrl] });
      await until(async () => (await alone.head()).finalized > 0);
      alone.close();
      const error = await failureOf(split.head());
      expect([error.kind, error.code]).toEqual(['transient', 'rpc_disagreement']);
    } finally {
      split.close();
      await stranger.stop();
    }
  });

  it('never names the address of a node, which may hold a key', async () => {
    const secret = createChain({
      rpcUrls: ['http://127.0.0.1:1/v3/topsecret'],
      chainId: CHAIN_ID,
      usdtContract: node.usdtContract,
    });
    const error = await failureOf(secret.broadcast(sign(HOST, 'ETH', 1n, 0).raw));
    expect(error.kind).toBe('transient');
    expect(String(error.message) + String(error.stack)).not.toContain('topsecret');
    secret.close();
  });
});

/** The development chain from the tests' side: money from outside, blocks on demand, the block list of the token. */
import { Contract, JsonRpcProvider, NonceManager, parseEther, Wallet } from 'ethers';
import { devAccount } from '../../providers/evm/dev-accounts.ts';
import type { World } from '../../sandbox/demo/world.ts';

const GWEI = 1_000_000_000n;

export function openChain(world: World): JsonRpcProvider {
  const [url] = world.settings.EVM_RPC_URLS;
  return new JsonRpcProvider(url, undefined, { cacheTimeout: -1, pollingInterval: 100 });
}

/** Money from somebody else. @returns the hash once it is in a block */
export async function sendEth(provider: JsonRpcProvider, to: string, eth: string): Promise<string> {
  const sender = new Wallet(devAccount('deployer').key, provider);
  const sent = await sender.sendTransaction({ to, value: parseEther(eth) });
  await sent.wait();
  return sent.hash.toLowerCase();
}

/** No blocks until the function that it returns is called. */
export async function holdBlocks(provider: JsonRpcProvider): Promise<() => Promise<void>> {
  await provider.send('evm_setIntervalMining', [0]);
  return async () => {
    await provider.send('evm_setIntervalMining', [1]);
  };
}

/**
 * Makes what `sender` has in the pool revert: by their fees, the token's block list takes the sender before its transfer in
 * the same block, and lets it go right after.
 */
export async function revertPending(provider: JsonRpcProvider, world: World, sender: string): Promise<void> {
  const owner = new NonceManager(new Wallet(devAccount('deployer').key, provider));
  const usdt = new Contract(
    world.settings.USDT_CONTRACT,
    ['function setBlocked(address account, bool blocked)'],
    owner,
  );
  const { baseFeePerGas } = (await provider.getBlock('latest'))!;
  const first = { maxFeePerGas: 1_000n * GWEI, maxPriorityFeePerGas: 500n * GWEI, gasLimit: 100_000n };
  const last = {
    maxFeePerGas: (baseFeePerGas! * 5n) / 4n + 1n,
    maxPriorityFeePerGas: 1n,
    gasLimit: 100_000n,
  };
  await usdt.getFunction('setBlocked').send(sender, true, first);
  await usdt.getFunction('setBlocked').send(sender, false, last);
}

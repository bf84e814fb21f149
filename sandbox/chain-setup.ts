/**
 * Prepares the development chain: the USDT contract at an address that never changes, coins for the
 * simulators, gas for the host wallet. Running it again changes nothing.
 */
import {
  AbiCoder,
  Contract,
  concat,
  getCreate2Address,
  JsonRpcProvider,
  keccak256,
  parseEther,
  parseUnits,
  type TransactionResponse,
  Wallet,
} from 'ethers';
import { devAccount } from '../providers/evm/dev-accounts.ts';
import { readArtefact } from './contracts/compile.ts';

export { DEV_ACCOUNTS, DEV_MNEMONIC, devAccount } from '../providers/evm/dev-accounts.ts';

export interface ChainSetup {
  /** JSON-RPC address of anvil. */
  readonly rpcUrl: string;
  readonly hostAddress: string;
  /** Whole ETH given to the host wallet, once, as decimal text; default 10. */
  readonly gasEth?: string;
}

export interface PreparedChain {
  readonly usdtContract: string;
  /**
   * Hash of the transfer that gave the host wallet its gas, now or in an earlier run; null when gasEth is 0.
   */
  readonly fundingTx: string | null;
}

/**
 * anvil puts this well-known contract on every chain: it creates contracts at an address that depends on code
 * only.
 */
const DEPLOYER = '0x4e59b44847b379578588920cA78FbF26c0B4956C';
const SALT = `0x${'00'.repeat(32)}`;
/** 1,000 million USDT each: no demo or benchmark empties a simulator. */
const MINTED = 1_000_000_000n * 1_000_000n;
/**
 * Fixed, so that the funding transfer has the same bytes and hash in every run; far above anvil's first fees.
 */
const FUNDING_FEE = parseUnits('100', 'gwei');

/** @throws Error when the node at rpcUrl is no development chain or cannot be reached */
export async function prepareChain(options: ChainSetup): Promise<PreparedChain> {
  const provider = new JsonRpcProvider(options.rpcUrl, undefined, { cacheTimeout: -1, pollingInterval: 100 });
  try {
    await assertDevelopmentChain(provider, options.rpcUrl);
    const deployer = new Wallet(devAccount('deployer').key, provider);
    const usdtContract = await deployUsdt(provider, deployer);
    await mintFor(usdtContract, deployer, [
      devAccount('nowpayments').address,
      devAccount('changenow').address,
    ]);
    const fundingTx = await giveGas(provider, options.hostAddress, options.gasEth ?? '10');
    return { usdtContract, fundingTx };
  } finally {
    provider.destroy();
  }
}

async function assertDevelopmentChain(provider: JsonRpcProvider, rpcUrl: string): Promise<void> {
  const version = String(await provider.send('web3_clientVersion', []));
  if (!version.toLowerCase().startsWith('anvil') || (await provider.getCode(DEPLOYER)) === '0x') {
    throw new Error(`${rpcUrl} is ${version}: only an anvil development chain is prepared`);
  }
}

async function deployUsdt(provider: JsonRpcProvider, deployer: Wallet): Promise<string> {
  const { bytecode } = artefactOf('DevelopmentUsdt');
  const code = concat([bytecode, AbiCoder.defaultAbiCoder().encode(['address'], [deployer.address])]);
  const address = getCreate2Address(DEPLOYER, SALT, keccak256(code));
  if ((await provider.getCode(address)) !== '0x') return address;
  const transaction = await deployer.sendTransaction({ to: DEPLOYER, data: concat([SALT, code]) });
  await transaction.wait();
  if ((await provider.getCode(address)) === '0x') throw new Error(`no contract appeared at ${address}`);
  return address;
}

async function mintFor(usdtContract: string, deployer: Wallet, holders: readonly string[]): Promise<void> {
  const usdt = new Contract(usdtContract, artefactOf('DevelopmentUsdt').abi as string[], deployer);
  for (const holder of holders) {
    const balance = (await usdt.getFunction('balanceOf').staticCall(holder)) as bigint;
    if (balance >= MINTED / 2n) continue;
    const transaction = (await usdt.getFunction('mint').send(holder, MINTED)) as TransactionResponse;
    await transaction.wait();
  }
}

/** The account does nothing but this, so its nonces number the wallets and amounts it was asked for. */
async function giveGas(provider: JsonRpcProvider, host: string, gasEth: string): Promise<string | null> {
  const value = parseEther(gasEth);
  if (value === 0n) return null;
  const funder = new Wallet(devAccount('funder').key);
  const { chainId } = await provider.getNetwork();
  const used = await provider.getTransactionCount(funder.address, 'pending');
  const fees = { maxFeePerGas: FUNDING_FEE, maxPriorityFeePerGas: FUNDING_FEE, gasLimit: 21_000n };
  for (let nonce = 0; nonce <= used; nonce += 1) {
    const raw = await funder.signTransaction({ type: 2, chainId, nonce, to: host, value, ...fees });
    const hash = keccak256(raw);
    if (nonce === used) await provider.broadcastTransaction(raw);
    else if ((await provider.getTransaction(hash)) === null) continue;
    const receipt = await provider.waitForTransaction(hash);
    if (receipt?.status !== 1) throw new Error(`the gas for ${host} was not accepted in ${hash}`);
    return hash;
  }
  throw new Error('not reached: the last nonce of the loop always sends');
}

function artefactOf(name: string) {
  const found = readArtefact()[name];
  if (found === undefined) throw new Error(`usdt.generated.json has no contract ${name}: run compile.ts`);
  return found;
}

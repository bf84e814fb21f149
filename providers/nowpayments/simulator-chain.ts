/**
 * The outcome transfers of the NOWPayments simulator: from its own development account to the host wallet, in ETH or
 * USDT, thousands at once. It keeps its own nonces, posts a batch of signed transactions together and finds their
 * receipts block by block instead of asking for each.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HDNodeWallet, Interface, JsonRpcProvider, keccak256, Mnemonic, Wallet } from 'ethers';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { ASSETS } from '../../schemas/assets.ts';

/** The public test mnemonic of every development chain; account 1 is this simulator's. */
const MNEMONIC = 'test test test test test test test test test test test junk';
const ACCOUNT = 1;
const BATCH_MAX = 200;
const POLL_MS = 200;
/** A transaction that is in no block after so long was lost with its node. */
const LOST_MS = 60_000;
/** With POLL_MS between them: a node that restarts is waited for. */
const TRIES = 100;

const ERC20 = new Interface(['function transfer(address to, uint256 amount)']);

export interface OutcomeSender {
  /**
   * Sends and waits until it is in a block with status 1.
   * @param minor whole minor units
   * @returns the transaction hash
   */
  send(asset: LedgerAsset, minor: bigint): Promise<string>;
  close(): void;
}

export interface OutcomeSenderOptions {
  readonly rpcUrl: string;
  readonly usdtContract: string;
  /** The host wallet. */
  readonly to: string;
}

interface Order {
  readonly asset: LedgerAsset;
  readonly minor: bigint;
  tries: number;
  readonly resolve: (hash: string) => void;
  readonly reject: (error: Error) => void;
}

interface Mined {
  readonly order: Order;
  readonly since: number;
}

interface Receipt {
  readonly transactionHash: string;
  readonly status: string;
}

export function createOutcomeSender(options: OutcomeSenderOptions): OutcomeSender {
  const rpc = new JsonRpcProvider(options.rpcUrl, undefined, { batchMaxCount: 100, batchStallTime: 5 });
  const account = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${ACCOUNT}`);
  const sender = new Sender(rpc, new Wallet(account.privateKey), options);
  return { send: (asset, minor) => sender.send(asset, minor), close: () => sender.close() };
}

class Sender {
  readonly #rpc: JsonRpcProvider;
  readonly #wallet: Wallet;
  readonly #options: OutcomeSenderOptions;
  readonly #queue: Order[] = [];
  readonly #unmined = new Map<string, Mined>();
  #chainId: bigint | null = null;
  /** Null: ask the chain. */
  #nonce: number | null = null;
  #scanned: number | null = null;
  #sending = false;
  #watching = false;
  #closed = false;

  constructor(rpc: JsonRpcProvider, wallet: Wallet, options: OutcomeSenderOptions) {
    this.#rpc = rpc;
    this.#wallet = wallet;
    this.#options = options;
  }

  send(asset: LedgerAsset, minor: bigint): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ asset, minor, tries: 0, resolve, reject });
      void this.#drain();
    });
  }

  close(): void {
    this.#closed = true;
    this.#rpc.destroy();
    const left = [...this.#queue.splice(0), ...[...this.#unmined.values()].map(({ order }) => order)];
    this.#unmined.clear();
    for (const order of left) order.reject(new Error('the simulator was stopped'));
  }

  /** One batch at a time, so that nonces leave in order. */
  async #drain(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    // Let the payments of one request queue up: they then share a batch.
    await sleep(5);
    while (this.#queue.length > 0 && !this.#closed) {
      const batch = this.#queue.splice(0, BATCH_MAX);
      try {
        await this.#sendBatch(batch);
      } catch (error) {
        this.#nonce = null;
        for (const order of batch) this.#again(order, error);
        await sleep(POLL_MS);
      }
    }
    this.#sending = false;
  }

  async #sendBatch(batch: Order[]): Promise<void> {
    this.#chainId ??= BigInt(await this.#call<string>('eth_chainId', []));
    this.#scanned ??= Number(await this.#call<string>('eth_blockNumber', []));
    const from = this.#wallet.address;
    this.#nonce ??= Number(await this.#call<string>('eth_getTransactionCount', [from, 'pending']));
    const head = await this.#call<{ baseFeePerGas: string }>('eth_getBlockByNumber', ['latest', false]);
    // Far above what a batch of full blocks can raise the base fee to: a development chain's ETH is free.
    const maxFeePerGas = BigInt(head.baseFeePerGas) * 20n + 1_000_000_000n;
    const raws: string[] = [];
    for (const order of batch) raws.push(await this.#sign(order, this.#nonce++, maxFeePerGas));
    const sent = await Promise.allSettled(
      raws.map((raw) => this.#call<string>('eth_sendRawTransaction', [raw])),
    );
    let refused = 0;
    for (const [index, result] of sent.entries()) {
      const order = batch[index] as Order;
      const hash = keccak256(raws[index] as string);
      if (result.status === 'fulfilled' || (await this.#mayBeKnown(hash))) {
        this.#unmined.set(hash, { order, since: Date.now() });
      } else {
        refused += 1;
        this.#again(order, result.reason);
      }
    }
    void this.#watch();
    if (refused === 0) return;
    this.#nonce = null; // a hole: the chain knows where
    await sleep(POLL_MS);
  }

  /** An answer that was lost is no refusal: sending again under another nonce would pay twice. */
  async #mayBeKnown(hash: string): Promise<boolean> {
    try {
      return (await this.#call<unknown>('eth_getTransactionByHash', [hash])) !== null;
    } catch {
      return true; // not to be found out now; #giveUpLost decides later
    }
  }

  #sign(order: Order, nonce: number, maxFeePerGas: bigint): Promise<string> {
    const { to, usdtContract } = this.#options;
    const native = order.asset === 'ETH';
    return this.#wallet.signTransaction({
      type: 2,
      chainId: this.#chainId as bigint,
      nonce,
      to: native ? to : usdtContract,
      value: native ? order.minor : 0n,
      data: native ? '0x' : ERC20.encodeFunctionData('transfer', [to, order.minor]),
      gasLimit: ASSETS[order.asset].transferGas,
      maxFeePerGas,
      maxPriorityFeePerGas: 1_000_000_000n,
    });
  }

  #again(order: Order, why: unknown): void {
    order.tries += 1;
    if (order.tries < TRIES && !this.#closed) this.#queue.push(order);
    else order.reject(new Error(`outcome transfer not accepted: ${String(why).slice(0, 200)}`));
  }

  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#unmined.size > 0 && !this.#closed) {
      try {
        await this.#scan();
      } catch {
        // The node is away for a moment; what waits too long is given up below.
      }
      this.#giveUpLost();
      if (this.#unmined.size > 0) await sleep(POLL_MS);
    }
    this.#watching = false;
  }

  async #scan(): Promise<void> {
    const latest = Number(await this.#call<string>('eth_blockNumber', []));
    for (let block = (this.#scanned ?? latest) + 1; block <= latest; block += 1) {
      const receipts = await this.#call<Receipt[]>('eth_getBlockReceipts', [`0x${block.toString(16)}`]);
      for (const receipt of receipts) {
        const mined = this.#unmined.get(receipt.transactionHash);
        if (mined === undefined) continue;
        this.#unmined.delete(receipt.transactionHash);
        if (receipt.status === '0x1') mined.order.resolve(receipt.transactionHash);
        else mined.order.reject(new Error(`outcome transfer ${receipt.transactionHash} reverted`));
      }
      this.#scanned = block;
    }
  }

  #giveUpLost(): void {
    for (const [hash, { order, since }] of this.#unmined) {
      if (Date.now() - since < LOST_MS) continue;
      this.#unmined.delete(hash);
      order.reject(new Error(`outcome transfer ${hash} is in no block after ${LOST_MS / 1000} s`));
    }
  }

  async #call<T>(method: string, params: unknown[]): Promise<T> {
    return (await this.#rpc.send(method, params)) as T;
  }
}

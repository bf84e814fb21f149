/**
 * The simulated chain behind the real Chain interface, as an unreliable node tells it: blocks behind the truth, deaf for
 * a while to what was mined, forgetful of what it accepted. What happens to the blocks themselves is decided here, too.
 */
import type {
  Chain,
  ChainTransaction,
  Deposit,
  Head,
  Quote,
  QuoteRequest,
  Receipt,
} from '../../../providers/evm/chain.ts';
import type { LedgerAsset } from '../../../schemas/assets.ts';
import type { Engine } from '../engine.ts';
import { SIGNER } from '../signing.ts';
import { Answers } from './answers.ts';
import { Blocks, FINALITY, GWEI, type Held, type Mined, type Pending } from './blocks.ts';

/** Sends coins to addresses that never asked for them; and, once in a while, has our key. */
const STRANGER = `0x${'57'.repeat(20)}`;
const BLOCK_MS = 3_000;

export class SimChain implements Chain {
  readonly #engine: Engine;
  readonly #answers: Answers;
  readonly #truth: Blocks;
  /** Hashes that the node denies until then, virtual ms. */
  readonly #denied = new Map<string, number>();
  /** Block until which gas is dear. */
  #dearUntil = 0;

  constructor(engine: Engine, host: string) {
    this.#engine = engine;
    this.#answers = new Answers(engine, 'evm');
    this.#truth = new Blocks(host);
    for (let i = 0; i <= FINALITY; i++) this.#truth.mine({ baseFee: 10n * GWEI });
    this.endow(STRANGER, 'ETH', 10n ** 24n);
    this.endow(STRANGER, 'USDT', 10n ** 15n);
  }

  // for whoever plays a role outside, and for the auditor

  get mined(): readonly Mined[] {
    return this.#truth.mined;
  }

  /** Somebody else signed with our key. */
  get foreignUse(): readonly (Mined | Pending)[] {
    return [...this.#truth.mined, ...this.#truth.pool].filter((one) => one.signed?.foreign);
  }

  isFinal(hash: string): boolean {
    const mined = this.#truth.minedBy(hash);
    return mined !== undefined && mined.block <= this.#truth.finalized;
  }

  held(address: string): Held {
    return this.#truth.held(address);
  }

  /** Coins out of nothing. */
  endow(address: string, asset: LedgerAsset, amount: bigint): void {
    this.held(address)[asset] += amount;
  }

  /** Somebody outside sends coins; mined with a next block. @returns the hash */
  pay(from: string, to: string, asset: LedgerAsset, amount: bigint): string {
    return this.#truth.pay(from, to, asset, amount);
  }

  /** One more block, and what may happen to the chain around it. */
  mine(): void {
    const { faults } = this.#engine;
    if (faults.strikes('reorg')) this.#reorganise();
    if (faults.strikes('strangers')) this.#gift();
    if (this.foreignUse.length === 0 && faults.strikes('foreign-key')) this.#useKey();
    this.#drop();
    this.#mineOne((pending) => faults.strikes('slow-block', pending.signed ? 1 : 0.3));
  }

  #mineOne(waits: (pending: Pending) => boolean): void {
    const { faults } = this.#engine;
    const reverts = (): boolean => faults.strikes('revert');
    this.#truth.mine({ baseFee: this.#nextBaseFee(), waits, reverts });
  }

  #nextBaseFee(): bigint {
    const { faults, random } = this.#engine;
    const usual = BigInt(random.int(5, 30)) * GWEI;
    if (faults.quiet) return usual;
    const chance = faults.chanceOf('gas-spike');
    if (this.#truth.latest >= this.#dearUntil && faults.strikes('gas-spike'))
      this.#dearUntil = this.#truth.latest + chance.int(5, 50);
    return this.#truth.latest < this.#dearUntil ? BigInt(chance.int(80, 500)) * GWEI : usual;
  }

  /** The newest blocks were not the ones that the network agreed on. */
  #reorganise(): void {
    const chance = this.#engine.faults.chanceOf('reorg');
    const depth = chance.int(1, FINALITY);
    this.#truth.takeBack(depth, chance);
    this.#engine.note(`chain reorganised, ${depth} blocks deep`);
    for (let i = 0; i < depth; i++) this.#mineOne(() => chance.chance(0.5));
  }

  #gift(): void {
    const chance = this.#engine.faults.chanceOf('strangers');
    const asset = chance.pick(['ETH', 'USDT'] as const);
    this.pay(STRANGER, this.#truth.host, asset, BigInt(chance.int(1, 2_000_000)));
  }

  /** A nonce of ours is used by somebody else; nothing but its gas is lost. */
  #useKey(): void {
    const nonce = this.#truth.nonce;
    const signed = { nonce, maxFeePerGas: 600n * GWEI, maxPriorityFeePerGas: GWEI, foreign: true };
    const [from, hash] = [this.#truth.host, `0x${'f0'.repeat(32)}`];
    this.#engine.note(`somebody else signs nonce ${nonce}`);
    this.#truth.pool.push({ hash, from, to: STRANGER, asset: 'ETH', amount: 0n, signed, stuckUntil: 0 });
  }

  /** The pool forgets transactions of ours: only sending them again brings them back. */
  #drop(): void {
    const { faults } = this.#engine;
    this.#truth.pool = this.#truth.pool.filter((one) => {
      if (!one.signed || one.signed.foreign || !faults.strikes('dropped')) return true;
      this.#engine.note(`the pool drops ${one.hash}`);
      return false;
    });
  }

  // as seen by the product

  /** The newest block that the node knows which answers this call. */
  #seen(): number {
    const { faults } = this.#engine;
    const behind = faults.strikes('lagging') ? faults.chanceOf('lagging').int(1, 4) : 0;
    return Math.max(FINALITY, this.#truth.latest - behind);
  }

  /** @throws ProviderError when two nodes that must agree do not */
  #agree(what: string): void {
    if (this.#engine.faults.strikes('disagreement'))
      throw this.#answers.error('transient', 'rpc_disagreement', what);
  }

  /** What the node knows as mined; now and then it denies for a while what it has. */
  #find(hash: string, seen: number): Mined | undefined {
    const mined = this.#truth.minedBy(hash);
    if (!mined || mined.block > seen) return undefined;
    const now = this.#engine.clock.elapsed;
    const { faults } = this.#engine;
    if (faults.strikes('denied')) this.#denied.set(hash, now + faults.chanceOf('denied').int(3_000, 60_000));
    return !faults.quiet && (this.#denied.get(hash) ?? 0) > now ? undefined : mined;
  }

  async head(): Promise<Head> {
    this.#answers.mayFail('head');
    this.#agree('head');
    const latest = this.#seen();
    const finalized = latest - FINALITY;
    return { latest, finalized, finalizedHash: this.#truth.at(finalized)!.hash };
  }

  async quote({ asset }: QuoteRequest): Promise<Quote> {
    this.#answers.mayFail('quote');
    if (this.#engine.faults.strikes('revert', 0.1))
      throw this.#answers.error('permanent', 'would_revert', `a transfer of ${asset}`);
    const { baseFee } = this.#truth;
    const gasLimit = asset === 'ETH' ? 25_200n : 100_000n;
    return { gasLimit, maxFeePerGas: 2n * baseFee + GWEI, maxPriorityFeePerGas: GWEI, baseFee };
  }

  async nonces(): Promise<{ latest: number; pending: number; finalized: number }> {
    this.#answers.mayFail('nonces');
    const seen = this.#seen();
    const latest = this.#truth.at(seen)!.nonce;
    let pending = latest;
    while (this.#truth.pool.some(({ signed }) => signed?.nonce === pending)) pending += 1;
    return { latest, pending, finalized: this.#truth.at(seen - FINALITY)!.nonce };
  }

  async nonceAt(_address: string, block: number): Promise<number> {
    this.#agree('nonceAt');
    return this.#truth.at(this.#known(block))!.nonce;
  }

  async balances(_address: string, block: number | 'finalized'): Promise<Held & { block: number }> {
    this.#answers.mayFail('balances');
    this.#agree('balances');
    const at = block === 'finalized' ? this.#seen() - FINALITY : this.#known(block);
    return { ...this.#truth.at(at)!.host, block: at };
  }

  /** @throws ProviderError as a node that has not heard of the block yet */
  #known(block: number): number {
    if (block > this.#seen())
      throw this.#answers.error('transient', 'rpc_error', `block ${block} is unknown`);
    return block;
  }

  async broadcast(raw: string): Promise<'accepted' | 'known'> {
    this.#answers.mayFail('broadcast');
    const { faults } = this.#engine;
    const { hash, from, to, asset, amount, ...signed } = SIGNER.decode(raw);
    const nonce = Number.parseInt(signed.nonce.toString(), 10);
    const [maxFeePerGas, maxPriorityFeePerGas] = [signed.maxFee, signed.priorityFee];
    if (this.#truth.pool.some((one) => one.hash === hash)) return 'known';
    if (nonce < this.#truth.nonce) {
      // A node asks itself what used the nonce; behind the others it may not know that we did.
      if (this.#find(hash, this.#seen())) return 'known';
      throw this.#answers.error('permanent', 'nonce_used', `nonce ${nonce}`);
    }
    const before = this.#truth.pool.filter((one) => one.signed?.nonce === nonce);
    if (before.some((one) => maxFeePerGas * 10n < one.signed!.maxFeePerGas * 11n))
      throw this.#answers.error('permanent', 'replacement_underpriced', `nonce ${nonce}`);
    if (faults.strikes('forgetful')) {
      this.#engine.note(`a node accepts and forgets ${hash}`);
      return 'accepted';
    }
    const stuck = before.length === 0 && faults.strikes('stuck');
    const blocks = stuck ? Math.ceil(faults.chanceOf('stuck').int(30_000, 400_000) / BLOCK_MS) : 0;
    // What it replaces may be mined all the same: other nodes have it still.
    this.#truth.pool.push({
      hash,
      from: from.toLowerCase(),
      to: to.toLowerCase(),
      asset,
      amount,
      signed: { nonce, maxFeePerGas, maxPriorityFeePerGas, foreign: false },
      stuckUntil: this.#truth.latest + blocks,
    });
    this.#answers.mayBeLost('broadcast');
    return 'accepted';
  }

  async receipts(hashes: readonly string[]): Promise<Map<string, Receipt | null>> {
    this.#answers.mayFail('receipts');
    this.#agree('receipts');
    const seen = this.#seen();
    return new Map(hashes.map((hash) => [hash, this.#find(hash, seen)?.receipt ?? null]));
  }

  async deposits(address: string, fromBlock: number, toBlock: number): Promise<Deposit[]> {
    this.#answers.mayFail('deposits');
    this.#agree('deposits');
    if (toBlock > this.#seen() - FINALITY)
      throw this.#answers.error('transient', 'not_final', `deposits up to block ${toBlock}`);
    const to = address.toLowerCase();
    return this.mined
      .filter((one) => one.to === to && one.from !== to && one.receipt.status === 1 && one.amount > 0n)
      .filter((one) => one.block >= fromBlock && one.block <= toBlock)
      .map(({ hash, logIndex, block, asset, from, amount }) => {
        return { hash, logIndex, block, asset, from, to: address, amount };
      });
  }

  async transaction(hash: string): Promise<ChainTransaction | null> {
    this.#answers.mayFail('transaction');
    const mined = this.#find(hash, this.#seen());
    const found = mined ?? this.#truth.pool.find((one) => one.hash === hash);
    if (!found) return null;
    const { from, to, asset, amount, signed } = found;
    return { hash, from, to, asset, amount, nonce: signed?.nonce ?? 0, block: mined?.block ?? null };
  }

  close(): void {}
}

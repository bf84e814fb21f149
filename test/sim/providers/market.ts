/** What things cost: one price path that both price sources follow, away or in disagreement for a while by the seed. */
import type { PriceFeed, SpotPrices } from '../../../providers/prices/client.ts';
import type { Engine } from '../engine.ts';
import { Answers } from './answers.ts';

interface Outage {
  readonly from: number;
  readonly to: number;
  readonly kind: (typeof OUTAGES)[number];
}

/** away: no answer; zero: refused by the client; apart: 6 % off; absurd: a thousandfold; stale: an hour old, or of no known age. */
const OUTAGES = ['away', 'apart', 'zero', 'absurd', 'stale', 'ageless', 'off the peg'] as const;
const HOUR_MS = 3_600_000;

/** US dollars per whole unit of what clients take; ETH moves. */
const FIXED: Readonly<Record<string, bigint>> = { usdt: 1n, xmr: 160n, btc: 60_000n, ltc: 80n, sol: 150n };

export class Market implements PriceFeed {
  readonly #engine: Engine;
  readonly #answers: Answers;
  readonly #outages: Outage[] = [];
  /** USDT per ETH in cents. */
  #cents = 400_000;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#answers = new Answers(engine, 'prices');
    const { random, faults } = engine;
    if (!faults.strikes('rates')) return;
    const from = random.int(10_000, 240_000);
    this.#outages.push({
      from,
      to: from + random.int(200_000, 500_000),
      kind: random.pick(OUTAGES),
    });
  }

  /** Prices move a little. */
  tick(): void {
    this.#cents += this.#engine.random.int(-600, 600);
    if (this.#cents < 300_000 || this.#cents > 500_000) this.#cents = 400_000;
  }

  get #outage(): Outage | undefined {
    const { elapsed } = this.#engine.clock;
    return this.#outages.find((one) => elapsed >= one.from && elapsed < one.to);
  }

  get usdtPerEth(): string {
    return `${Math.floor(this.#cents / 100)}.${String(this.#cents % 100).padStart(2, '0')}`;
  }

  /** Value of minor units of `from` in units of 10^-12 of `to`, floored. */
  swapped(amount: bigint, from: 'ETH' | 'USDT', to: string): bigint {
    const usdE12 = from === 'USDT' ? amount * 10n ** 6n : (amount * BigInt(this.#cents)) / 10n ** 8n;
    if (to === 'eth') return (usdE12 * 100n) / BigInt(this.#cents);
    const price = FIXED[to];
    if (price === undefined) throw new Error(`nobody here sells ${to}`);
    return usdE12 / price;
  }

  /** @throws ProviderError transient while the source is away */
  assertOpen(what: string): void {
    if (this.#outage?.kind === 'away') throw this.#answers.error('transient', 'unavailable', what);
  }

  async spot(): Promise<SpotPrices> {
    this.assertOpen('spot');
    this.#answers.mayFail('spot');
    const kind = this.#outage?.kind;
    if (kind === 'zero') throw this.#answers.error('permanent', 'malformed', 'a price of 0');
    const times = kind === 'apart' ? 106 : kind === 'absurd' ? 100_000 : 100;
    const cents = Math.floor((this.#cents * times) / 100);
    const ethUsd = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
    const now = this.#engine.clock.now();
    const updatedAt = kind === 'stale' ? new Date(now.getTime() - HOUR_MS) : now;
    return {
      ethUsd,
      usdtUsd: kind === 'off the peg' ? '0.93' : '1',
      updatedAt: kind === 'ageless' ? null : updatedAt,
    };
  }
}

/**
 * Payments without end through the whole flow: clients of every kind over all partitions, webhooks that come twice, out
 * of order or never, forged and unreadable ones. As many as keep every role busy: while enough payouts are open, only
 * clients that never reach their threshold are paid for.
 */
import { createHmac } from 'node:crypto';
import { pay } from '../../sandbox/demo/control.ts';
import type { PlannedClient } from '../../sandbox/demo/plan.ts';
import {
  freshChannelId,
  makeOrders,
  type RegisteredClient,
  registerClient,
  untilPayable,
} from '../../sandbox/demo/register.ts';
import type { World } from '../../sandbox/demo/world.ts';
import { pause } from '../../sandbox/wait.ts';
import { partitionOf } from '../../schemas/partition.ts';
import { CLIENT_PARTITIONS } from '../../schemas/topology.ts';
import type { Random } from '../sim/random.ts';
import type { Recorder } from './recorder.ts';

type Kind = Omit<PlannedClient, 'title' | 'payments'>;

const threshold = (thresholdUsd: string, currency: string, network: string): Kind => ({
  strategy: 'threshold',
  thresholdUsd,
  currency,
  network,
});
const instant = (currency: string, network: string): Kind => ({
  strategy: 'instant',
  thresholdUsd: null,
  currency,
  network,
});

/** Swaps and direct transfers, of both assets; each partition has one of these and one that only collects. */
const PAID = [
  threshold('120', 'xmr', 'xmr'),
  instant('btc', 'btc'),
  threshold('150', 'usdt', 'eth'),
  instant('eth', 'eth'),
  threshold('90', 'ltc', 'ltc'),
];
const COLLECTS = threshold('1000000', 'xmr', 'xmr');

const TICK_MS = 600;
/** Open payouts from which on no more are caused. */
const OPEN_MAX = 30;
const STATUSES = ['waiting', 'finished'];

export interface Patron {
  readonly client: RegisteredClient;
  readonly orderId: string;
  readonly collects: boolean;
  payments: number;
}

export interface Workload {
  readonly patrons: readonly Patron[];
  /** Payments made so far. */
  readonly payments: number;
  /** Unreadable webhooks made so far, as they were posted. */
  readonly unreadable: readonly string[];
  resume(): void;
  /** Resolves when nothing more is being made. */
  pause(): Promise<void>;
}

export interface WorkloadDeps {
  readonly world: World;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly fail: (what: string) => void;
}

/** Registers clients and orders, and waits until they can be paid. */
export async function createWorkload(deps: WorkloadDeps): Promise<Workload> {
  const { world, random } = deps;
  const patrons: Patron[] = [];
  for (let partition = 0; partition < CLIENT_PARTITIONS; partition += 1) {
    for (const kind of [PAID[partition % PAID.length]!, COLLECTS]) {
      const title = `${kind.currency} at ${kind.thresholdUsd ?? 'once'}, partition ${partition}`;
      const planned = { ...kind, title, payments: 1 };
      const client = await registerClient(world, planned, channelIn(partition, random));
      const [orderId] = await makeOrders(world, client);
      patrons.push({ client, orderId: orderId!, collects: kind === COLLECTS, payments: 0 });
    }
  }
  await untilPayable(
    world,
    patrons.map(({ client }) => client),
  );
  return new Flow(deps, patrons);
}

function channelIn(partition: number, random: Random): string {
  for (;;) {
    const id = freshChannelId((count) => random.bytes(count));
    if (partitionOf(id) === partition) return id;
  }
}

class Flow implements Workload {
  readonly patrons: readonly Patron[];
  readonly unreadable: string[] = [];
  readonly #deps: WorkloadDeps;
  #running = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: WorkloadDeps, patrons: readonly Patron[]) {
    this.#deps = deps;
    this.patrons = patrons;
  }

  get payments(): number {
    return this.patrons.reduce((sum, patron) => sum + patron.payments, 0);
  }

  resume(): void {
    this.#running = true;
    this.#loop = this.#run().catch((error: Error) => this.#deps.fail(`the workload: ${error.message}`));
  }

  async pause(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      const full = (await this.#openPayouts()) >= OPEN_MAX;
      const { random } = this.#deps;
      const chosen = [
        random.pick(this.patrons.filter((patron) => patron.collects)),
        random.pick(this.patrons.filter((patron) => full === patron.collects)),
      ];
      await this.#pay(chosen);
      await this.#postUnreadable();
      await pause(TICK_MS);
    }
  }

  /** As many as can be when PostgreSQL is away: money that waits then must not grow without end. */
  async #openPayouts(): Promise<number> {
    try {
      const [row] = await this.#deps.world.db.query<{ open: number }>(
        "SELECT count(*)::int AS open FROM payout_batches WHERE state NOT IN ('completed', 'cancelled')",
      );
      return row!.open;
    } catch {
      return OPEN_MAX;
    }
  }

  async #pay(chosen: readonly Patron[]): Promise<void> {
    const { world, random, recorder } = this.#deps;
    const plain = {
      ipnUrl: recorder.url,
      duplicates: random.chance(0.2) ? 1 : 0,
      delayMs: random.int(0, 400),
    };
    const payments = chosen.map(({ orderId }) => ({
      ...plain,
      orderId,
      ...(random.chance(0.2) ? { shuffle: true } : { statuses: STATUSES }),
      forge: random.chance(0.05) ? 1 : 0,
      lost: random.chance(0.03),
    }));
    await pay(world.nowpayments, payments);
    for (const patron of chosen) patron.payments += 1;
  }

  /** Signed by the provider, but nothing that we can read: to be parked, listed, and never lost. */
  async #postUnreadable(): Promise<void> {
    const { world, recorder } = this.#deps;
    const raw = JSON.stringify({ order_id: null, payment_id: `unreadable-${this.unreadable.length}` });
    const signature = createHmac('sha512', world.settings.NOWPAYMENTS_IPN_SECRET).update(raw).digest('hex');
    const response = await fetch(recorder.url, {
      method: 'POST',
      headers: { 'x-nowpayments-sig': signature },
      body: raw,
    });
    await response.arrayBuffer();
    // Not taken: nobody repeats it, so it was never ours.
    if (response.status === 200) this.unreadable.push(raw);
  }
}

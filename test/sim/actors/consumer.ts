/**
 * One member of a consumer group: takes partitions over, fetches, hands batches to the real driver. What Kafka does to
 * a consumer happens here: late notice of a rebalance, repeated fetches, batches of any size.
 */
import type { PartitionDriver } from '../../../processors/runtime/partition-driver.ts';
import type { TopicName } from '../../../schemas/topology.ts';
import type { World } from '../world.ts';
import type { Group } from './group.ts';

export interface ConsumerOptions {
  readonly member: string;
  readonly topic: TopicName;
  readonly group: Group;
  readonly driver: PartitionDriver;
  /** Stateless: commits the offset of the group after each batch. */
  readonly commit?: (partition: number, offset: bigint) => void;
}

const IDLE_MS = [500, 4_000] as const;
const MAX_BATCH = 20;

export async function runConsumer(world: World, options: ConsumerOptions): Promise<never> {
  const { engine } = world;
  const consumer = new Consumer(world, options);
  for (;;) {
    if (engine.faults.strikes('rebalance')) options.group.rebalance();
    // A member hears of a rebalance with its next heartbeat, not at once.
    if (engine.random.chance(0.3)) await consumer.rejoin();
    const worked = await consumer.round();
    if (!worked) await engine.sleep(engine.random.int(...IDLE_MS));
  }
}

class Consumer {
  readonly #world: World;
  readonly #options: ConsumerOptions;
  readonly #at = new Map<number, bigint>();
  /** Partitions whose first batch after the takeover, with its proof of the log, is still to come. */
  readonly #fresh = new Set<number>();
  readonly #signal = new AbortController().signal;

  constructor(world: World, options: ConsumerOptions) {
    this.#world = world;
    this.#options = options;
  }

  async rejoin(): Promise<void> {
    const { driver, group, member } = this.#options;
    const wanted = group.of(member);
    const held = [...this.#at.keys()];
    if (held.length === wanted.length && held.every((partition) => wanted.includes(partition))) return;
    driver.forget();
    this.#at.clear();
    for (const partition of wanted) await this.#takeOver(partition);
  }

  async #takeOver(partition: number): Promise<void> {
    const { driver, topic } = this.#options;
    const seeks = await driver.takeOver([partition], async () => this.#world.log.bounds(topic));
    this.#at.set(partition, seeks.get(partition)!);
    this.#fresh.add(partition);
  }

  /** @returns false when there was nothing to read */
  async round(): Promise<boolean> {
    const { engine, log } = this.#world;
    const { topic } = this.#options;
    const ready = [...this.#at].filter(([partition, at]) => log.read(topic, partition, at, 1).length > 0);
    if (ready.length === 0) return false;
    const [partition, at] = engine.random.pick(ready);
    const again = !this.#fresh.has(partition) && engine.faults.strikes('refetch');
    const from = again && at > 2n ? at - 2n : at;
    const records = log.read(topic, partition, from, engine.random.int(1, MAX_BATCH));
    await engine.turn(`fetched ${records.length} of ${topic} ${partition} from ${from}`);
    await this.#process(partition, records);
    return true;
  }

  async #process(partition: number, records: ReturnType<World['log']['read']>): Promise<void> {
    const { engine } = this.#world;
    const { driver, topic, commit, group, member } = this.#options;
    const outcome = await driver.process({ topic, partition, records }, this.#signal);
    this.#fresh.delete(partition);
    if (outcome === 'fenced') {
      engine.note(`fenced on ${topic} ${partition}`);
      this.#at.delete(partition);
      return;
    }
    if (outcome === 'below') {
      await this.#takeOver(partition);
      return;
    }
    const next = records.at(-1)!.offset + 1n;
    const before = this.#at.get(partition)!;
    this.#at.set(partition, next > before ? next : before);
    if (!commit) return;
    await engine.turn(`commit ${topic} ${partition} ${next}`);
    // The broker refuses a member of an older generation; whoever reads now begins where the group stands.
    if (group.of(member).includes(partition)) commit(partition, next);
    else engine.note(`commit refused: ${topic} ${partition} has another reader`);
  }
}

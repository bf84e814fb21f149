/**
 * One member of a consumer group: takes partitions over, fetches, hands batches to the real driver. What Kafka does to
 * a consumer happens here: late notice of a rebalance, being put out of the group, repeated and late fetches, batches
 * of any size.
 */
import type { PartitionDriver } from '../../../processors/runtime/partition-driver.ts';
import type { TopicName } from '../../../schemas/topology.ts';
import { bellOf } from '../log.ts';
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

/** Between two fetches of which the first found nothing; a new record ends the wait. */
const IDLE_MS = [8_000, 30_000] as const;
const MAX_BATCH = 20;
/** How far below the position a fetch may begin. */
const AGAIN = 2n;
const FAR_BACK = 40n;
/** A member that is not heard of for so long is put out. */
const SESSION_MS = 30_000;
/** How long the one that is out, or does not listen, goes on without knowing. */
const DEAF_MS = [20_000, 150_000] as const;
const SLOW_MS = [5_000, 90_000] as const;

export async function runConsumer(world: World, options: ConsumerOptions): Promise<never> {
  const { engine } = world;
  const { group, member } = options;
  const { faults } = engine;
  const consumer = new Consumer(world, options);
  for (let deafUntil = 0; ; ) {
    if (faults.strikes('rebalance')) group.rebalance(faults.chanceOf('rebalance').int(1, 4));
    if (faults.strikes('membership')) {
      engine.note(`${member} is put out of its group`);
      group.leave(member);
      deafUntil = engine.clock.elapsed + faults.chanceOf('membership').int(...DEAF_MS);
    }
    if (faults.strikes('zombie')) {
      deafUntil = engine.clock.elapsed + faults.chanceOf('zombie').int(...DEAF_MS);
      engine.note(`${member} does not hear of rebalances`);
    }
    // A member hears of a rebalance with its next heartbeat, not at once.
    if (engine.clock.elapsed >= deafUntil && engine.random.chance(0.6)) await consumer.rejoin();
    const worked = await consumer.round();
    await consumer.commitLeft();
    if (!worked) await engine.sleep(engine.random.int(...IDLE_MS), (bell) => consumer.hears(bell));
  }
}

class Consumer {
  readonly #world: World;
  readonly #options: ConsumerOptions;
  readonly #at = new Map<number, bigint>();
  /** Partitions whose first batch after the takeover, with its proof of the log, is still to come. */
  readonly #fresh = new Set<number>();
  /** What this member last committed. */
  readonly #committed = new Map<number, bigint>();
  readonly #signal = new AbortController().signal;
  #heardAt: number;

  constructor(world: World, options: ConsumerOptions) {
    this.#world = world;
    this.#options = options;
    this.#heardAt = world.engine.clock.elapsed;
  }

  hears(bell: string): boolean {
    const { topic } = this.#options;
    return (
      bell.startsWith(topic) && [...this.#at.keys()].some((partition) => bell === bellOf(topic, partition))
    );
  }

  async rejoin(): Promise<void> {
    const { driver, group, member } = this.#options;
    const { engine, log } = this.#world;
    if (log.way !== undefined) {
      if (engine.clock.elapsed - this.#heardAt > SESSION_MS) group.leave(member);
      return;
    }
    this.#heardAt = engine.clock.elapsed;
    if (!group.has(member)) group.join(member);
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

  /** What a refused commit or a rebalance left: no later batch may make up for it. */
  async commitLeft(): Promise<void> {
    const { commit, driver } = this.#options;
    if (!commit) return;
    for (const partition of [...driver.movedPartitions()]) {
      const next = driver.nextOffset(partition);
      if (next !== null && next !== this.#committed.get(partition)) await this.#commit(partition, next);
    }
  }

  /** @returns false when there was nothing to read */
  async round(): Promise<boolean> {
    const { engine, log } = this.#world;
    const { topic } = this.#options;
    if (log.way !== undefined) return false;
    const ready = [...this.#at].filter(([partition, at]) => log.read(topic, partition, at, 1).length > 0);
    if (ready.length === 0) return false;
    const [partition, at] = engine.random.pick(ready);
    const back = this.#fresh.has(partition) ? 0n : this.#back();
    const from = at > back ? at - back : 0n;
    const records = log.read(topic, partition, from, engine.random.int(1, MAX_BATCH));
    const first = records[0]?.offset;
    const slow = engine.faults.strikes('slow-fetch');
    await engine.turn(
      `fetched ${records.length} of ${topic} ${partition} from ${first}`,
      slow ? engine.faults.chanceOf('slow-fetch').int(...SLOW_MS) : 0,
    );
    await this.#process(partition, records);
    return true;
  }

  #back(): bigint {
    const { faults } = this.#world.engine;
    if (faults.strikes('far-back')) return FAR_BACK;
    return faults.strikes('refetch') ? AGAIN : 0n;
  }

  async #process(partition: number, records: ReturnType<World['log']['read']>): Promise<void> {
    const { engine } = this.#world;
    const { driver, topic } = this.#options;
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
    await this.#commit(partition, next);
  }

  async #commit(partition: number, next: bigint): Promise<void> {
    const { engine, log } = this.#world;
    const { topic, commit, group, member } = this.#options;
    if (!commit) return;
    await engine.turn(`commit ${topic} ${partition} ${next}`);
    // The broker refuses a member of an older generation; whoever reads now begins where the group stands.
    if (log.way !== undefined || !group.of(member).includes(partition)) {
      engine.note(`commit refused: ${topic} ${partition} has another reader`);
      return;
    }
    commit(partition, next);
    this.#committed.set(partition, next);
    if (!engine.faults.strikes('commit-back')) return;
    const { start } = log.bounds(topic).get(partition)!;
    const lower = engine.faults.chanceOf('commit-back').int(Number(start), Number(next));
    engine.note(`the committed offset of ${topic} ${partition} goes back to ${lower}`);
    commit(partition, BigInt(lower));
  }
}

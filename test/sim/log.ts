/** Kafka as far as the simulation needs it: topics with partitions and offsets, and committed offsets per group. */
import type { LogRecord } from '../../processors/runtime/log-record.ts';
import type { OutRecord, Publisher } from '../../processors/runtime/publisher.ts';
import type { LogBounds } from '../../processors/runtime/takeover.ts';
import { partitionOf } from '../../schemas/partition.ts';
import { TOPICS, type TopicName } from '../../schemas/topology.ts';
import type { Watch } from './audit/watch.ts';
import { type Engine, SimProcess } from './engine.ts';
import type { Links } from './links.ts';
import type { Random } from './random.ts';

/** Rings when there is a new record in a partition. */
export function bellOf(topic: string, partition: number): string {
  return `${topic} ${partition}`;
}

export class SimLog {
  readonly #topics = new Map<string, LogRecord[][]>();
  readonly #committed = new Map<string, Map<number, bigint>>();
  readonly #engine: Engine;
  readonly #links: Links;
  readonly #watch: Watch;
  readonly #reached = new Map<string, bigint>();
  /** First offset still kept, by topic and partition. */
  readonly #starts = new Map<string, number>();

  constructor(engine: Engine, links: Links, watch: Watch) {
    this.#engine = engine;
    this.#links = links;
    this.#watch = watch;
    for (const [name, spec] of Object.entries(TOPICS)) {
      this.#topics.set(
        name,
        Array.from({ length: spec.partitions }, () => []),
      );
    }
  }

  /** @throws Error for a topic that does not exist */
  append(record: OutRecord): void {
    const { topic, key, value, headers } = record;
    const partitions = this.#partitions(topic);
    const index = partitionOf(key, partitions.length);
    const partition = partitions[index]!;
    partition.push({
      offset: BigInt(partition.length),
      key,
      value,
      headers,
      timestamp: this.#engine.clock.now(),
    });
    this.#watch.appended(record);
    this.#engine.ring(bellOf(topic, index));
  }

  /** From `from`, or from the first record still kept. */
  read(topic: TopicName, partition: number, from: bigint, max: number): LogRecord[] {
    const records = this.#partitions(topic)[partition] ?? [];
    const first = Math.max(Number(from), this.#start(topic, partition));
    return records.slice(first, first + max);
  }

  /** Every record there ever was: the auditor's copy, which no retention touches. */
  all(topic: TopicName): LogRecord[] {
    return this.#partitions(topic).flat();
  }

  /** The same of one partition. */
  whole(topic: TopicName, partition: number): readonly LogRecord[] {
    return this.#partitions(topic)[partition] ?? [];
  }

  bounds(topic: TopicName): Map<number, LogBounds> {
    return new Map(
      this.#partitions(topic).map((records, index) => [
        index,
        { start: BigInt(this.#start(topic, index)), end: BigInt(records.length) },
      ]),
    );
  }

  /** Retention: what stands before `start` is gone. */
  expire(topic: TopicName, partition: number, start: bigint): void {
    this.#starts.set(`${topic} ${partition}`, Number(start));
  }

  #start(topic: string, partition: number): number {
    return this.#starts.get(`${topic} ${partition}`) ?? 0;
  }

  /** How the process that runs now reaches the log. */
  get way(): ReturnType<Links['of']> {
    return this.#links.of(this.#engine.runs ?? '', 'log');
  }

  committed(group: string): ReadonlyMap<number, bigint> {
    return this.#committed.get(group) ?? new Map();
  }

  commit(group: string, partition: number, offset: bigint): void {
    const offsets = this.#committed.get(group) ?? new Map<number, bigint>();
    this.#committed.set(group, offsets.set(partition, offset));
    const key = `${group} ${partition}`;
    if (offset > (this.#reached.get(key) ?? 0n)) this.#reached.set(key, offset);
  }

  /** The highest offset that a group ever committed, wherever its committed offset stands now. */
  reached(group: string, partition: number): bigint {
    return this.#reached.get(`${group} ${partition}`) ?? 0n;
  }

  #partitions(topic: string): LogRecord[][] {
    const partitions = this.#topics.get(topic);
    if (!partitions) throw new Error(`topic ${topic} does not exist`);
    return partitions;
  }
}

/** What a producer sees when it does not know how much of its batch is in the log. */
export class PublishUnknown extends Error {
  override name = 'PublishUnknown';
}

/** A publisher gives up after this long. */
const GIVE_UP_MS = 2_000;

/**
 * Each call is one step; a failed one may have written nothing, some or all of its records, in order; or all of them
 * much later, when they were long sent again.
 */
export function simPublisher(engine: Engine, log: SimLog): Publisher {
  return {
    depth: 0,
    close: async () => undefined,
    publish: async (records) => {
      if (records.length === 0) return;
      await engine.turn(
        `publish ${records.length} to ${[...new Set(records.map((record) => record.topic))].join(' ')}`,
      );
      if (log.way !== undefined) {
        if (log.way === 'answer') for (const record of records) log.append(record);
        await engine.turn('no answer from the log', GIVE_UP_MS);
        throw new PublishUnknown('the brokers are not reached');
      }
      if (engine.faults.strikes('publish-late')) {
        appendLater(engine, log, records, engine.faults.chanceOf('publish-late'));
        throw new PublishUnknown('no answer from the brokers');
      }
      const fails = engine.faults.strikes('publish');
      const count = fails ? engine.random.int(0, records.length) : records.length;
      for (const record of records.slice(0, count)) log.append(record);
      if (!fails) return;
      engine.note(`publish lost its answer after ${count} of ${records.length}`);
      throw new PublishUnknown('no answer from the brokers');
    },
  };
}

/** What was given up arrives all the same, behind whatever was published in the meantime. */
function appendLater(engine: Engine, log: SimLog, records: readonly OutRecord[], random: Random): void {
  const afterMs = random.int(200, 30_000);
  const count = random.int(1, records.length);
  engine.note(`publish lost its answer; ${count} of ${records.length} arrive in ${afterMs} ms`);
  engine.spawn(new SimProcess('world'), 'late publish', async () => {
    await engine.sleep(afterMs);
    for (const record of records.slice(0, count)) log.append(record);
  });
}

/** Kafka as far as the simulation needs it: topics with partitions and offsets, and committed offsets per group. */
import type { LogRecord } from '../../processors/runtime/log-record.ts';
import type { OutRecord, Publisher } from '../../processors/runtime/publisher.ts';
import type { LogBounds } from '../../processors/runtime/takeover.ts';
import { partitionOf } from '../../schemas/partition.ts';
import { TOPICS, type TopicName } from '../../schemas/topology.ts';
import type { Engine } from './engine.ts';

export class SimLog {
  readonly #topics = new Map<string, LogRecord[][]>();
  readonly #committed = new Map<string, Map<number, bigint>>();
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
    for (const [name, spec] of Object.entries(TOPICS)) {
      this.#topics.set(
        name,
        Array.from({ length: spec.partitions }, () => []),
      );
    }
  }

  /** @throws Error for a topic that does not exist */
  append({ topic, key, value, headers }: OutRecord): void {
    const partitions = this.#partitions(topic);
    const partition = partitions[partitionOf(key, partitions.length)]!;
    partition.push({
      offset: BigInt(partition.length),
      key,
      value,
      headers,
      timestamp: this.#engine.clock.now(),
    });
  }

  read(topic: TopicName, partition: number, from: bigint, max: number): LogRecord[] {
    const records = this.#partitions(topic)[partition] ?? [];
    return records.slice(Number(from), Number(from) + max);
  }

  all(topic: TopicName): LogRecord[] {
    return this.#partitions(topic).flat();
  }

  bounds(topic: TopicName): Map<number, LogBounds> {
    return new Map(
      this.#partitions(topic).map((records, index) => [index, { start: 0n, end: BigInt(records.length) }]),
    );
  }

  committed(group: string): ReadonlyMap<number, bigint> {
    return this.#committed.get(group) ?? new Map();
  }

  commit(group: string, partition: number, offset: bigint): void {
    const offsets = this.#committed.get(group) ?? new Map<number, bigint>();
    this.#committed.set(group, offsets.set(partition, offset));
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

/** Each call is one step; a failed one may have written nothing, some or all of its records, in order. */
export function simPublisher(engine: Engine, log: SimLog): Publisher {
  return {
    depth: 0,
    close: async () => undefined,
    publish: async (records) => {
      if (records.length === 0) return;
      await engine.turn(
        `publish ${records.length} to ${[...new Set(records.map((record) => record.topic))].join(' ')}`,
      );
      const fails = engine.faults.strikes('publish');
      const count = fails ? engine.random.int(0, records.length) : records.length;
      for (const record of records.slice(0, count)) log.append(record);
      if (!fails) return;
      engine.note(`publish lost its answer after ${count} of ${records.length}`);
      throw new PublishUnknown('no answer from the brokers');
    },
  };
}

/** How far a group is behind, in records and in seconds of the oldest record that it has not processed. */
import type { Kafka } from './kafka.ts';

export interface Lag {
  readonly records: bigint;
  /** 0 when nothing waits. Found by bisection over record timestamps, to a tenth of a second. */
  readonly seconds: number;
}

type Admin = ReturnType<Kafka['admin']>;

const LONGEST_MS = 90 * 24 * 60 * 60 * 1_000;

/** @param positions offset after the last processed record by partition; a partition that is missing stands at its start */
export async function lagOf(
  admin: Admin,
  topic: string,
  positions: ReadonlyMap<number, bigint>,
  now: Date,
): Promise<Lag> {
  const bounds = await admin.fetchTopicOffsets(topic);
  const behind = new Map<number, bigint>();
  let records = 0n;
  for (const { partition, low, high } of bounds) {
    const next = positions.get(partition) ?? BigInt(low);
    if (BigInt(high) > next) {
      behind.set(partition, next);
      records += BigInt(high) - next;
    }
  }
  if (behind.size === 0) return { records, seconds: 0 };
  return { records, seconds: (await oldestAgeMs(admin, topic, behind, now)) / 1_000 };
}

/** The largest age for which some record at or after its position is that old. */
async function oldestAgeMs(
  admin: Admin,
  topic: string,
  behind: ReadonlyMap<number, bigint>,
  now: Date,
): Promise<number> {
  let young = 0;
  let old = LONGEST_MS;
  while (old - young > Math.max(100, young / 50)) {
    const age = young === 0 ? Math.min(old / 2, 1_000 * 60) : (young + old) / 2;
    // Offsets of the first records that are younger than this age: above the position means that an older one waits.
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, now.getTime() - Math.floor(age));
    const waits = found.some(
      ({ partition, offset }) => BigInt(offset) > (behind.get(partition) ?? BigInt(offset)),
    );
    if (waits) young = age;
    else old = age;
  }
  return young === 0 ? old : young;
}

/** Offsets that a stateless group committed; none where it has not committed yet. */
export async function committedOffsets(
  admin: Admin,
  groupId: string,
  topic: string,
): Promise<Map<number, bigint>> {
  const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const known = (answer?.partitions ?? []).filter(({ offset }) => !offset.startsWith('-'));
  return new Map(known.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

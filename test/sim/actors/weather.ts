/** What happens to wires and machines: links cut one by one and restored in another order, servers away, wrong clocks. */
import { TOPIC } from '../../../schemas/topology.ts';
import type { Engine } from '../engine.ts';
import { type Cut, Links, type Service } from '../links.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';
import { contradict, sendOddBodies } from './odd-bodies.ts';

/** Everything begins while payments are under way, virtual ms. */
const WITHIN_MS = 260_000;

/** A record that nobody of ours wrote: it has no event id. */
const POISON = { headers: {} } as const;

export interface Weather {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** @param processes names of the roles, whose clocks can go wrong */
export function weatherOf(world: World, processes: readonly string[]): Weather[] {
  return [
    { name: 'clog', run: () => clog(world) },
    { name: 'database away', run: () => away(world, 'database-away', 'database') },
    { name: 'log away', run: () => away(world, 'log-away', 'log') },
    { name: 'skew', run: () => skew(world, processes) },
    { name: 'clocks', run: () => jumps(world, processes) },
    { name: 'retention', run: () => retention(world) },
    { name: 'poison', run: () => poison(world) },
    { name: 'odd bodies', run: () => sendOddBodies(world) },
    { name: 'contradictions', run: () => contradict(world) },
  ];
}

/** Swizzle-clog: a random set of links is cut one after the other, then restored one after the other. */
async function clog(world: World): Promise<void> {
  const { engine, links } = world;
  if (!engine.faults.strikes('clog')) return;
  const random = engine.faults.chanceOf('clog');
  for (let round = random.int(1, 2); round > 0; round--) {
    await engine.sleep(random.int(5_000, WITHIN_MS / 2));
    const chosen = random.shuffled(Links.all().filter(() => random.chance(0.4)));
    for (const link of chosen) {
      const how = howOf(random);
      links.cut(link, how);
      engine.note(`${link.kind} no longer reaches ${link.service}: the ${how} is lost`);
      await engine.sleep(random.int(0, 5_000));
    }
    await engine.sleep(random.int(1_000, 40_000));
    for (const link of random.shuffled(chosen)) {
      links.restore(link);
      engine.note(`${link.kind} reaches ${link.service} again`);
      await engine.sleep(random.int(0, 5_000));
    }
  }
}

function howOf(random: Random): Cut {
  return random.pick(['question', 'question', 'answer'] as const);
}

/** Nobody reaches it for a while. */
async function away(world: World, fault: 'database-away' | 'log-away', service: Service): Promise<void> {
  const { engine, links } = world;
  if (!engine.faults.strikes(fault)) return;
  const random = engine.faults.chanceOf(fault);
  await engine.sleep(random.int(5_000, WITHIN_MS));
  const all = Links.all().filter((link) => link.service === service);
  engine.note(`${service} is away`);
  for (const link of all) links.cut(link, 'question');
  await engine.sleep(random.int(10_000, 120_000));
  for (const link of all) links.restore(link);
  engine.note(`${service} is back`);
}

const MINUTE_MS = 60_000;

/** Machines whose clocks differ by up to ten minutes all the time. */
async function skew({ engine, clocks }: World, processes: readonly string[]): Promise<void> {
  if (!engine.faults.strikes('skew')) return;
  const random = engine.faults.chanceOf('skew');
  for (const process of processes) {
    const ms = random.chance(0.3) ? 0 : random.int(0, 20 * MINUTE_MS) - 10 * MINUTE_MS;
    clocks.set(process, ms);
    engine.note(`the clock of ${process} is ${ms} ms off`);
  }
}

/** One clock after the other jumps or stands still, and is set right again. */
async function jumps(world: World, processes: readonly string[]): Promise<void> {
  const { engine, clocks } = world;
  if (!engine.faults.strikes('clock-jump')) return;
  const random = engine.faults.chanceOf('clock-jump');
  for (let round = random.int(1, 4); round > 0; round--) {
    await engine.sleep(random.int(5_000, WITHIN_MS / 3));
    const process = random.pick(processes);
    disturb(engine, clocks, process, random);
    await engine.sleep(random.int(10_000, 120_000));
    clocks.mend(process);
    engine.note(`the clock of ${process} is right again`);
  }
}

function disturb(engine: Engine, clocks: World['clocks'], process: string, random: Random): void {
  if (random.chance(0.3)) {
    clocks.freeze(process);
    engine.note(`the clock of ${process} stands still`);
    return;
  }
  const minutes = random.pick([-180, -60, -10, -1, 1, 10, 30, 60]);
  clocks.set(process, minutes * MINUTE_MS);
  engine.note(`the clock of ${process} jumps by ${minutes} minutes`);
}

/** The first records of the log go, as far as everybody has read them. */
async function retention({ engine, log, plain }: World): Promise<void> {
  if (!engine.faults.strikes('retention')) return;
  const random = engine.faults.chanceOf('retention');
  for (let round = random.int(1, 3); round > 0; round--) {
    await engine.sleep(random.int(30_000, WITHIN_MS / 2));
    for (const [partition, offset] of log.committed('convert'))
      if (offset > 0n) log.expire(TOPIC.received, partition, BigInt(random.int(0, Number(offset))));
    const positions = await plain.query<{ part: number; next_offset: bigint }>(
      "SELECT part, next_offset FROM consumer_position WHERE grp = 'accumulate'",
    );
    for (const { part, next_offset } of positions)
      log.expire(TOPIC.valued, part, BigInt(random.int(0, Number(next_offset))));
    engine.note('retention removed what was read');
  }
}

/** Somebody else writes to our topics: bytes that are nothing, and what is true under the key of another client. */
async function poison({ engine, log, workload }: World): Promise<void> {
  if (!engine.faults.strikes('poison')) return;
  const random = engine.faults.chanceOf('poison');
  for (let round = random.int(2, 6); round > 0; round--) {
    await engine.sleep(random.int(5_000, WITHIN_MS / 3));
    const topic = random.pick([TOPIC.received, TOPIC.valued]);
    const key = String(random.pick(workload.clients).client_id);
    const others = log.all(topic).filter((record) => record.key !== key && record.key !== null);
    const value = others.length > 0 && random.chance(0.5) ? random.pick(others).value : undefined;
    log.append({ topic, key, value: value ?? Buffer.from(random.bytes(random.int(0, 60))), ...POISON });
    engine.note(`somebody writes ${value ? 'a record of another client' : 'nonsense'} to ${topic}`);
  }
}

/** convert, accumulate and the list of reconcile through their real drivers and handlers. */
import { Registry } from 'prom-client';
import { GROUP as ACCUMULATE, accumulateHandler } from '../../../processors/accumulate/wiring.ts';
import { GROUP as CONVERT, convertHandler } from '../../../processors/convert/wiring.ts';
import { quarantineHandler } from '../../../processors/reconcile/quarantine-wiring.ts';
import type { RetryTime } from '../../../processors/runtime/retry.ts';
import { StatefulDriver } from '../../../processors/runtime/stateful.ts';
import { StatelessDriver } from '../../../processors/runtime/stateless.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { simPublisher } from '../log.ts';
import { SETTINGS } from '../settings.ts';
import { CODEC, SILENT, type World } from '../world.ts';
import { runConsumer } from './consumer.ts';
import type { Group } from './group.ts';

const learnSchemas = async (): Promise<void> => undefined;

function retryTimeOf({ engine }: World): RetryTime {
  return { elapsed: () => engine.clock.elapsed, pause: (ms) => engine.sleep(ms) };
}

function counters(world: World): Registry {
  const registry = new Registry();
  world.counters.push(registry);
  return registry;
}

export function runConvert(world: World, group: Group, member: string): Promise<never> {
  const { engine, db, log, clocks } = world;
  const handler = convertHandler({
    db,
    codec: CODEC,
    clock: clocks,
    publisher: simPublisher(engine, log),
    settings: SETTINGS,
    metrics: counters(world),
    learnSchemas,
  });
  const driver = new StatelessDriver({
    log: SILENT,
    topic: TOPIC.received,
    committed: async () => log.committed(CONVERT),
    handler,
    retryTime: retryTimeOf(world),
  });
  const commit = (partition: number, offset: bigint) => log.commit(CONVERT, partition, offset);
  return runConsumer(world, { member, topic: TOPIC.received, group, driver, commit });
}

export function runAccumulate(world: World, group: Group, member: string): Promise<never> {
  const { db, clocks: clock } = world;
  const handler = accumulateHandler({
    db,
    codec: CODEC,
    clock,
    settings: SETTINGS,
    metrics: counters(world),
    learnSchemas,
  });
  const driver = new StatefulDriver({
    db,
    clock,
    log: SILENT,
    group: ACCUMULATE,
    topic: TOPIC.valued,
    owner: member,
    handler,
    retryTime: retryTimeOf(world),
  });
  return runConsumer(world, { member, topic: TOPIC.valued, group, driver });
}

const RECONCILE = 'reconcile';

/** What was parked, in the table that people read. */
export function runList(world: World, group: Group, member: string): Promise<never> {
  const { db, clocks: clock } = world;
  const handler = quarantineHandler({ db, codec: CODEC, clock, log: SILENT, learnSchemas });
  const driver = new StatefulDriver({
    db,
    clock,
    log: SILENT,
    group: RECONCILE,
    topic: TOPIC.quarantine,
    owner: member,
    handler,
    retryTime: retryTimeOf(world),
  });
  return runConsumer(world, { member, topic: TOPIC.quarantine, group, driver });
}

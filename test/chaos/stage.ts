/** One run's stack with a killer for each role: real servers, simulators, and every role as a process of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createKafka, type Kafka } from '../../processors/runtime/kafka.ts';
import { createLogger } from '../../processors/runtime/logger.ts';
import { DEMO_NEEDS, openWorld, type World } from '../../sandbox/demo/world.ts';
import { remove } from '../../sandbox/files.ts';
import { homeLayout } from '../../sandbox/home.ts';
import { ownPaths } from '../../sandbox/instance.ts';
import { AlreadyRunning, type Stack, startStack } from '../../sandbox/stack.ts';
import { pause } from '../../sandbox/wait.ts';
import { readSettings } from '../../schemas/settings.ts';
import { PROCESSORS, ROLE_NAMES, type RoleName } from '../../schemas/topology.ts';
import type { Random } from '../sim/random.ts';
import { Killer } from './killer.ts';
import type { Tally } from './tally.ts';

/** Times that a test can wait for. The session timeout is the shortest that the broker takes. */
const SETTINGS = {
  KAFKA_SESSION_TIMEOUT: '6s',
  MISSED_AFTER: '20s',
  MISSED_UNTIL: '30m',
  PARTIAL_AFTER: '5s',
};
const RESTART_AFTER_MS = 100;
const SLOTS = 20;
const LEASE_MS = 30_000;

export interface Stage {
  readonly stack: Stack;
  readonly world: World;
  readonly kafka: Kafka;
  readonly killers: Readonly<Record<RoleName, Killer>>;
  /** Folder of the logs. */
  readonly logs: string;
  /** Makes work of these kinds due now: the waiting between two looks is cut short, nothing else. */
  hurry(kinds: readonly string[]): Promise<void>;
  close(keep: boolean): Promise<void>;
}

export interface StageDeps {
  readonly random: Random;
  readonly tally: Tally;
  readonly fail: (what: string) => void;
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

/** @throws when the stack does not start */
export async function openStage(deps: StageDeps): Promise<Stage> {
  const { random, tally, fail } = deps;
  let stack: Stack | null = null;
  let world: World | null = null;
  const onDeath = (role: RoleName, at: Date): void => {
    if (world) void endLeases(world, role, at);
  };
  const make = (role: RoleName, home: string): Killer =>
    new Killer({
      role,
      random,
      tally,
      fail,
      onDeath,
      log: join(homeLayout(home).logs, `${role}.log`),
      signal: (signal) => stack!.kill(role, signal),
    });
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const home = `${ownPaths().home}-chaos-${slot}`;
    const killers = Object.fromEntries(
      ROLE_NAMES.map((role) => [role, make(role, home)]),
    ) as Stage['killers'];
    try {
      remove(homeLayout(home).logs);
      stack = await startStack({
        home,
        ephemeral: true,
        env: SETTINGS,
        signal: deps.signal,
        killing: {
          restartAfter_ms: RESTART_AFTER_MS,
          envOfStart: (role) => killers[role].envOfStart(),
        },
        onEvent: (event) => {
          if (event.kind === 'note') deps.note(event.text);
          else if (event.service.name in killers)
            killers[event.service.name as RoleName].changed(event.service);
        },
      });
    } catch (error) {
      if (error instanceof AlreadyRunning) continue;
      throw error;
    }
    world = await openWorld(readSettings(stack.env, DEMO_NEEDS, (path) => readFileSync(path, 'utf8')));
    return stageOf(stack, world, killers, home);
  }
  throw new Error(`${SLOTS} chaos runs are under way already; wait for one of them`);
}

function stageOf(stack: Stack, world: World, killers: Stage['killers'], home: string): Stage {
  const log = createLogger({ role: 'chaos', level: 'silent' });
  return {
    stack,
    world,
    killers,
    logs: homeLayout(home).logs,
    kafka: createKafka({ brokers: stack.env.KAFKA_BROKERS!.split(','), clientId: 'chaos', log }),
    hurry: (kinds) => hurry(world, kinds),
    async close(keep) {
      for (const killer of Object.values(killers)) killer.stop();
      await world.close();
      await stack.stop();
      if (!keep) remove(home);
    },
  };
}

const HURRY = `WITH hurried AS (UPDATE intents SET due_at = $2::timestamptz
    WHERE kind = ANY($1::text[]) AND state = 'due' AND due_at > $2::timestamptz RETURNING 1)
  SELECT pg_notify('intents', '') FROM (SELECT count(*) FROM hurried) h`;

async function hurry(world: World, kinds: readonly string[]): Promise<void> {
  await world.db.query(HURRY, [`{${kinds.join(',')}}`, new Date()]).catch(ignoreAbsence);
}

/** While PostgreSQL is killed, what only speeds a run up is left out. */
const ignoreAbsence = (): void => undefined;

const END_LEASES = `UPDATE intents SET lease_until = $2::timestamptz
  WHERE kind = ANY($1::text[]) AND state = 'leased' AND lease_until > $2::timestamptz AND lease_until <= $3::timestamptz`;

/**
 * The leases of a process that is dead for certain end at once instead of after 30 s each: a thousand kills would
 * otherwise mostly wait. Leases that end by themselves are what the zombies wait for.
 */
async function endLeases(world: World, role: RoleName, at: Date): Promise<void> {
  const kinds = intentKindsOf(role);
  if (kinds.length === 0) return;
  const lastOfDead = new Date(at.getTime() + LEASE_MS);
  await world.db.query(END_LEASES, [`{${kinds.join(',')}}`, at, lastOfDead]).catch(ignoreAbsence);
}

export function intentKindsOf(role: RoleName): string[] {
  return Object.values(PROCESSORS)
    .filter((spec) => spec.role === role)
    .flatMap((spec) => spec.intents);
}

/** @returns what the condition returned once it is neither false, null nor undefined. @throws with what it waited for */
export async function eventually<T>(
  what: string | (() => string),
  condition: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  limitMs: number,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value;
    if (performance.now() > end) {
      throw new Error(`not within ${limitMs / 1_000} s: ${typeof what === 'string' ? what : what()}`);
    }
    await pause(150);
  }
}

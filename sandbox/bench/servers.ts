/**
 * The servers that a benchmark runs against: those of the environment (KAFKA_BROKERS and the like), or fresh ones of
 * its own that nobody else loads, with topics and schemas under a prefix of this run.
 */
import { randomBytes } from 'node:crypto';
import { remove } from '../files.ts';
import { CHECKOUT, ownPaths } from '../instance.ts';
import { runOwnCommand } from '../programs.ts';
import { startStack } from '../stack.ts';

export interface BenchServers {
  /** Settings that reach them: KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL, TOPIC_PREFIX and this process's own. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const NEEDED = ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'DATABASE_URL'] as const;

/** Starts or finds the servers and makes the topics. @throws one line that names the part that failed */
export async function startBenchServers(note: (text: string) => void): Promise<BenchServers> {
  const own = ownEnvironment();
  const given = NEEDED.every((name) => own[name]);
  const found = given ? { env: own, stop: async () => undefined } : await startOwn(own, note);
  const env = { ...found.env, TOPIC_PREFIX: `bench${randomBytes(4).toString('hex')}.` };
  try {
    await runOwnCommand(['topics', 'apply'], env);
  } catch (error) {
    await found.stop();
    throw error;
  }
  return { env, stop: found.stop };
}

async function startOwn(
  own: Readonly<Record<string, string>>,
  note: (text: string) => void,
): Promise<BenchServers> {
  note('starting Kafka, registry and PostgreSQL of their own for this benchmark');
  const home = `${ownPaths().home}-bench-${process.pid}`;
  const stack = await startStack({ home, ephemeral: true, only: ['kafka', 'registry', 'postgres'] });
  return {
    env: { ...own, ...stack.env },
    stop: async () => {
      await stack.stop();
      remove(home);
    },
  };
}

function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** The root of the checkout, where child processes run. */
export const BENCH_CWD = CHECKOUT;

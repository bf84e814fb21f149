/** What each topic must look like, and how a topic that exists differs from it. Pure; admin.ts asks and tells Kafka. */
import { TOPIC_NAMES, TOPICS, type TopicName } from '../../schemas/topology.ts';

export interface WantedTopic {
  readonly topic: TopicName;
  /** With the prefix. */
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface FoundTopic {
  /** Number of replicas of each partition. */
  readonly replicas: readonly number[];
  /** Effective configuration. */
  readonly config: Readonly<Record<string, string>>;
}

export interface TopicCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

const MAX_REPLICATION = 3;

/**
 * @param brokers how many brokers the cluster has
 * @param retentionMs per topic, -1 = for ever
 */
export function wantedTopics(
  prefix: string,
  brokers: number,
  retentionMs: (topic: TopicName) => number,
): WantedTopic[] {
  const replication = Math.min(MAX_REPLICATION, Math.max(1, brokers));
  return TOPIC_NAMES.map((topic) => ({
    topic,
    name: `${prefix}${topic}`,
    partitions: TOPICS[topic].partitions,
    replication,
    config: {
      'cleanup.policy': TOPICS[topic].cleanup,
      'retention.ms': String(retentionMs(topic)),
      // A size limit of the broker's would silently delete what is kept by time.
      'retention.bytes': '-1',
      // One replica may be away without stopping us; an acknowledged record is then still on two.
      'min.insync.replicas': String(Math.max(1, replication - 1)),
      'unclean.leader.election.enable': 'false',
    },
  }));
}

/** The entries of the wanted configuration that are not so; empty when all are. */
export function differingConfig(wanted: WantedTopic, found: FoundTopic): Record<string, string> {
  return Object.fromEntries(
    Object.entries(wanted.config).filter(([key, value]) => found.config[key] !== value),
  );
}

/** Why the partitions of a topic that exists can't be used, or undefined; they are never changed. */
export function partitionProblem(wanted: WantedTopic, found: FoundTopic): string | undefined {
  if (found.replicas.length === wanted.partitions) return undefined;
  return (
    `${wanted.name} has ${found.replicas.length} partitions instead of ${wanted.partitions}: ` +
    'the order per client depends on the count, so a wider topic must be a new one'
  );
}

/** Everything that must be so of one topic, each with its result; found undefined = it does not exist. */
export function checkTopic(wanted: WantedTopic, found: FoundTopic | undefined): TopicCheck[] {
  if (!found)
    return [{ name: `topic ${wanted.name}`, ok: false, detail: 'missing: run spillway topics apply' }];
  const problem = partitionProblem(wanted, found);
  const fewest = Math.min(...found.replicas);
  const checks: TopicCheck[] = [
    {
      name: `topic ${wanted.name} partitions`,
      ok: problem === undefined,
      detail: problem ?? `${wanted.partitions}`,
    },
    {
      name: `topic ${wanted.name} replication`,
      // More is fine: a broker may be away just now.
      ok: fewest >= wanted.replication,
      detail: fewest >= wanted.replication ? `${fewest}` : `${fewest} instead of ${wanted.replication}`,
    },
  ];
  for (const [key, value] of Object.entries(wanted.config)) {
    const has = found.config[key] ?? 'not set';
    const ok = has === value;
    checks.push({
      name: `topic ${wanted.name} ${key}`,
      ok,
      detail: ok ? value : `${has} instead of ${value}`,
    });
  }
  return checks;
}

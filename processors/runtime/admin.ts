/**
 * Creates and checks the topics of schemas/topology.ts. Creates what is missing and mends configuration; never
 * changes a partition count. Nothing is ever deleted here.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { TopicName } from '../../schemas/topology.ts';
import { createKafka, type KafkaOptions } from './kafka.ts';
import {
  checkTopic,
  differingConfig,
  type FoundTopic,
  partitionProblem,
  type TopicCheck,
  type WantedTopic,
  wantedTopics,
} from './topic-plan.ts';

export interface TopicsOptions {
  readonly kafka: KafkaOptions;
  readonly prefix: string;
  /** Milliseconds per topic, -1 = for ever. */
  readonly retentionMs: (topic: TopicName) => number;
}

export interface TopicChange {
  readonly topic: string;
  readonly change: 'created' | 'configured' | 'unchanged';
  readonly detail: string;
}

export class TopicsError extends Error {
  override name = 'TopicsError';
}

const CREATE_TIMEOUT_MS = 30_000;
const EFFECT_TIMEOUT_MS = 15_000;
const EFFECT_POLL_MS = 100;
/** ConfigResourceTypes.TOPIC of kafkajs, which Node can't import by name from its CommonJS file. */
const TOPIC_RESOURCE = 2;
/** Of DescribeConfigs: set on the topic itself, not inherited from the broker or a default. */
const SOURCE_TOPIC = 1;

interface Existing extends FoundTopic {
  /** Only what is set on the topic itself. */
  readonly own: Readonly<Record<string, string>>;
}

/**
 * Creates missing topics and mends differing configuration; a second run changes nothing.
 * @throws TopicsError before anything is changed, when a topic has another partition count
 */
export function applyTopics(options: TopicsOptions): Promise<TopicChange[]> {
  return withAdmin(options, async (admin, wanted) => {
    const found = await findTopics(admin, wanted);
    const problems = wanted.flatMap((topic) => {
      const existing = found.get(topic.name);
      return existing ? (partitionProblem(topic, existing) ?? []) : [];
    });
    if (problems.length > 0) throw new TopicsError(problems.join('; '));
    const missing = wanted.filter((topic) => !found.has(topic.name));
    if (missing.length > 0) await createTopics(admin, missing);
    const changes: TopicChange[] = missing.map((topic) => ({
      topic: topic.name,
      change: 'created',
      detail: `${topic.partitions} partitions, ${topic.replication} replicas`,
    }));
    for (const topic of wanted) {
      const existing = found.get(topic.name);
      if (existing) changes.push(await mendConfig(admin, topic, existing));
    }
    if (changes.some(({ change }) => change !== 'unchanged')) await waitForEffect(admin, wanted);
    return changes;
  });
}

/** Every check of every topic; changes nothing. */
export function verifyTopics(options: TopicsOptions): Promise<TopicCheck[]> {
  return withAdmin(options, async (admin, wanted) => {
    const found = await findTopics(admin, wanted);
    return wanted.flatMap((topic) => checkTopic(topic, found.get(topic.name)));
  });
}

async function withAdmin<T>(
  options: TopicsOptions,
  work: (admin: Admin, wanted: WantedTopic[]) => Promise<T>,
): Promise<T> {
  const admin = createKafka(options.kafka).admin();
  await admin.connect();
  try {
    const { brokers } = await admin.describeCluster();
    return await work(admin, wantedTopics(options.prefix, brokers.length, options.retentionMs));
  } finally {
    await admin.disconnect();
  }
}

async function createTopics(admin: Admin, missing: readonly WantedTopic[]): Promise<void> {
  // False = somebody created one at the same moment; verify then says whether it is as it must be.
  await admin.createTopics({
    waitForLeaders: true,
    timeout: CREATE_TIMEOUT_MS,
    topics: missing.map((topic) => ({
      topic: topic.name,
      numPartitions: topic.partitions,
      replicationFactor: topic.replication,
      configEntries: Object.entries(topic.config).map(([name, value]) => ({ name, value })),
    })),
  });
}

/** AlterConfigs sets back to the default what it is not told, so what the topic has of its own is sent along. */
async function mendConfig(admin: Admin, wanted: WantedTopic, found: Existing): Promise<TopicChange> {
  const differing = differingConfig(wanted, found);
  const detail = Object.entries(differing)
    .map(([key, value]) => `${key} ${found.config[key] ?? 'not set'} -> ${value}`)
    .join(', ');
  if (detail === '') return { topic: wanted.name, change: 'unchanged', detail: '' };
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: TOPIC_RESOURCE,
        name: wanted.name,
        configEntries: Object.entries({ ...found.own, ...wanted.config }).map(([name, value]) => ({
          name,
          value,
        })),
      },
    ],
  });
  return { topic: wanted.name, change: 'configured', detail };
}

/** Brokers answer before they have applied a change; whoever comes next must find it done. */
async function waitForEffect(admin: Admin, wanted: readonly WantedTopic[]): Promise<void> {
  const deadline = performance.now() + EFFECT_TIMEOUT_MS;
  for (;;) {
    const found = await findTopics(admin, wanted);
    const open = wanted
      .flatMap((topic) => checkTopic(topic, found.get(topic.name)))
      .filter((check) => !check.ok);
    const [first] = open;
    if (first === undefined) return;
    if (performance.now() > deadline) {
      throw new TopicsError(`Kafka took the change, but after 15 s still: ${first.name}: ${first.detail}`);
    }
    await pause(EFFECT_POLL_MS);
  }
}

async function findTopics(admin: Admin, wanted: readonly WantedTopic[]): Promise<Map<string, Existing>> {
  const present = new Set(await admin.listTopics());
  const names = wanted.map((topic) => topic.name).filter((name) => present.has(name));
  if (names.length === 0) return new Map();
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: TOPIC_RESOURCE, name })),
  });
  const configs = new Map(resources.map((resource) => [resource.resourceName, resource.configEntries]));
  return new Map(
    topics.map((topic) => {
      const entries = configs.get(topic.name) ?? [];
      const own = entries.filter(
        (entry) => (entry as { configSource?: number }).configSource === SOURCE_TOPIC,
      );
      return [
        topic.name,
        {
          replicas: topic.partitions.map((partition) => partition.replicas.length),
          config: Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue])),
          own: Object.fromEntries(own.map((entry) => [entry.configName, entry.configValue])),
        },
      ];
    }),
  );
}

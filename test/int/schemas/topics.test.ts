/** Topics and schemas on a real broker and registry: made once, mended, and never widened or broken. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { applyTopics, type TopicsOptions, verifyTopics } from '../../../processors/runtime/admin.ts';
import { createLogger } from '../../../processors/runtime/logger.ts';
import { AVRO_SCHEMAS } from '../../../schemas/avro.ts';
import { createCodec } from '../../../schemas/codec.ts';
import { createRegistry, learnSchemas, openCodec, type Registry } from '../../../schemas/registry.ts';
import { TOPIC, TOPIC_NAMES, TOPICS } from '../../../schemas/topology.ts';
import { BARE, FULL, IDS } from '../../fixtures/topic-samples.ts';
import { freshPrefix, serverSettings } from '../setup/kafka.ts';

const run = promisify(execFile);
const prefix = freshPrefix();
let options: TopicsOptions;
let registry: Registry;

beforeAll(() => {
  const { kafka, registry: url } = inject('servers');
  const log = createLogger({ role: 'test', level: 'silent' });
  options = {
    kafka: { brokers: [kafka], clientId: 'test', log },
    prefix,
    retentionMs: (topic) => TOPICS[topic].retentionMs,
  };
  registry = createRegistry({ url, prefix });
});

/** What others do to our topics behind our back. */
async function withAdmin<T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: [inject('servers').kafka], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** The failed checks, once there are some: a broker answers before it has applied a change. */
function failing() {
  return vi.waitFor(
    async () => {
      const failed = (await verifyTopics(options)).filter((check) => !check.ok);
      expect(failed).not.toEqual([]);
      return failed;
    },
    { timeout: 15_000, interval: 50 },
  );
}

describe('topics', () => {
  it('apply creates all, verify agrees, a second apply changes nothing [failure 72]', async () => {
    const missing = await verifyTopics(options);
    expect(missing.map((check) => check.ok)).toEqual(TOPIC_NAMES.map(() => false));
    expect((await applyTopics(options)).map((change) => change.change)).toEqual(
      TOPIC_NAMES.map(() => 'created'),
    );
    expect((await verifyTopics(options)).filter((check) => !check.ok)).toEqual([]);
    expect(new Set((await applyTopics(options)).map((change) => change.change))).toEqual(
      new Set(['unchanged']),
    );
  });

  it('a changed setting is found and mended; what else was set on the topic stays', async () => {
    const name = `${prefix}${TOPIC.valued}`;
    await withAdmin((admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: 2,
            name,
            configEntries: [
              { name: 'retention.ms', value: '1000' },
              { name: 'max.message.bytes', value: '2000000' },
            ],
          },
        ],
      }),
    );
    const wrong = await failing();
    expect(wrong).toContainEqual({
      name: `topic ${name} retention.ms`,
      ok: false,
      detail: '1000 instead of -1',
    });
    const changes = await applyTopics(options);
    expect(changes.filter((change) => change.change === 'configured').map((change) => change.topic)).toEqual([
      name,
    ]);
    expect((await verifyTopics(options)).filter((check) => !check.ok)).toEqual([]);
    const { resources } = await withAdmin((admin) =>
      admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 2, name, configNames: ['max.message.bytes'] }],
      }),
    );
    expect(resources[0]?.configEntries[0]?.configValue).toBe('2000000');
  });

  it('another partition count is refused before anything is changed', async () => {
    const name = `${prefix}${TOPIC.conversions}`;
    await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic: name, count: 2 }] }));
    await failing();
    await expect(applyTopics(options)).rejects.toThrow(`${name} has 2 partitions instead of 1`);
    const failed = (await verifyTopics(options)).filter((check) => !check.ok);
    expect(failed.map((check) => check.name)).toEqual([`topic ${name} partitions`]);
  });
});

describe('schemas', () => {
  it('not registered: named, and nothing is registered by looking [failure 72]', async () => {
    await expect(openCodec(registry)).rejects.toThrow('run spillway topics apply');
    expect((await registry.verify()).every((check) => !check.ok)).toBe(true);
  });

  it('apply registers all under FULL_TRANSITIVE; a second apply gives the same ids', async () => {
    const ids = await registry.apply();
    expect(await registry.apply()).toEqual(ids);
    expect(await registry.ids()).toEqual(ids);
    expect((await registry.verify()).filter((check) => !check.ok)).toEqual([]);
    expect(await registry.schemaById(ids.payouts)).toEqual(AVRO_SCHEMAS.payouts);
  });

  it('a codec that does not know the id fetches it; an id of nobody stays unknown', async () => {
    const writer = await openCodec(registry);
    const bytes = writer.encode(TOPIC.payouts, FULL.payouts);
    const reader = createCodec(
      Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, 1_000_000 + IDS[topic]])) as typeof IDS,
    );
    const foreign = createCodec({ ...IDS, payouts: 2_000_000_000 }).encode(TOPIC.payouts, BARE.payouts);
    await learnSchemas(registry, reader, [bytes, foreign, null]);
    expect(reader.decode(TOPIC.payouts, bytes)).toEqual(FULL.payouts);
    expect(() => reader.decode(TOPIC.payouts, foreign)).toThrow('2000000000 is not known');
  });

  it('an incompatible change is refused by the registry, a new optional field is not [failure 24]', async () => {
    const subject = `${inject('servers').registry}/subjects/${prefix}${TOPIC.clients}-value/versions`;
    const register = async (schema: unknown) => {
      const response = await fetch(subject, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ schema: JSON.stringify(schema) }),
      });
      await response.body?.cancel();
      return response.status;
    };
    const current = AVRO_SCHEMAS.clients as { fields: object[] };
    expect(await register({ ...current, fields: [...current.fields, { name: 'x', type: 'string' }] })).toBe(
      409,
    );
    expect(await register({ ...current, fields: current.fields.slice(0, -1) })).toBe(409);
    const optional = { name: 'x', type: ['null', 'string'], default: null };
    expect(await register({ ...current, fields: [...current.fields, optional] })).toBe(200);
    // Now somebody newer has registered: we still find our own, and verify says that it is not the newest.
    await expect(registry.ids()).resolves.toBeDefined();
    const failed = (await registry.verify()).filter((check) => !check.ok).map((check) => check.name);
    expect(failed).toEqual([`schema ${TOPIC.clients}`]);
  });

  it('a registry that is away is one clear line', async () => {
    const away = createRegistry({ url: 'http://127.0.0.1:9', prefix: '' });
    await expect(away.ids()).rejects.toThrow(/^schema registry at 127.0.0.1:9: /);
  });
});

describe('the command', () => {
  it('topics apply and verify with --json, in a world of its own', async () => {
    const env = { ...process.env, ...serverSettings(freshPrefix(), 'postgres://unused/x') };
    const spillway = (...args: string[]) => run(process.execPath, ['bin/spillway.ts', ...args], { env });
    const applied = JSON.parse((await spillway('topics', 'apply', '--json')).stdout);
    expect(Object.keys(applied.schemas)).toEqual(TOPIC_NAMES);
    const verified = JSON.parse((await spillway('topics', 'verify', '--json')).stdout);
    expect(verified.ok).toBe(true);
    expect(verified.checks.length).toBe(TOPIC_NAMES.length * 10);
  });
});

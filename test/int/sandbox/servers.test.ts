/** Each embedded server boots and does its work. */
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { jsonRpc } from '../../../sandbox/probe.ts';
import { until } from '../../../sandbox/wait.ts';
import { freshDatabase } from '../setup/database.ts';
import { freshPrefix } from '../setup/kafka.ts';

test('Kafka creates a topic on request and never by itself', async () => {
  const kafka = new Kafka({ brokers: [inject('servers').kafka], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const topic = `${freshPrefix()}made`;
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
  const producer = kafka.producer({ allowAutoTopicCreation: true, retry: { retries: 1 } });
  await producer.connect();
  await producer.send({ topic, messages: [{ key: 'k', value: 'v' }], acks: -1 });
  await expect(producer.send({ topic: `${topic}.absent`, messages: [{ value: 'v' }] })).rejects.toThrow();
  expect(await admin.listTopics()).toContain(topic);
  expect(await admin.listTopics()).not.toContain(`${topic}.absent`);
  await producer.disconnect();
  await admin.disconnect();
});

test('the registry keeps a schema and enforces compatibility', async () => {
  const { registry } = inject('servers');
  const subject = `${freshPrefix()}value`;
  const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
  const post = (schema: object) =>
    fetch(`${registry}/subjects/${subject}/versions`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ schema: JSON.stringify(schema) }),
    });
  await fetch(`${registry}/config/${subject}`, {
    method: 'PUT',
    headers,
    body: JSON.stringify({ compatibility: 'FULL_TRANSITIVE' }),
  });
  const record = (fields: object[]) => ({ type: 'record', name: 'R', fields });
  const first = await post(record([{ name: 'a', type: 'string' }]));
  expect(first.status).toBe(200);
  expect(await first.json()).toHaveProperty('id');
  await fetch(`${registry}/config/${subject}`, {
    method: 'PUT',
    headers,
    body: JSON.stringify({ compatibility: 'FULL_TRANSITIVE' }),
  });
  const incompatible = await post(record([{ name: 'b', type: 'string' }]));
  expect(incompatible.status).toBe(409);
});

test('PostgreSQL 18 gives each test a database of its own', async () => {
  const one = await freshDatabase({ empty: true });
  const client = new pg.Client({ connectionString: one.url });
  await client.connect();
  const { rows } = await client.query('SELECT current_setting($1) AS version', ['server_version_num']);
  expect(Math.floor(Number(rows[0].version) / 10_000)).toBe(18);
  await client.end();
  await one.drop();
  const gone = new pg.Client({ connectionString: one.url });
  await expect(gone.connect()).rejects.toThrow(/does not exist/);
});

test('the chain makes blocks and finalizes them two blocks later', async () => {
  const { chain } = inject('servers');
  const height = async (tag: string) => {
    const block = (await jsonRpc(chain, 'eth_getBlockByNumber', [tag, false])) as { number: string };
    return Number(block.number);
  };
  const before = await height('latest');
  expect(await until(async () => (await height('finalized')) > before, 10_000)).toBe(true);
  expect(await jsonRpc(chain, 'eth_chainId', [])).toBe('0x7a69');
});

/** The roles of the way in, in this process, on the shared servers under a prefix of their own. */
import { Registry } from 'prom-client';
import { inject } from 'vitest';
import { addClient } from '../../../gateway/api/clients.ts';
import { startGateway } from '../../../gateway/role.ts';
import { type Database, openDatabase } from '../../../ledger/db.ts';
import { writeRows } from '../../../ledger/sql/write-rows.ts';
import { pairLimits, rates } from '../../../ledger/tables.ts';
import { startAccumulate } from '../../../processors/accumulate/role.ts';
import { startConvert } from '../../../processors/convert/role.ts';
import { quarantineHandler } from '../../../processors/reconcile/quarantine-wiring.ts';
import { applyTopics } from '../../../processors/runtime/admin.ts';
import { systemClock, systemRandom } from '../../../processors/runtime/clock.ts';
import { runStateful } from '../../../processors/runtime/consumer.ts';
import type { LogRecord } from '../../../processors/runtime/log-record.ts';
import { openSchemas, type Schemas } from '../../../processors/runtime/parts.ts';
import { createPublisher, type Publisher } from '../../../processors/runtime/publisher.ts';
import { readTopic } from '../../../processors/runtime/read-topic.ts';
import { startRelayRole } from '../../../processors/runtime/relay-role.ts';
import type { RoleContext, RunningRole } from '../../../processors/runtime/role.ts';
import type { PaymentFacts, TopicValues } from '../../../schemas/events.ts';
import { createRegistry } from '../../../schemas/registry.ts';
import { readSettings } from '../../../schemas/settings.ts';
import { TOPIC, TOPICS, type TopicName } from '../../../schemas/topology.ts';
import { facts, limitRow, rateRow } from '../../fixtures/ledger-rows.ts';
import { IPN_SECRET } from '../../unit/gateway/support.ts';
import { log, testKafka, until } from '../runtime/support.ts';
import { type FreshDatabase, freshDatabase } from '../setup/database.ts';
import { freshPrefix, serverSettings } from '../setup/kafka.ts';
import { receivedOf, THRESHOLD_500, TRACEPARENT } from './ledger-bench.ts';

export const ORDER_SECRET = 'a secret of this test';

export interface Stored<T extends TopicName> extends LogRecord {
  readonly partition: number;
  readonly decoded: TopicValues[T];
}

type Part = 'convert' | 'accumulate' | 'relay' | 'gateway' | 'parked';
const PARTS: readonly Part[] = ['convert', 'accumulate', 'relay', 'gateway', 'parked'];

let lastPayment = 8_000_000_000;
let lastClient = -1_006_000_000_000n;

export class Pipeline {
  readonly prefix = freshPrefix();
  readonly kafka = testKafka();
  readonly db: Database;
  /** What made a role stop; it was started again, as its supervisor does. */
  readonly fatal: Error[] = [];
  readonly running = new Map<Part, RunningRole>();
  readonly #fresh: FreshDatabase;
  readonly #restarts: Promise<unknown>[] = [];
  readonly #publisher: Publisher;
  #schemas: Schemas | undefined;

  constructor(fresh: FreshDatabase) {
    this.#fresh = fresh;
    this.db = openDatabase({ url: fresh.url, max: 6, applicationName: 'pipeline-test' });
    this.#publisher = createPublisher({ kafka: this.kafka, registry: new Registry(), log });
  }

  /** Topics, schemas, minima, a rate that is young enough for as long as a test may take, and all roles. */
  static async open(): Promise<Pipeline> {
    const pipeline = new Pipeline(await freshDatabase());
    const { prefix, db } = pipeline;
    const { kafka: broker, registry } = inject('servers');
    const retentionMs = (topic: TopicName) => TOPICS[topic].retentionMs;
    await applyTopics({ kafka: { brokers: [broker], clientId: 'test', log }, prefix, retentionMs });
    await createRegistry({ url: registry, prefix }).apply();
    pipeline.#schemas = await openSchemas(pipeline.settings());
    await writeRows(db, pairLimits, [limitRow('USDT', '10'), limitRow('ETH', '0.01')], 'insert');
    await writeRows(db, rates, [rateRow({ at: new Date() })], 'insert');
    await Promise.all(PARTS.map((name) => pipeline.start(name)));
    await until('every partition has its leader', () => pipeline.#areLed());
    return pipeline;
  }

  async close(): Promise<void> {
    await Promise.all(this.#restarts);
    await Promise.all([...this.running.keys()].map((name) => this.stop(name)));
    await this.#publisher.close();
    await this.db.close();
    await this.#fresh.drop();
  }

  get schemas(): Schemas {
    if (!this.#schemas) throw new Error('the pipeline is not open');
    return this.#schemas;
  }

  settings() {
    const env = {
      ...serverSettings(this.prefix, this.#fresh.url),
      NOWPAYMENTS_IPN_SECRET: IPN_SECRET,
      ORDER_SECRET,
      LISTEN_HOST: '127.0.0.1',
      GATEWAY_PORT: '0',
    };
    return readSettings(
      env,
      ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL', 'DATABASE_URL', 'ORDER_SECRET', 'NOWPAYMENTS_IPN_SECRET'],
      () => '',
    );
  }

  async start(name: Part): Promise<void> {
    this.running.set(name, await this.#begin(name));
  }

  async stop(name: Part): Promise<void> {
    const role = this.running.get(name);
    this.running.delete(name);
    await role?.stop();
  }

  async #begin(name: Part): Promise<RunningRole> {
    const { db, kafka, prefix } = this;
    const settings = this.settings();
    const context = this.#context(name);
    switch (name) {
      case 'convert':
        return startConvert(settings, context);
      case 'accumulate':
        return startAccumulate(settings, context);
      case 'relay':
        return startRelayRole(settings, context);
      case 'gateway':
        return startGateway(settings, context);
      case 'parked':
        // What the role `reconcile` consumes; its checks have a test of their own.
        return runStateful({
          ...context,
          db,
          kafka,
          groupId: `${prefix}reconcile`,
          topic: prefix + TOPIC.quarantine,
          partitions: TOPICS[TOPIC.quarantine].partitions,
          handler: quarantineHandler({ ...this.schemas, db, clock: systemClock, log }),
        });
    }
  }

  #context(name: Part): RoleContext {
    const onFatal = (error: Error) => {
      this.fatal.push(error);
      this.#restarts.push(this.stop(name).then(() => this.start(name)));
    };
    const owner = `${name}-${systemRandom.uuid()}`;
    return { name, log, registry: new Registry(), clock: systemClock, random: systemRandom, owner, onFatal };
  }

  // what goes in

  api() {
    return { db: this.db, codec: this.schemas.codec, now: () => new Date() };
  }

  /** An id that nobody has. */
  freshClient(): bigint {
    lastClient -= 1n;
    return lastClient;
  }

  async addClient(id = this.freshClient(), policy = THRESHOLD_500): Promise<bigint> {
    await addClient(this.api(), { ...policy, clientId: String(id), title: 'channel', plans: [] });
    return id;
  }

  payment(client: bigint, part: Partial<PaymentFacts> = {}): PaymentFacts {
    lastPayment += 1;
    return facts({ client_id: String(client), payment_id: String(lastPayment), ...part });
  }

  /** Puts IPNs into payments.received as the gateway does. */
  publish(payments: readonly PaymentFacts[]): Promise<void> {
    const records = payments.map((payment) => {
      const value = receivedOf(payment, new Date());
      return {
        topic: this.prefix + TOPIC.received,
        key: payment.client_id,
        value: this.schemas.codec.encode(TOPIC.received, value),
        headers: { traceparent: TRACEPARENT, 'event-id': value.event_id, 'event-type': 'payment.received' },
      };
    });
    return this.#publisher.publish(records);
  }

  publishBytes(topic: TopicName, key: string, value: Buffer): Promise<void> {
    return this.#publisher.publish([{ topic: this.prefix + topic, key, value, headers: {} }]);
  }

  // what came of it

  /** Nothing is under way: outbox published, received converted, valued accumulated, quarantine listed. */
  settled(): Promise<boolean> {
    const isEmpty = async () => (await this.db.query('SELECT 1 FROM outbox LIMIT 1')).length === 0;
    return until(
      'everything is processed',
      async () =>
        (await isEmpty()) &&
        (await this.#isConverted()) &&
        (await this.#isRead(TOPIC.valued, 'accumulate')) &&
        (await this.#isRead(TOPIC.quarantine, 'reconcile')) &&
        (await isEmpty()),
    );
  }

  async contents<T extends TopicName>(topic: T, key?: bigint): Promise<Stored<T>[]> {
    const found: Stored<T>[] = [];
    await readTopic({
      kafka: this.kafka,
      topic: this.prefix + topic,
      groupId: `${this.prefix}reader-${systemRandom.uuid()}`,
      onBatch: (partition, records) => {
        for (const record of records) {
          found.push({ ...record, partition, decoded: this.schemas.codec.decode(topic, record.value!) });
        }
      },
    });
    return key === undefined ? found : found.filter((record) => record.key === String(key));
  }

  /** Credited payments of a client in order. */
  legs(client: bigint): Promise<{ payment_id: string; net: string }[]> {
    return this.db.query(
      'SELECT payment_id, net::text AS net FROM payout_accumulation WHERE client_id = $1 ORDER BY seq',
      [client],
    );
  }

  /** Everything that says who has what, as text. */
  async balances(): Promise<string> {
    const tables = [
      'client_accounts',
      'wallet_accounts',
      'gl_totals',
      'payout_batches',
      'payout_accumulation',
    ];
    const parts = await Promise.all(
      tables.map((table) => this.db.query(`SELECT t::text AS row FROM ${table} t ORDER BY 1`)),
    );
    return JSON.stringify(parts);
  }

  /** Makes convert start over at the first offset; it must be stopped. */
  async rewindConvert(): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    const topic = this.prefix + TOPIC.received;
    const partitions = [...(await this.#ends(TOPIC.received)).keys()];
    await admin.setOffsets({
      groupId: `${this.prefix}convert`,
      topic,
      partitions: partitions.map((partition) => ({ partition, offset: '0' })),
    });
    await admin.disconnect();
  }

  /** A broker that is busy answers for topics just made that it does not lead them yet. */
  async #areLed(): Promise<boolean> {
    try {
      for (const topic of Object.keys(TOPICS) as TopicName[]) await this.#ends(topic);
      return true;
    } catch (error) {
      if ((error as { readonly type?: string }).type?.startsWith('NOT_LEADER')) return false;
      throw error;
    }
  }

  async #ends(topic: TopicName): Promise<Map<number, bigint>> {
    const admin = this.kafka.admin();
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(this.prefix + topic);
    await admin.disconnect();
    return new Map(offsets.map(({ partition, high }) => [partition, BigInt(high)]));
  }

  async #isRead(topic: TopicName, group: string): Promise<boolean> {
    const rows = await this.db.query<{ part: number; next_offset: bigint }>(
      'SELECT part, next_offset FROM consumer_position WHERE grp = $1',
      [this.prefix + group],
    );
    const at = new Map(rows.map((row) => [row.part, row.next_offset]));
    return [...(await this.#ends(topic))].every(([partition, end]) => (at.get(partition) ?? 0n) === end);
  }

  async #isConverted(): Promise<boolean> {
    const admin = this.kafka.admin();
    await admin.connect();
    const request = { groupId: `${this.prefix}convert`, topics: [this.prefix + TOPIC.received] };
    const [answer] = await admin.fetchOffsets(request);
    await admin.disconnect();
    const at = new Map(answer!.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    return [...(await this.#ends(TOPIC.received))].every(
      ([partition, end]) => end === 0n || at.get(partition) === end,
    );
  }
}

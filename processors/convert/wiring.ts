/** convert as plumbing: decode a batch, read policy, fee and rate in three queries, propose, publish, then commit. */
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Database } from '../../ledger/db.ts';
import { feeInForce } from '../../ledger/sql/fee-in-force.ts';
import { latestRate } from '../../ledger/sql/latest-rate.ts';
import { strategiesOf } from '../../ledger/sql/strategies-of.ts';
import { type Codec, CodecError } from '../../schemas/codec.ts';
import { eventId } from '../../schemas/event-id.ts';
import type { PaymentReceived, PaymentValued, QuarantineRecord } from '../../schemas/events.ts';
import { isClientId } from '../../schemas/order-id.ts';
import type { Settings } from '../../schemas/settings.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { ATTEMPT_HEADER, LAST_HEADER } from '../accumulate/record.ts';
import { attemptOf } from '../accumulate/wiring.ts';
import type { Clock } from '../runtime/clock.ts';
import { failPoint } from '../runtime/fail-point.ts';
import type { Batch, LogRecord } from '../runtime/log-record.ts';
import { counter } from '../runtime/metrics.ts';
import type { OutRecord, Publisher } from '../runtime/publisher.ts';
import { convert, proposal } from './transition.ts';

export interface ConvertDeps {
  readonly db: Database;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly settings: Pick<Settings, 'TOPIC_PREFIX' | 'RATE_MAX_AGE'>;
  readonly metrics: MetricsRegistry;
  readonly learnSchemas: (values: readonly (Buffer | null)[]) => Promise<void>;
}

export const GROUP = 'convert';

/** Returns once the output of all records is acknowledged; what it repeats after a crash is absorbed downstream. */
export function convertHandler(deps: ConvertDeps): (batch: Batch) => Promise<void> {
  const inputs = counter(deps.metrics, 'spillway_inputs_total', 'Inputs by how they ended', [
    'stage',
    'end',
    'reason',
  ]);
  return async (batch) => {
    await deps.learnSchemas(batch.records.map((record) => record.value));
    const now = deps.clock.now();
    const parsed = batch.records.map((record) => ({ record, received: decode(deps.codec, record) }));
    const known = parsed.flatMap(({ received }) => (received instanceof CodecError ? [] : [received]));
    const strategies = await strategiesOf(deps.db, [
      ...new Set(known.map(({ payment }) => payment.client_id)),
    ]);
    const feeBps = await feeInForce(deps.db, now);
    const rate = await latestRate(deps.db, now, deps.settings.RATE_MAX_AGE);
    const out = parsed.map(({ record, received }) => {
      if (received instanceof CodecError) {
        inputs.inc({ stage: GROUP, end: 'quarantined', reason: 'bytes_undecodable' });
        return undecodable(deps, batch, record, received, now);
      }
      const strategy = strategies.get(received.payment.client_id);
      const proposed = convert(received, { now, strategy, feeBps, rate });
      const { valued, value } = encodeProposal(deps.codec, received, proposed);
      inputs.inc({ stage: GROUP, end: 'applied', reason: valued.reason ?? 'none' });
      return outRecord(deps, TOPIC.valued, record, value, valued.event_id, `payment.${valued.kind}`);
    });
    failPoint('convert.before_publish');
    await deps.publisher.publish(out);
    failPoint('convert.published');
  };
}

/** An amount that does not fit the topic is no value: the record goes on with its reason (money.md). */
export function encodeProposal(
  codec: Codec,
  received: PaymentReceived,
  valued: PaymentValued,
): { readonly valued: PaymentValued; readonly value: Buffer } {
  try {
    return { valued, value: codec.encode(TOPIC.valued, valued) };
  } catch (error) {
    if (!(error instanceof CodecError) || valued.kind === 'rejected') throw error;
    const refused = proposal(received, valued.occurred_at, { kind: 'rejected', reason: 'amount_inexact' });
    return { valued: refused, value: codec.encode(TOPIC.valued, refused) };
  }
}

function decode(codec: Codec, record: LogRecord): PaymentReceived | CodecError {
  if (record.value === null) return new CodecError('bytes_undecodable', 'the record has no value');
  try {
    const received = codec.decode(TOPIC.received, record.value);
    if (!isClientId(received.payment.client_id)) {
      return new CodecError('bytes_undecodable', `client id ${received.payment.client_id}`);
    }
    return received;
  } catch (error) {
    if (error instanceof CodecError) return error;
    throw error;
  }
}

function outRecord(
  deps: ConvertDeps,
  topic: typeof TOPIC.valued | typeof TOPIC.quarantine,
  from: LogRecord,
  value: Buffer,
  id: string,
  type: string,
): OutRecord {
  const headers: Record<string, string> = { 'event-id': id, 'event-type': type };
  for (const name of ['traceparent', ATTEMPT_HEADER, LAST_HEADER]) {
    const text = from.headers[name];
    if (text !== undefined) headers[name] = text;
  }
  return { topic: deps.settings.TOPIC_PREFIX + topic, key: from.key, value, headers };
}

function undecodable(
  deps: ConvertDeps,
  batch: Batch,
  record: LogRecord,
  error: CodecError,
  now: Date,
): OutRecord {
  const attempt = attemptOf(record.headers);
  const id = eventId('quarantine', TOPIC.received, batch.partition, record.offset, attempt);
  const quarantined: QuarantineRecord = {
    event_id: id,
    occurred_at: now,
    topic: TOPIC.received,
    partition: batch.partition,
    offset: record.offset,
    attempt,
    entity: null,
    reason: 'bytes_undecodable',
    detail: error.message,
    key: record.key,
    value: record.value ?? Buffer.alloc(0),
  };
  const value = deps.codec.encode(TOPIC.quarantine, quarantined);
  return outRecord(deps, TOPIC.quarantine, record, value, id, 'quarantine.bytes_undecodable');
}

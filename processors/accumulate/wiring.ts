/** accumulate as data and plumbing: decode, one fenced transaction per batch, count how each record ended. */
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Database } from '../../ledger/db.ts';
import { advancePosition, type Position } from '../../ledger/sql/position-advance.ts';
import { write } from '../../ledger/store.ts';
import { quarantined } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import { type Codec, CodecError } from '../../schemas/codec.ts';
import { eventId } from '../../schemas/event-id.ts';
import type { PaymentValued } from '../../schemas/events.ts';
import { isClientId } from '../../schemas/order-id.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import type { Settings } from '../../schemas/settings.ts';
import { TOPIC } from '../../schemas/topology.ts';
import type { Clock } from '../runtime/clock.ts';
import { failPoint } from '../runtime/fail-point.ts';
import type { Batch, LogRecord } from '../runtime/log-record.ts';
import { counter } from '../runtime/metrics.ts';
import type { StatefulHandler } from '../runtime/stateful.ts';
import { FenceMissed } from '../runtime/takeover.ts';
import { loadBatch, usableRate } from './load.ts';
import { quarantine } from './quarantine.ts';
import { ATTEMPT_HEADER, type BatchContext, type Ending, LAST_HEADER, type ValuedRecord } from './record.ts';
import { accumulate } from './transition.ts';

export const GROUP = 'accumulate';
const RECEIPT_DELAY_MS = 1_000;

export interface AccumulateDeps {
  readonly db: Database;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly settings: Pick<Settings, 'PARTIAL_AFTER' | 'RATE_MAX_AGE'>;
  readonly metrics: MetricsRegistry;
  /** Makes schemas known that stand in these values and that the codec has not met. */
  readonly learnSchemas: (values: readonly (Buffer | null)[]) => Promise<void>;
}

type Parsed =
  | { readonly record: ValuedRecord }
  | { readonly raw: LogRecord; readonly reason: ReasonCode; readonly detail: string };

export function accumulateHandler(deps: AccumulateDeps): StatefulHandler {
  const endings = counter(deps.metrics, 'spillway_inputs_total', 'Inputs by how they ended', [
    'stage',
    'end',
    'reason',
  ]);
  const apply = async (batch: Batch, position: Position, forced?: Error): Promise<void> => {
    await deps.learnSchemas(batch.records.map((record) => record.value));
    const parsed = batch.records.map((record) => parse(deps.codec, batch, record));
    const results = await deps.db.transaction(async (tx) => {
      const work = new Work(deps.clock.now());
      if (!(await advancePosition(tx, position, work.now))) throw new FenceMissed();
      const records = parsed.flatMap((item) => ('record' in item ? [item.record] : []));
      await loadBatch(tx, work, batch.partition, records);
      failPoint('accumulate.locked');
      const context = await contextOf(tx, work, batch, position, deps.settings);
      const ended = parsed.map((item) => fold(work, batch, item, context, forced));
      await write(tx, work, deps.codec);
      failPoint('accumulate.written');
      return ended;
    });
    for (const { end, reason } of results) endings.inc({ stage: GROUP, end, reason: reason ?? 'none' });
  };
  return {
    apply: (batch, position) => apply(batch, position),
    quarantine: (record, error, position, batch) => apply({ ...batch, records: [record] }, position, error),
  };
}

async function contextOf(
  tx: Parameters<typeof usableRate>[0],
  work: Work,
  batch: Batch,
  position: Position,
  settings: AccumulateDeps['settings'],
): Promise<BatchContext> {
  const rate = await usableRate(tx, work, settings.RATE_MAX_AGE);
  return {
    batchId: `${batch.topic}:${batch.partition}:${position.nextOffset}-${position.endOffset}`,
    partition: batch.partition,
    receiptDelayMs: RECEIPT_DELAY_MS,
    partialAfterMs: settings.PARTIAL_AFTER,
    usdtPerEth: rate?.usdt_per_eth,
  };
}

function fold(
  work: Work,
  batch: Batch,
  item: Parsed,
  context: BatchContext,
  forced: Error | undefined,
): Ending {
  if (!('record' in item)) return parkBytes(work, batch, item.raw, item.reason, item.detail);
  if (forced) return quarantine(work, item.record, 'data_refused', forced.message);
  return accumulate(work, item.record, context);
}

function parse(codec: Codec, batch: Batch, record: LogRecord): Parsed {
  const bytes = record.value;
  if (bytes === null) return { raw: record, reason: 'bytes_undecodable', detail: 'the record has no value' };
  try {
    const value = codec.decode(TOPIC.valued, bytes);
    const problem = unkeepable(value);
    if (problem !== undefined) return { raw: record, reason: 'field_invalid', detail: problem };
    return {
      record: {
        topic: TOPIC.valued,
        partition: batch.partition,
        offset: record.offset,
        key: record.key,
        bytes,
        value,
        attempt: attemptOf(record.headers),
        lastOfRedrive: record.headers[LAST_HEADER] === '1',
        traceparent: record.headers.traceparent ?? null,
      },
    };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { raw: record, reason: 'bytes_undecodable', detail: error.message };
  }
}

const MAX_TEXT = 500;

/**
 * What the ledger cannot even set aside as a payment: no client id, text that PostgreSQL cannot keep or index, an
 * outcome that is no number. Convert writes nothing like it.
 */
export function unkeepable(value: PaymentValued): string | undefined {
  const { payment, strategy, rate_id, reason } = value;
  if (!isClientId(payment.client_id)) return `client id ${shown(payment.client_id)}`;
  for (const [name, text] of Object.entries({ ...payment, strategy, rate_id, reason })) {
    if (text !== null && (text.length > MAX_TEXT || text.includes('\0'))) return `${name} ${shown(text)}`;
  }
  const { outcome_amount } = payment;
  if (outcome_amount !== null && !OUTCOME.test(outcome_amount)) return `outcome_amount ${outcome_amount}`;
  return undefined;
}

const OUTCOME = /^\d{1,40}(\.\d{1,36})?$/;

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80)).replaceAll('\\u0000', '\\0');
}

export function attemptOf(headers: Readonly<Record<string, string>>): number {
  const text = headers[ATTEMPT_HEADER] ?? '0';
  return /^\d{1,6}$/.test(text) ? Number.parseInt(text, 10) : 0;
}

/** Bytes that say nothing readable have no entity and close nothing. */
function parkBytes(work: Work, batch: Batch, raw: LogRecord, reason: ReasonCode, detail: string): Ending {
  work.traceparent = raw.headers.traceparent ?? null;
  const attempt = attemptOf(raw.headers);
  const id = eventId('quarantine', TOPIC.valued, batch.partition, raw.offset, attempt);
  const value = raw.value ?? Buffer.alloc(0);
  const common = {
    reason,
    detail,
    key: raw.key,
    value,
    entity: null,
    topic: TOPIC.valued,
    attempt,
    event_id: id,
  } as const;
  work.put(quarantined, {
    ...common,
    part: batch.partition,
    source_offset: raw.offset,
    signature_form: null,
    at: work.now,
    redriven_at: null,
  });
  work.emit(TOPIC.quarantine, raw.key, `quarantine.${reason}`, {
    ...common,
    occurred_at: work.now,
    partition: batch.partition,
    offset: raw.offset,
  });
  return { end: 'quarantined', reason };
}

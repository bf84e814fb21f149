/**
 * Records as processors see them: exact offsets, text keys and headers, bytes as they are. Nothing of the client
 * library reaches a processor.
 */
import type { KafkaMessage } from 'kafkajs';

export interface LogRecord {
  readonly offset: bigint;
  /** Empty when the record has none. */
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  /** When it was written to the log, by the producer's or broker's clock: for display and latency, not for rules. */
  readonly timestamp: Date;
}

/** Records of one partition, in the order of the log, without a gap. Up to 2,000. */
export interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly LogRecord[];
}

export function toLogRecord(message: KafkaMessage): LogRecord {
  return {
    offset: BigInt(message.offset),
    key: message.key === null ? '' : keepable(message.key),
    value: message.value,
    headers: toHeaders(message.headers),
    timestamp: new Date(Number.parseInt(message.timestamp, 10)),
  };
}

/** The deterministic id of the event in a record, or null for a record that none of our publishers wrote. */
export function eventIdOf(record: LogRecord): string | null {
  return record.headers['event-id'] ?? null;
}

/** Keys and headers are kept as text columns, and PostgreSQL has no NUL. */
function keepable(text: Buffer | string): string {
  return text.toString('utf8').replaceAll('\0', '\ufffd');
}

/** A header that stands twice: the first counts. */
function toHeaders(headers: KafkaMessage['headers']): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) result[keepable(name)] = keepable(first);
  }
  return result;
}

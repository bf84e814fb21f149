/**
 * Topic values to bytes and back in the Confluent wire format: a zero byte, the schema id (4 bytes, big-endian),
 * Avro. Synchronous and without I/O; schema ids that it has not met are handed in with learn().
 */
import type avsc from 'avsc';
import { AVRO_SCHEMAS } from './avro.ts';
import { compileType } from './avro-types.ts';
import type { TopicValues } from './events.ts';
import { MoneyError } from './money.ts';
import { TOPIC_NAMES, type TopicName } from './topology.ts';

const HEADER_BYTES = 5;

export type CodecErrorCode = 'bytes_undecodable' | 'schema_unknown' | 'amount_inexact' | 'value_invalid';

export class CodecError extends Error {
  override name = 'CodecError';
  readonly code: CodecErrorCode;
  /** Set when code is schema_unknown. */
  readonly schemaId: number | undefined;
  constructor(code: CodecErrorCode, message: string, options: { schemaId?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.schemaId = options.schemaId;
  }
}

export interface Codec {
  /** @throws CodecError value_invalid (names the field) or amount_inexact */
  encode<T extends TopicName>(topic: T, value: TopicValues[T]): Buffer;
  /** @throws CodecError bytes_undecodable, amount_inexact, or schema_unknown: fetch it, learn() it, try again */
  decode<T extends TopicName>(topic: T, bytes: Buffer): TopicValues[T];
  /** The ids among these values that decode() would not know; what is not in the wire format is left out. */
  unknownIds(values: readonly (Buffer | null)[]): number[];
  /** Makes the schema that a registry keeps under this id known. @throws CodecError when it is no schema */
  learn(id: number, schema: unknown): void;
}

/** The id in the header. @throws CodecError bytes_undecodable when the bytes are not in the wire format */
export function schemaIdOf(bytes: Buffer): number {
  if (bytes.length <= HEADER_BYTES) throw new CodecError('bytes_undecodable', `only ${bytes.length} bytes`);
  if (bytes[0] !== 0) throw new CodecError('bytes_undecodable', `first byte is ${bytes[0]}, not 0`);
  return bytes.readInt32BE(1);
}

/** @param ids the id under which the registry keeps each topic's current schema; only these are written */
export function createCodec(ids: Readonly<Record<TopicName, number>>): Codec {
  const types = Object.fromEntries(
    TOPIC_NAMES.map((topic) => [topic, compileType(AVRO_SCHEMAS[topic])]),
  ) as Record<TopicName, avsc.Type>;
  const writers = new Map<number, avsc.Type>(TOPIC_NAMES.map((topic) => [ids[topic], types[topic]]));
  const resolvers = new Map<string, ReturnType<avsc.Type['createResolver']>>();
  let scratch = Buffer.allocUnsafe(16 * 1024);

  function resolverOf(topic: TopicName, id: number): ReturnType<avsc.Type['createResolver']> | undefined {
    const writer = writers.get(id);
    if (!writer)
      throw new CodecError('schema_unknown', `schema id ${id} is not known here`, { schemaId: id });
    if (writer === types[topic]) return undefined;
    const key = `${topic}/${id}`;
    const known = resolvers.get(key);
    if (known) return known;
    const resolver = types[topic].createResolver(writer);
    resolvers.set(key, resolver);
    return resolver;
  }

  return {
    encode(topic, value) {
      try {
        let end = types[topic].encode(value, scratch, HEADER_BYTES);
        if (end < 0) {
          scratch = Buffer.allocUnsafe(2 * (scratch.length - end));
          end = types[topic].encode(value, scratch, HEADER_BYTES);
        }
        scratch[0] = 0;
        scratch.writeInt32BE(ids[topic], 1);
        return Buffer.from(scratch.subarray(0, end));
      } catch (error) {
        throw encodeError(topic, types[topic], value, error);
      }
    },
    decode(topic, bytes) {
      const id = schemaIdOf(bytes);
      try {
        return types[topic].fromBuffer(bytes.subarray(HEADER_BYTES), resolverOf(topic, id));
      } catch (error) {
        throw decodeError(topic, id, error);
      }
    },
    unknownIds(values) {
      const wanted = new Set<number>();
      for (const bytes of values) {
        if (!bytes || bytes.length <= HEADER_BYTES || bytes[0] !== 0) continue;
        const id = bytes.readInt32BE(1);
        if (!writers.has(id)) wanted.add(id);
      }
      return [...wanted];
    },
    learn(id, schema) {
      if (writers.has(id)) return;
      try {
        writers.set(id, compileType(schema));
      } catch (error) {
        throw new CodecError('schema_unknown', `schema id ${id} is no Avro schema: ${textOf(error)}`, {
          schemaId: id,
        });
      }
    },
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function decodeError(topic: TopicName, id: number, error: unknown): CodecError {
  if (error instanceof CodecError) return error;
  const code = error instanceof MoneyError ? 'amount_inexact' : 'bytes_undecodable';
  return new CodecError(code, `${topic}: schema id ${id}: ${textOf(error)}`, { cause: error });
}

/** avsc names the wrong value only; people need the field. */
function encodeError(topic: TopicName, type: avsc.Type, value: unknown, error: unknown): CodecError {
  if (error instanceof MoneyError)
    return new CodecError('amount_inexact', `${topic}: ${error.message}`, { cause: error });
  let path = '';
  type.isValid(value, { errorHook: (parts: string[]) => (path ||= parts.join('.')) });
  const where = path === '' ? topic : `${topic}: field ${path}`;
  return new CodecError('value_invalid', `${where}: ${textOf(error).slice(0, 200)}`, { cause: error });
}

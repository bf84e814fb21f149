/** The codec: exact round trips, refusals with names, old writers and new readers, and speed of the right order. */
import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AVRO_SCHEMAS } from '../../../schemas/avro.ts';
import { CodecError, createCodec, schemaIdOf } from '../../../schemas/codec.ts';
import type { PaymentValued } from '../../../schemas/events.ts';
import { TOPIC, TOPIC_NAMES, type TopicName } from '../../../schemas/topology.ts';
import { BARE, FULL, IDS } from '../../fixtures/topic-samples.ts';
import { anyTopicValue } from './topic-values.ts';

const codec = createCodec(IDS);

function errorOf(work: () => unknown): CodecError {
  try {
    work();
  } catch (error) {
    if (error instanceof CodecError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('round trips', () => {
  it.each(TOPIC_NAMES)('%s: everything set, and nothing optional set [failure 34]', (topic) => {
    for (const sample of [FULL[topic], BARE[topic]]) {
      const bytes = codec.encode(topic, sample);
      expect(bytes[0]).toBe(0);
      expect(schemaIdOf(bytes)).toBe(IDS[topic]);
      expect({ ...codec.decode(topic, bytes) }).toEqual(sample);
    }
  });

  it.each(TOPIC_NAMES)('%s: any value comes back exactly [failures 17, 25, 26, 29]', (topic) => {
    fc.assert(
      fc.property(anyTopicValue(topic), (value) => {
        expect(codec.decode(topic, codec.encode(topic, value))).toEqual(value);
      }),
      { numRuns: 60 },
    );
  });

  it('grows its buffer for a large value, and its outputs do not share memory', () => {
    const large = { ...FULL.quarantine, value: Buffer.alloc(300_000, 7) };
    const first = codec.encode(TOPIC.quarantine, FULL.quarantine);
    const before = first.toString('hex');
    expect(codec.decode(TOPIC.quarantine, codec.encode(TOPIC.quarantine, large)).value.length).toBe(300_000);
    expect(first.toString('hex')).toBe(before);
  });
});

describe('what does not fit is refused', () => {
  const valued = FULL['payments.valued'];

  it('an amount beyond decimal(38,18)', () => {
    const most = 10n ** 38n - 1n;
    const withMinor = (minor: bigint): PaymentValued => ({ ...valued, received: { asset: 'ETH', minor } });
    expect(codec.decode(TOPIC.valued, codec.encode(TOPIC.valued, withMinor(-most))).received?.minor).toBe(
      -most,
    );
    expect(errorOf(() => codec.encode(TOPIC.valued, withMinor(most + 1n))).code).toBe('amount_inexact');
  });

  it('a wire amount with more decimals than the asset has [failures 18, 26]', () => {
    const plain = avsc.Type.forSchema(AVRO_SCHEMAS[TOPIC.credited] as avsc.Schema);
    const field = (amount: Buffer) => ({ asset: 'USDT', amount });
    const bad = field(Buffer.from([1])); // 10^-18 USDT
    const value = {
      ...FULL['payments.credited'],
      seq: 1,
      occurred_at: 0,
      gross: bad,
      fee: bad,
      net: bad,
      available: bad,
    };
    const header = Buffer.from([0, 0, 0, 0, IDS[TOPIC.credited]]);
    const bytes = Buffer.concat([header, plain.toBuffer(value)]);
    expect(errorOf(() => codec.decode(TOPIC.credited, bytes)).code).toBe('amount_inexact');
  });

  it('an asset that we do not know [failures 3, 26]', () => {
    const value = { ...valued, gross: { asset: 'DOGE', minor: 1n } } as unknown as PaymentValued;
    expect(errorOf(() => codec.encode(TOPIC.valued, value)).code).toBe('amount_inexact');
  });

  it.each([
    ['event_id', { event_id: 'x' }],
    ['occurred_at', { occurred_at: new Date(Number.NaN) }],
    ['occurred_at', { occurred_at: new Date(-8e15) }],
    ['kind', { kind: undefined }],
    ['fee_bps', { fee_bps: 1.5 }],
    ['payment.order_id', { payment: { ...valued.payment, order_id: 7 } }],
  ])('names the field: %s [failure 33]', (field, change) => {
    const error = errorOf(() =>
      codec.encode(TOPIC.valued, { ...valued, ...change } as unknown as PaymentValued),
    );
    expect(error.code).toBe('value_invalid');
    expect(error.message).toContain(field);
  });

  it.each([
    ['empty', ''],
    ['header only', '0000000002'],
    ['other magic byte', '010000000201'],
    ['cut off', codec.encode(TOPIC.valued, valued).toString('hex').slice(0, -2)],
    ['with a tail', `${codec.encode(TOPIC.valued, valued).toString('hex')}00`],
  ])('bytes: %s', (_name, hex) => {
    expect(errorOf(() => codec.decode(TOPIC.valued, Buffer.from(hex, 'hex'))).code).toBe('bytes_undecodable');
  });

  it('any bytes at all end in a value or a CodecError [failure 37]', () => {
    fc.assert(
      fc.property(fc.constantFrom(...TOPIC_NAMES), fc.uint8Array({ maxLength: 80 }), (topic, body) => {
        const bytes = Buffer.concat([Buffer.from([0, 0, 0, 0, IDS.payouts]), body]);
        try {
          codec.decode(topic, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
    );
  });

  it('a record of another topic', () => {
    const bytes = codec.encode(TOPIC.clients, FULL.clients);
    expect(errorOf(() => codec.decode(TOPIC.payouts, bytes)).code).toBe('bytes_undecodable');
  });
});

describe('schemas by id', () => {
  it('an unknown id is named, learnt, and then read', () => {
    const writer = createCodec({ ...IDS, clients: 77 });
    const bytes = writer.encode(TOPIC.clients, FULL.clients);
    const reader = createCodec(IDS);
    const error = errorOf(() => reader.decode(TOPIC.clients, bytes));
    expect([error.code, error.schemaId]).toEqual(['schema_unknown', 77]);
    expect(
      reader.unknownIds([bytes, bytes, null, Buffer.from('raw'), codec.encode(TOPIC.clients, FULL.clients)]),
    ).toEqual([77]);
    reader.learn(77, AVRO_SCHEMAS.clients);
    expect(reader.decode(TOPIC.clients, bytes)).toEqual(FULL.clients);
  });

  it.each(TOPIC_NAMES)(
    '%s: an older writer without the optional fields is read with null in them',
    (topic) => {
      const older = withoutOptional(AVRO_SCHEMAS[topic]);
      const reader = createCodec(IDS);
      reader.learn(500, older);
      const bytes = encodeAs(older, 500, topic);
      const value = reader.decode(topic, bytes) as unknown as Record<string, unknown>;
      for (const [name, original] of Object.entries(BARE[topic])) {
        if (original === null) expect(value[name]).toBeNull();
      }
      expect(value.event_id).toBe(BARE[topic].event_id);
    },
  );

  it('a newer writer with one more optional field is read without it [failure 24]', () => {
    const newer = structuredClone(AVRO_SCHEMAS.clients) as { fields: unknown[] };
    newer.fields.push({ name: 'later', type: ['null', 'string'], default: null });
    const reader = createCodec(IDS);
    reader.learn(501, newer);
    const bytes = encodeAs(newer, 501, TOPIC.clients, { later: 'x' });
    expect(reader.decode(TOPIC.clients, bytes)).toEqual(BARE.clients);
  });

  it('what is no schema is not learnt', () => {
    expect(errorOf(() => createCodec(IDS).learn(9, { type: 'nonsense' })).code).toBe('schema_unknown');
  });
});

/** Drops the fields that have a default, at the top level: what an earlier version of the schema may have been. */
function withoutOptional(schema: unknown): unknown {
  const copy = structuredClone(schema) as { fields: { default?: unknown; type: unknown }[] };
  const dropped = copy.fields.filter((field) => 'default' in field);
  // A record that is defined in a dropped field and used later would be lost with it; keep those.
  const isDefinedIn = (field: unknown) => JSON.stringify(field).includes('"type":"record"');
  copy.fields = copy.fields.filter((field) => !dropped.includes(field) || isDefinedIn(field));
  return copy;
}

/** Encodes the bare sample with another schema by giving that schema to a codec under the topic's type rules. */
function encodeAs(schema: unknown, id: number, topic: TopicName, extra: object = {}): Buffer {
  const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: 'never' });
  const body = type.toBuffer(toPlain({ ...BARE[topic], ...extra }));
  const header = Buffer.alloc(5);
  header.writeInt32BE(id, 1);
  return Buffer.concat([header, body]);
}

/** Our values as plain Avro ones: longs as numbers, dates as milliseconds, money as bytes. */
function toPlain(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  if (Buffer.isBuffer(value) || value === null) return value;
  if (typeof value === 'bigint') return Number(value % 1_000_000n);
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== 'object') return value;
  if ('minor' in value && 'asset' in value) return { asset: value.asset, amount: Buffer.from([0]) };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}

/** The published schemas: what keeps them evolvable, readable with standard Avro, and equal to the TypeScript types. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AVRO_SCHEMAS } from '../../../schemas/avro.ts';
import { bytesOfUnscaled, unscaledOfBytes } from '../../../schemas/avro-types.ts';
import { TOPIC_NAMES } from '../../../schemas/topology.ts';
import { FULL } from '../../fixtures/topic-samples.ts';

interface Field {
  name: string;
  type: unknown;
  default?: unknown;
}
interface Named {
  type: string;
  name: string;
  fields?: Field[];
}

/** Every schema node, with the records among them. */
function* nodes(node: unknown): Generator<Record<string, unknown>> {
  if (Array.isArray(node)) for (const item of node) yield* nodes(item);
  else if (typeof node === 'object' && node !== null) {
    yield node as Record<string, unknown>;
    for (const value of Object.values(node)) yield* nodes(value);
  }
}

function recordsOf(schema: unknown): Named[] {
  return [...nodes(schema)].filter((node) => node.type === 'record') as unknown as Named[];
}

describe('the Avro schemas', () => {
  it.each(TOPIC_NAMES)(
    '%s has event_id and occurred_at, no enum, no fixed, no union but with null first [failures 17, 34]',
    (topic) => {
      const schema = AVRO_SCHEMAS[topic] as Named;
      expect(schema.fields?.slice(0, 2).map((field) => field.name)).toEqual(['event_id', 'occurred_at']);
      for (const node of nodes(schema)) expect(['enum', 'fixed', 'float', 'double']).not.toContain(node.type);
      for (const field of recordsOf(schema).flatMap((record) => record.fields ?? [])) {
        if (!Array.isArray(field.type)) continue;
        expect([field.name, field.type[0], field.type.length, field.default]).toEqual([
          field.name,
          'null',
          2,
          null,
        ]);
      }
    },
  );

  it('a record of one name is the same in every topic', () => {
    const seen = new Map<string, string>();
    for (const record of TOPIC_NAMES.flatMap((topic) => recordsOf(AVRO_SCHEMAS[topic]))) {
      // Avro defines a name where it first stands and only names it afterwards: compare with the inner ones named.
      const text = JSON.stringify(record, (_key, value) =>
        value?.type === 'record' && value !== record ? value.name : value,
      );
      expect(seen.get(record.name) ?? text).toBe(text);
      seen.set(record.name, text);
    }
    expect(seen.size).toBe(TOPIC_NAMES.length + 7);
  });

  it.each(TOPIC_NAMES)(
    '%s has the fields of its TypeScript type, at every depth [failures 24, 27, 28]',
    (topic) => {
      const records = new Map(recordsOf(AVRO_SCHEMAS[topic]).map((record) => [record.name, record]));
      const compare = (record: Named, value: Record<string, unknown>) => {
        const names = record.fields?.map((field) => field.name) ?? [];
        expect(names.toSorted()).toEqual(Object.keys(value).toSorted());
        for (const field of record.fields ?? []) {
          const inner = records.get(recordNameOf(field.type));
          const item = Array.isArray(value[field.name])
            ? (value[field.name] as unknown[])[0]
            : value[field.name];
          if (inner && inner.name !== 'Money') compare(inner, item as Record<string, unknown>);
        }
      };
      compare(AVRO_SCHEMAS[topic] as Named, FULL[topic] as unknown as Record<string, unknown>);
    },
  );
});

function recordNameOf(type: unknown): string {
  if (Array.isArray(type)) return recordNameOf(type[1]);
  if (typeof type === 'string') return type;
  const node = type as { type?: unknown; name?: string; items?: unknown };
  return node.type === 'array' ? recordNameOf(node.items) : (node.name ?? '');
}

describe('decimal bytes', () => {
  it.each([
    [0n, '00'],
    [1n, '01'],
    [127n, '7f'],
    [128n, '0080'],
    [-1n, 'ff'],
    [-128n, '80'],
    [-129n, 'ff7f'],
    [255n, '00ff'],
    [2n ** 63n, '008000000000000000'],
    [50n * 10n ** 18n, '02b5e3af16b1880000'],
  ])('%s is %s, as Java writes it', (value, hex) => {
    expect(bytesOfUnscaled(value).toString('hex')).toBe(hex);
    expect(unscaledOfBytes(Buffer.from(hex, 'hex'))).toBe(value);
  });

  it('any number of 38 digits comes back; longer encodings mean the same', () => {
    const limit = 10n ** 38n - 1n;
    fc.assert(
      fc.property(fc.bigInt({ min: -limit, max: limit }), (value) => {
        const bytes = bytesOfUnscaled(value);
        const filler = Buffer.alloc(3, value < 0n ? 0xff : 0);
        expect(unscaledOfBytes(bytes)).toBe(value);
        expect(unscaledOfBytes(Buffer.concat([filler, bytes]))).toBe(value);
      }),
    );
  });

  it('39 digits and no bytes are refused', () => {
    expect(() => bytesOfUnscaled(10n ** 38n)).toThrow('decimal(38,18)');
    expect(() => unscaledOfBytes(Buffer.alloc(0))).toThrow('0 bytes');
  });
});

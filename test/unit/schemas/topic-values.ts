/** Arbitrary values of every topic, made from the samples: each leaf replaced by any other of its kind. */
import fc from 'fast-check';
import { LEDGER_ASSETS } from '../../../schemas/assets.ts';
import type { TopicValues } from '../../../schemas/events.ts';
import type { TopicName } from '../../../schemas/topology.ts';
import { BARE, FULL } from '../../fixtures/topic-samples.ts';

const INT64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const MONEY = fc.record({
  asset: fc.constantFrom(...LEDGER_ASSETS),
  minor: fc.bigInt({ min: -(10n ** 26n) + 1n, max: 10n ** 26n - 1n }),
});

function anyLike(sample: unknown): fc.Arbitrary<unknown> {
  if (sample instanceof Date)
    return fc.date({
      noInvalidDate: true,
      min: new Date(-62_167_219_200_000),
      max: new Date('9999-12-31T23:59:59.999Z'),
    });
  if (Buffer.isBuffer(sample)) return fc.uint8Array().map((bytes) => Buffer.from(bytes));
  if (Array.isArray(sample)) return fc.array(anyLike(sample[0]), { maxLength: 3 });
  if (typeof sample === 'bigint') return INT64;
  if (typeof sample === 'number') return fc.integer();
  if (typeof sample === 'boolean') return fc.boolean();
  if (typeof sample === 'string') {
    return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(sample) ? fc.uuid() : fc.string({ unit: 'grapheme' });
  }
  if (sample !== null && typeof sample === 'object' && 'minor' in sample) return MONEY;
  return anyRecord(sample as Record<string, unknown>, {});
}

/** A field that is null in the bare sample may be null. */
function anyRecord(full: Record<string, unknown>, bare: Record<string, unknown>): fc.Arbitrary<unknown> {
  const fields = Object.entries(full).map(([name, value]) => {
    const other = bare[name];
    const isRecord = typeof value === 'object' && value?.constructor === Object && !('minor' in value);
    const arbitrary = isRecord && other ? anyRecord(value as never, other as never) : anyLike(value);
    return [name, other === null ? fc.option(arbitrary, { nil: null }) : arbitrary] as const;
  });
  // Own prototype, as our decoded records are compared with toEqual.
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true });
}

export function anyTopicValue<T extends TopicName>(topic: T): fc.Arbitrary<TopicValues[T]> {
  return anyRecord(FULL[topic] as never, BARE[topic] as never) as fc.Arbitrary<TopicValues[T]>;
}

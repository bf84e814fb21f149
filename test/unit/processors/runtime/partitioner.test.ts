/** Our partitioner against kafkajs' Java-compatible one and figures of the Java client. */
import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { expect, test } from 'vitest';
import { partitionOf } from '../../../../schemas/partition.ts';

const theirs = Partitioners.DefaultPartitioner();

test('property: every key goes where a Java client sends it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
      const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
        partitionId,
        leader: 1,
      }));
      const message = { key, value: null };
      const expected = theirs({ topic: 't', partitionMetadata, message } as never);
      expect(partitionOf(key, partitions)).toBe(expected);
    }),
  );
});

test("values of the Java client's own test of murmur2", () => {
  // UtilsTest.testMurmur2: "21" -> -973932308, "foobar" -> -790332482, "abc" -> 479470107 (kept to 31 bits here)
  const positive = (hash: number) => hash & 0x7fffffff;
  const whole = 2 ** 31;
  expect(partitionOf('21', whole)).toBe(positive(-973932308));
  expect(partitionOf('foobar', whole)).toBe(positive(-790332482));
  expect(partitionOf('abc', whole)).toBe(positive(479470107));
});

/** Reading the broker's word on its group coordinators. */
import { expect, test } from 'vitest';
import { groupErrors } from '../../../sandbox/kafka-probe.ts';

function group(error: number, ...texts: string[]): Buffer {
  const code = Buffer.alloc(2);
  code.writeInt16BE(error);
  const fields = texts.map((value) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]));
  return Buffer.concat([code, ...fields, Buffer.alloc(4)]);
}

test('one loading coordinator among loaded ones is seen', () => {
  const body = Buffer.concat([
    Buffer.from([0, 0, 0, 3]),
    group(0, 'a', 'Dead', '', ''),
    group(14, 'bc', '', '', ''),
    group(0, '', 'Empty', 'consumer', ''),
  ]);
  expect(groupErrors(body)).toEqual([0, 14, 0]);
});

test('a truncated answer is an error, not a yes', () => {
  expect(() => groupErrors(Buffer.from([0, 0, 0, 1, 0, 0]))).toThrow();
});

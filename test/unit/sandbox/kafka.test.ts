/** What the embedded Kafka is given on its first start. */
import { expect, it } from 'vitest';
import { newClusterId } from '../../../sandbox/kafka.ts';

it.each([0x00, 0x7f, 0xf8, 0xfb, 0xff])(
  'a cluster id that starts with the byte %i is 22 characters and no option',
  (first) => {
    const id = newClusterId((size) => Buffer.alloc(size, first));
    expect(id).toMatch(/^[A-Za-z0-9][\w-]{21}$/);
  },
);

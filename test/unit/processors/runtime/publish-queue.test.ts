/** What waits to be published: order, bounds, who gets which answer. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PublishTimeout, QueueFull, RecordTooLarge } from '../../../../processors/runtime/publish-errors.ts';
import { type OutRecord, PublishQueue } from '../../../../processors/runtime/publish-queue.ts';

const record = (name: string, bytes = 10): OutRecord => ({
  topic: 't',
  key: name,
  value: Buffer.alloc(bytes),
  headers: {},
});
const names = (batch: { records: readonly OutRecord[] } | null) => batch?.records.map((one) => one.key);

/** How a promise stands, without waiting for it. */
async function stateOf(promise: Promise<void>): Promise<string> {
  const pending = Symbol('pending');
  try {
    const answer = await Promise.race([promise, Promise.resolve(pending)]);
    return answer === (pending as unknown) ? 'pending' : 'done';
  } catch (error) {
    return (error as Error).name;
  }
}

describe('PublishQueue', () => {
  test('cuts by number, first in first out, and answers a call when all of it is acknowledged', async () => {
    const queue = new PublishQueue({ maxBatch: 3, maxQueued: 100 });
    const first = queue.add([record('a'), record('b')], undefined);
    const second = queue.add([record('c'), record('d'), record('e')], undefined);
    const one = queue.next()!;
    expect(names(one)).toEqual(['a', 'b', 'c']);
    queue.acknowledge(one);
    expect([await stateOf(first), await stateOf(second)]).toEqual(['done', 'pending']);
    const two = queue.next()!;
    expect(names(two)).toEqual(['d', 'e']);
    queue.acknowledge(two);
    expect(await stateOf(second)).toBe('done');
    expect(queue.next()).toBeNull();
    expect(queue.depth).toBe(0);
  });

  test('cuts by size, and refuses one record that no broker takes', async () => {
    const queue = new PublishQueue({ maxBatch: 500, maxQueued: 100 });
    const all = queue.add([record('a', 500_000), record('b', 500_000)], undefined);
    const one = queue.next()!;
    expect(names(one)).toEqual(['a']);
    queue.acknowledge(one);
    expect(names(queue.next())).toEqual(['b']);
    await expect(queue.add([record('x', 1_000_000)], undefined)).rejects.toThrow(RecordTooLarge);
    expect(await stateOf(all)).toBe('pending');
  });

  test('is bounded [failure 79]', async () => {
    const queue = new PublishQueue({ maxBatch: 2, maxQueued: 3 });
    void queue.add([record('a'), record('b')], undefined);
    await expect(queue.add([record('c'), record('d')], undefined)).rejects.toThrow(QueueFull);
    void queue.add([record('c')], undefined);
    expect(queue.depth).toBe(3);
    queue.acknowledge(queue.next()!);
    expect(queue.depth).toBe(1);
  });

  test('a caller that gives up takes back what was not sent; what was sent stays ours until known', async () => {
    const queue = new PublishQueue({ maxBatch: 2, maxQueued: 10 });
    const late = queue.add([record('a'), record('b'), record('c')], 5);
    const batch = queue.next()!;
    await expect(late).rejects.toThrow(PublishTimeout);
    expect(queue.depth).toBe(2);
    queue.acknowledge(batch);
    expect(queue.depth).toBe(0);
    expect(queue.next()).toBeNull();
  });

  test('does not keep what callers left behind while nothing moves', async () => {
    const queue = new PublishQueue({ maxBatch: 1, maxQueued: 10_000 });
    void queue.add([record('head')], undefined);
    queue.next();
    const calls = Array.from({ length: 1_000 }, (_, index) => queue.add([record(`${index}`)], 1));
    await Promise.allSettled(calls);
    expect(queue.depth).toBe(1);
    void queue.add([record('new')], undefined);
    expect(names(queue.next())).toEqual(['new']);
  });

  test('a refused batch is sent again call by call, so that only the culprit is refused', async () => {
    const queue = new PublishQueue({ maxBatch: 10, maxQueued: 100 });
    const calls = ['a', 'bad', 'c'].map((name) => queue.add([record(name)], undefined));
    queue.refuse(queue.next()!, new Error('refused'));
    const later = queue.add([record('d')], undefined);
    for (let batch = queue.next(); batch !== null; batch = queue.next()) {
      if (names(batch)!.includes('bad')) queue.refuse(batch, new RangeError('refused'));
      else queue.acknowledge(batch);
    }
    expect(await Promise.all([...calls, later].map(stateOf))).toEqual(['done', 'RangeError', 'done', 'done']);
    expect(queue.depth).toBe(0);
  });

  test('abandon answers everybody, also those in flight', async () => {
    const queue = new PublishQueue({ maxBatch: 1, maxQueued: 100 });
    const calls = ['a', 'b'].map((name) => queue.add([record(name)], undefined));
    queue.next();
    queue.abandon(new TypeError('closed'));
    expect(await Promise.all(calls.map(stateOf))).toEqual(['TypeError', 'TypeError']);
  });

  test('property: every record is sent once, in order, and every call is answered', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 1, max: 7 }),
        fc.infiniteStream(fc.boolean()),
        async (calls, maxBatch, adding) => {
          const queue = new PublishQueue({ maxBatch, maxQueued: 1_000 });
          const waiting = [...calls];
          const answers: Promise<void>[] = [];
          const sent: string[] = [];
          let serial = 0;
          const add = () => {
            const count = waiting.shift()!;
            answers.push(
              queue.add(
                Array.from({ length: count }, () => record(`${serial++}`)),
                undefined,
              ),
            );
          };
          for (;;) {
            while (waiting.length > 0 && adding.next().value) add();
            const batch = queue.next();
            if (batch === null && waiting.length === 0) break;
            if (batch === null) {
              add();
              continue;
            }
            expect(batch.records.length).toBeLessThanOrEqual(maxBatch);
            sent.push(...names(batch)!);
            queue.acknowledge(batch);
          }
          await Promise.all(answers);
          expect(sent).toEqual(Array.from({ length: serial }, (_, index) => `${index}`));
          expect(queue.depth).toBe(0);
        },
      ),
    );
  });
});

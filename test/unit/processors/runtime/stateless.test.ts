/** What a stateless driver knows before it reads: the group's committed offsets. */
import { expect, test } from 'vitest';
import { createLogger } from '../../../../processors/runtime/logger.ts';
import { StatelessDriver } from '../../../../processors/runtime/stateless.ts';

const log = createLogger({ role: 'test', level: 'silent', pretty: false });
const failure = (retriable: boolean) =>
  Object.assign(new Error('not the correct coordinator for this group'), { retriable });

function driverOf(answers: (Error | Map<number, bigint>)[]): StatelessDriver {
  return new StatelessDriver({
    log,
    topic: 'topic',
    handler: async () => undefined,
    committed: async () => {
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
}

test('a broker that has just started is asked again', async () => {
  const driver = driverOf([failure(true), failure(true), new Map([[3, 17n]])]);
  await driver.remember();
  expect(driver.nextOffset(3)).toBe(17n);
});

test('what asking again will not change ends the start', async () => {
  const driver = driverOf([failure(false), new Map([[3, 17n]])]);
  await expect(driver.remember()).rejects.toThrow('not the correct coordinator');
});

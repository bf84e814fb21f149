/** Log lines: JSON for machines, pretty with the emoji of their kind for people, never a secret. */
import { expect, test } from 'vitest';
import { createLogger, emojiOf } from '../../../../processors/runtime/logger.ts';

test('JSON lines carry role, level as a word, and no secret [failures 81, 114]', () => {
  const lines: string[] = [];
  const log = createLogger({
    role: 'convert',
    level: 'info',
    pretty: false,
    write: (line) => lines.push(line),
  });
  log.info({ kind: 'payment', order: { secret: 's3cret', id: 7 } }, 'hello');
  log.debug('unseen');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 'info',
    role: 'convert',
    kind: 'payment',
    msg: 'hello',
  });
  expect(lines[0]).not.toContain('s3cret');
});

test('pretty lines are led by the emoji of their kind', () => {
  const lines: string[] = [];
  const log = createLogger({
    role: 'settle',
    level: 'info',
    pretty: true,
    write: (line) => lines.push(line),
  });
  log.info({ kind: 'payment' }, 'credited');
  log.error({ err: new Error('broken pipe') }, 'lost');
  expect(lines[0]).toMatch(/💰 settle: credited/);
  expect(lines[1]).toMatch(/❌ settle: lost/);
  expect(lines[1]).toContain('broken pipe');
});

test('without a kind the level decides', () => {
  expect(emojiOf({ level: 50 })).toBe('❌');
  expect(emojiOf({ level: 40 })).toBe('🔄');
  expect(emojiOf({ level: 30 })).toBe('📊');
});

test.each([true, false])('no value that is logged can fail the work, pretty: %s [failure 36]', (pretty) => {
  const lines: string[] = [];
  const log = createLogger({ role: 'settle', level: 'debug', pretty, write: (line) => lines.push(line) });
  const circle: Record<string, unknown> = { id: 7n };
  circle.self = circle;
  const throwing = {
    get amount(): string {
      throw new Error('not now');
    },
    toJSON(): string {
      throw new Error('never');
    },
  };
  const odd = [
    null,
    undefined,
    7n,
    Symbol('x'),
    new Map([[1n, circle]]),
    circle,
    throwing,
    () => 1,
    Buffer.of(0),
  ];
  for (const value of odd) {
    log.info({ kind: 'ids', value }, 'with a value');
    log.warn(value, 'as all there is');
  }
  expect(lines).toHaveLength(2 * odd.length);
});

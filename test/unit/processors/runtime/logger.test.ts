/** Log lines: JSON for machines, pretty with the emoji of their kind for people, never a secret. */
import { expect, test } from 'vitest';
import { createLogger, emojiOf } from '../../../../processors/runtime/logger.ts';

test('JSON lines carry role, level as a word, and no secret', () => {
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

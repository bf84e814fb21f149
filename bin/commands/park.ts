/** `spillway park|unpark <intent>`: stops one piece of outside work, or lets parked work go on. */
import type { Command } from 'commander';

export function register(program: Command): void {
  program
    .command('park <intent>')
    .description('stop effects of one intent, such as payout:<id>; look-ups go on')
    .action((key: string) => change(key, 'park'));
  program
    .command('unpark <intent>')
    .description('let a parked intent go on')
    .action((key: string) => change(key, 'unpark'));
}

async function change(key: string, act: 'park' | 'unpark'): Promise<void> {
  const { withLedger } = await import('../operator.ts');
  const { parkIntent } = await import('../../ledger/sql/intent-park.ts');
  const { unparkIntent } = await import('../../ledger/sql/intent-unpark.ts');
  const { InputError } = await import('../../gateway/api/input-error.ts');
  const done = await withLedger(({ db, now }) =>
    act === 'park' ? parkIntent(db, key, now(), 'parked by an operator') : unparkIntent(db, key, now()),
  );
  if (!done)
    throw new InputError(
      'intent',
      key,
      act === 'park' ? 'nothing with this key waits or runs' : 'nothing with this key is parked',
    );
  console.log(`${act}ed ${key}`);
}

/** `spillway down`: stops what `up` started; the data stays. */
import type { Command } from 'commander';

/** Adds the command. */
export function register(program: Command): void {
  program
    .command('down')
    .description('stop everything that `up` started; the data stays')
    .action(async () => {
      const { down } = await import('../../sandbox/down.ts');
      const { currentHome } = await import('../../sandbox/instance.ts');
      const stopped = await down(currentHome());
      console.log(stopped.length > 0 ? `stopped: ${stopped.join(', ')}` : 'nothing was running');
    });
}

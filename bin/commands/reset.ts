/** `spillway reset`: stops everything and clears the data of the embedded servers. */
import type { Command } from 'commander';

/** Adds the command. */
export function register(program: Command): void {
  program
    .command('reset')
    .description('stop everything and clear the data of the embedded servers (downloads and secrets stay)')
    .action(async () => {
      const { down, clearData } = await import('../../sandbox/down.ts');
      const { currentHome } = await import('../../sandbox/instance.ts');
      const home = currentHome();
      const stopped = await down(home);
      if (stopped.length > 0) console.log(`stopped: ${stopped.join(', ')}`);
      console.log(clearData(home) ? `cleared the data in ${home}` : `there was no data in ${home}`);
    });
}

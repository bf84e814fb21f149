/** `spillway run <role>`: one role in the foreground, as in a container. */
import type { Command } from 'commander';
import { ROLE_NAMES, type RoleName } from '../../schemas/topology.ts';
import { UsageError } from '../usage-error.ts';

export function register(program: Command): void {
  program
    .command('run')
    .description('run one role in the foreground, as in a container')
    .argument('<role>', ROLE_NAMES.join(', '))
    .action(async (role: string) => {
      if (!(ROLE_NAMES as readonly string[]).includes(role)) {
        throw new UsageError(`there is no role ${JSON.stringify(role)}; one of ${ROLE_NAMES.join(', ')}`);
      }
      const { startRole } = await import('../roles.ts');
      await startRole(role as RoleName);
    });
}

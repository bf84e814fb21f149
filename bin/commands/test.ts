/** `spillway test`: everything that CI runs, one suite after the other. */
import { Argument, type Command } from 'commander';

/** Adds the command. */
export function register(program: Command): void {
  program
    .command('test')
    .description(
      'types, style, unit, integration and whole-flow tests, simulation; the last line has the sum',
    )
    .addArgument(
      new Argument('[suite]', 'only this one').choices(['unit', 'int', 'e2e', 'sim', 'all']).default('all'),
    )
    .action(async (suite: string) => {
      const { runSuites } = await import('../test-suites.ts');
      process.exitCode = await runSuites(suite);
    });
}

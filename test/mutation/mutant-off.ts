/** Switches the mutant off after each file of tests: what the next one imports, later runs will use, too. */
import { afterAll, inject } from 'vitest';

const namespace = inject('globalNamespace' as never) as string;

afterAll(() => {
  const stryker = Reflect.get(globalThis, namespace) as { activeMutant: string | undefined } | undefined;
  if (stryker) stryker.activeMutant = undefined;
});

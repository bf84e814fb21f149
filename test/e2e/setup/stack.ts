/**
 * Starts the whole stack, roles included, once for all e2e files, in a numbered home of its own: runs side by side do
 * not meet, and a killed one is cleaned up by the next run that takes its number.
 */
import type { TestProject } from 'vitest/node';
import { remove } from '../../../sandbox/files.ts';
import { ownPaths } from '../../../sandbox/instance.ts';
import { AlreadyRunning, type Stack, startStack } from '../../../sandbox/stack.ts';

export interface RunningStack {
  /** SPILLWAY_HOME of the instance. */
  readonly home: string;
  /** Every setting of the roles, development secrets included. */
  readonly env: Readonly<Record<string, string>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: RunningStack;
  }
}

const SLOTS = 20;

/** What differs from a stack of `up`: the samples' secret and order ids, and times that a test can wait for. */
const SETTINGS = {
  NOWPAYMENTS_IPN_SECRET: 'sample-ipn-secret-do-not-use',
  LEGACY_ORDERS: 'on',
  PARTIAL_AFTER: '5s',
  RATE_MAX_AGE: '15s',
  MISSED_AFTER: '15s',
};

/** vitest calls this once before the first test; what it returns runs after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stack, home } = await startInFreeSlot();
  project.provide('stack', { home, env: stack.env });
  return async () => {
    await stack.stop();
    if (!process.env.SPILLWAY_E2E_KEEP) remove(home);
  };
}

async function startInFreeSlot(): Promise<{ stack: Stack; home: string }> {
  for (let slot = 0; slot < SLOTS; slot++) {
    const home = `${ownPaths().home}-e2e-${slot}`;
    try {
      return { home, stack: await startStack({ home, ephemeral: true, env: SETTINGS }) };
    } catch (error) {
      if (!(error instanceof AlreadyRunning)) throw error;
    }
  }
  throw new Error(`${SLOTS} test runs are under way already; wait for one of them`);
}

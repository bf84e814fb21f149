/**
 * A pool of vitest whose one thread stays from mutant to mutant: starting a thread and loading vitest and the modules into
 * it takes twenty times as long as the tests of a mutant.
 */
import { Worker } from 'node:worker_threads';
import type { PoolRunnerInitializer, PoolWorker } from 'vitest/node';

type Listener = (...args: unknown[]) => void;

let thread: Worker | undefined;
/** Runs follow each other: what the thread says belongs to one of them. */
let free: Promise<void> = Promise.resolve();

function threadOf(env: NodeJS.ProcessEnv): Worker {
  if (!thread) {
    const started = new Worker(new URL('./warm-worker.ts', import.meta.url), { env });
    started.once('exit', () => {
      if (thread === started) thread = undefined;
    });
    started.setMaxListeners(0);
    started.unref();
    thread = started;
  }
  return thread;
}

function workerOfRun(env: NodeJS.ProcessEnv): PoolWorker {
  const listeners: [string, Listener][] = [];
  let mine: Worker | undefined;
  let release: () => void = () => undefined;
  return {
    name: 'warm',
    async start() {
      const before = free;
      free = new Promise((resolve) => {
        release = resolve;
      });
      await before;
      mine = threadOf(env);
    },
    on(event, listener) {
      listeners.push([event, listener]);
      mine?.on(event, listener);
    },
    off(event, listener) {
      mine?.off(event, listener);
    },
    send(message) {
      mine?.postMessage(message);
    },
    async stop() {
      for (const [event, listener] of listeners) mine?.off(event, listener);
      release();
    },
    deserialize: (data) => data,
  };
}

export const warmPool: PoolRunnerInitializer = {
  name: 'warm',
  createPoolWorker: ({ env }) => workerOfRun(env as NodeJS.ProcessEnv),
};

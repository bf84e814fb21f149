/**
 * The thread of warm-pool.ts: vitest's own worker, which keeps the modules that it has evaluated. A mutant is switched on
 * while tests run, so they are the same for all; only one in a constant of a module needs them evaluated anew.
 */
import { parentPort } from 'node:worker_threads';
import { init, runBaseTests, setupEnvironment } from 'vitest/worker';

type Listener = (message: { readonly type?: string }) => void;

const port = parentPort!;
/** The first is vitest's for runs and stays; what follows are the calls of one run. */
let listeners: Listener[] = [];
let isTainted = false;

port.on('message', (message) => {
  if (message?.type === 'start') listeners = listeners.slice(0, 1);
  for (const listener of listeners) listener(message);
});

init({
  post: (message) => port.postMessage(message),
  on: (listener) => listeners.push(listener as Listener),
  off: (listener) => {
    listeners = listeners.filter((one) => one !== listener);
  },
  runTests: (state, traces) => {
    const provided: Readonly<Record<string, unknown>> = state.providedContext;
    const isStatic = provided.mode === 'mutant' && provided.mutantActivation === 'static';
    state.ctx.config.isolate = isStatic || isTainted;
    isTainted = isStatic;
    return runBaseTests('run', state, traces);
  },
  collectTests: (state, traces) => runBaseTests('collect', state, traces),
  setup: setupEnvironment,
});

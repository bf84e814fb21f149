/**
 * Nothing in a simulation may depend on the machine: real time, chance and timers are watched while a seed runs, and
 * whoever asks for them from our own code is named.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { WarmPglite } from './database.ts';
import { simulate } from './run.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const found = new Set<string>();
const undo: (() => void)[] = [];

/** `processors/runtime/clock.ts`: the file that called what is watched, when it is ours. */
function caller(): string | undefined {
  // Above it: the message, this function, `note` and the watching wrapper.
  const frame = new Error().stack?.split('\n')[4] ?? '';
  const path = /(?:file:\/\/)?(\/[^():]+):\d+:\d+\)?$/.exec(frame)?.[1];
  if (!path?.startsWith(`${ROOT}/`) || path.includes('/node_modules/')) return undefined;
  return path.slice(ROOT.length + 1);
}

function note(what: string): void {
  const path = caller();
  if (path !== undefined) found.add(`${what} in ${path}`);
}

function watch<T extends object, K extends keyof T & string>(target: T, name: K, what: string): void {
  const original = target[name];
  undo.push(() => {
    target[name] = original;
  });
  const call = original as (...given: unknown[]) => unknown;
  target[name] = function (this: unknown, ...given: unknown[]) {
    note(what);
    return call.apply(this === undefined ? target : this, given);
  } as T[K];
}

function watchDate(): void {
  const Original = globalThis.Date;
  undo.push(() => {
    globalThis.Date = Original;
  });
  globalThis.Date = new Proxy(Original, {
    construct(target, given, newTarget) {
      if (given.length === 0) note('new Date()');
      return Reflect.construct(target, given, newTarget) as object;
    },
    get(target, name) {
      if (name === 'now') note('Date.now');
      return Reflect.get(target, name, target) as unknown;
    },
  });
}

afterEach(() => {
  for (const one of undo.splice(0).reverse()) one();
  syncBuiltinESMExports();
});

it('no time, chance or timer of the machine is used in a simulation', { timeout: 300_000 }, async () => {
  const warm = await WarmPglite.open();
  try {
    watchDate();
    watch(Math, 'random', 'Math.random');
    watch(performance, 'now', 'performance.now');
    watch(globalThis, 'setInterval', 'setInterval');
    watch(globalThis, 'setImmediate', 'setImmediate');
    for (const name of ['randomUUID', 'randomBytes', 'randomInt'] as const)
      watch(crypto, name, `crypto.${name}`);
    syncBuiltinESMExports();
    const result = await simulate(warm, { seed: '5' });
    expect(result.problems).toEqual([]);
    expect([...found].sort()).toEqual([]);
    // The watch itself works.
    new Date();
    Date.now();
    crypto.randomUUID();
    expect([...found].map((one) => one.split(' in ')[0])).toEqual([
      'new Date()',
      'Date.now',
      'crypto.randomUUID',
    ]);
  } finally {
    await warm.close();
  }
});

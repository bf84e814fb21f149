/** What `spillway up` does: run the stack in this process, or in a background process that is watched until ready. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './files.ts';
import { homeLayout, makeHome } from './home.ts';
import { identify, isAlive, type ProcessIdentity } from './identity.ts';
import {
  CHECKOUT,
  currentHome,
  IS_ROOT,
  linkedHome,
  ownPaths,
  readAddresses,
  type StackAddresses,
} from './instance.ts';
import { lockOwner } from './lock.ts';
import { createProgress } from './progress.ts';
import { AlreadyRunning, startStack } from './stack.ts';
import { readState } from './state.ts';
import { pause } from './wait.ts';

export interface UpRequest {
  readonly detach: boolean;
  readonly ephemeral: boolean;
}

/**
 * Brings the stack up; in the foreground it returns when it was stopped, else when everything is ready.
 * @returns the exit code
 */
export async function up(request: UpRequest): Promise<number> {
  const home = homeFor(request);
  const running = runningOwner(home);
  if (running !== null) return showRunning(running.home, running.owner);
  try {
    return request.detach ? await inBackground(home, request) : await inForeground(home, request);
  } catch (error) {
    // Two calls at the same moment: the slower one shows what the faster one starts.
    const other = error instanceof AlreadyRunning ? runningOwner(home) : null;
    if (other === null) throw error;
    return showRunning(other.home, other.owner);
  }
}

function homeFor(request: UpRequest): string {
  const { home } = ownPaths();
  // Beside the lasting one, whose data it must never touch; a folder that was set is taken at its word.
  return request.ephemeral && !process.env.SPILLWAY_HOME?.trim() ? `${home}-ephemeral` : home;
}

function runningOwner(home: string): { home: string; owner: ProcessIdentity } | null {
  for (const candidate of [home, currentHome()]) {
    const owner = lockOwner(homeLayout(candidate).lock);
    if (owner !== null) return { home: candidate, owner };
  }
  return null;
}

/** Another instance of this checkout that runs (a test's, say) keeps the links in `.spillway/`. */
function mayLink(home: string): boolean {
  const linked = linkedHome();
  return linked === null || linked === home || lockOwner(homeLayout(linked).lock) === null;
}

async function inForeground(home: string, request: UpRequest): Promise<number> {
  const started = performance.now();
  const stopping = new AbortController();
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        stopping.abort();
        resolve();
      });
    }
  });
  const progress = createProgress();
  try {
    const stack = await startStack({
      home,
      ephemeral: request.ephemeral,
      link: mayLink(home),
      signal: stopping.signal,
      onEvent: progress.event,
    });
    progress.ready(addressLines(stack.addresses, home), performance.now() - started);
    await asked;
    progress.note('stopping');
    await stack.stop();
    progress.note('stopped');
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    progress.note('stopped before everything was ready');
    return 1;
  } finally {
    progress.close();
  }
  return 0;
}

async function inBackground(home: string, request: UpRequest): Promise<number> {
  const layout = homeLayout(home);
  makeHome(home, IS_ROOT);
  mkdirSync(layout.logs, { recursive: true });
  const path = join(layout.logs, 'up.log');
  const log = openSync(path, 'w', 0o600);
  const args = [join(CHECKOUT, 'bin', 'spillway.ts'), 'up', ...(request.ephemeral ? ['--ephemeral'] : [])];
  const child = spawn(process.execPath, args, { cwd: CHECKOUT, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  child.unref();
  const identity = child.pid === undefined ? null : identify(child.pid);
  if (identity === null) throw new Error(`could not start in the background; see ${path}`);
  const ready = await watchUntilReady(home, identity, (line) => console.log(line));
  if (ready) return showAddresses(home);
  const last = (readIfThere(path) ?? '').trim().split('\n').at(-1) ?? '';
  throw new Error(`${last.replace(/^spillway: /, '')} (log: ${path})`);
}

async function showRunning(home: string, owner: ProcessIdentity): Promise<number> {
  if (!readState(homeLayout(home).state)?.ready) {
    console.log(`process ${owner.pid} is starting it; waiting`);
    const ready = await watchUntilReady(home, owner, (line) => console.log(line));
    if (!ready)
      throw new Error(
        `process ${owner.pid} ended before everything was ready (logs: ${homeLayout(home).logs})`,
      );
  }
  console.log('already running');
  return showAddresses(home);
}

/** Follows state.json of another process; false when that process ends first. */
async function watchUntilReady(
  home: string,
  owner: ProcessIdentity,
  print: (line: string) => void,
): Promise<boolean> {
  const seen = new Map<string, string>();
  for (;;) {
    const alive = isAlive(owner);
    const state = readState(homeLayout(home).state);
    const isOurs = state?.supervisor.pid === owner.pid && state.supervisor.started === owner.started;
    for (const service of isOurs ? state.services : []) {
      if (seen.get(service.name) === service.status) continue;
      seen.set(service.name, service.status);
      print(`${service.name}: ${service.status}`);
    }
    if (isOurs && state.ready) return true;
    if (!alive) return false;
    await pause(200);
  }
}

function showAddresses(home: string): number {
  const addresses = readAddresses(home);
  if (addresses === null)
    throw new Error(`${homeLayout(home).stack} is not there although everything is ready`);
  for (const line of addressLines(addresses, home)) console.log(line);
  return 0;
}

function addressLines(addresses: StackAddresses, home: string): string[] {
  const { simulators, roles: _, ...main } = addresses;
  const rows = [
    ...Object.entries(main).filter(([, value]) => value),
    ...Object.entries(simulators).map(([name, url]) => [`${name} simulator`, url] as const),
    ['data and logs', home] as const,
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

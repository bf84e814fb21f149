/**
 * Supervises one child process: its own log file, a health check, restart with back-off after a crash, a clean stop.
 * Children get file descriptors, not pipes, and their own process group: they outlive a killed supervisor unharmed and
 * a Ctrl-C reaches the supervisor alone, which then stops them in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { HEALTHY_AFTER_MS, restartDelay } from './backoff.ts';
import { identify, type ProcessIdentity, send, stopProcess } from './identity.ts';
import type { ServiceKind, ServiceState, ServiceStatus } from './state.ts';
import { pause } from './wait.ts';

export interface ServiceSpec {
  readonly name: string;
  readonly kind: ServiceKind;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
  readonly url: string | null;
  /** True when it answers as it should; a throw counts as false. */
  readonly isReady: () => Promise<boolean>;
  /** Longest time from start to the first ready. */
  readonly startLimit_ms: number;
  readonly stopSignal: NodeJS.Signals;
  readonly grace_ms: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Crashes before the first ready that are answered by another try; 0 = the first one fails the start. */
  readonly startRetries: number;
}

export interface Service {
  readonly name: string;
  readonly kind: ServiceKind;
  state(): ServiceState;
  /** Starts it; resolves at the first ready. Rejects with the end of its log when it ends or hangs before that. */
  start(): Promise<void>;
  /** Sends a signal to the running process (tests and the demo kill roles with it); it is restarted if it ends. */
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

const HEALTH_PAUSE_MS = 2_000;
const START_PAUSE_MS = 100;
const LOG_LIMIT_BYTES = 20 * 1024 * 1024;

/** Makes the supervisor of one child; `changed` is called after every change of its state, synchronously. */
export function createService(spec: ServiceSpec, changed: (state: ServiceState) => void): Service {
  let status: ServiceStatus = 'stopped';
  let child: ChildProcess | null = null;
  let identity: ProcessIdentity | null = null;
  let since = new Date().toISOString();
  let startedAt_ms = 0;
  let restarts = 0;
  let crashesInARow = 0;
  let lastExit: string | null = null;
  let wasReady = false;
  const stopping = new AbortController();

  const state = (): ServiceState => ({
    name: spec.name,
    kind: spec.kind,
    status,
    process: identity,
    restarts,
    url: spec.url,
    log: spec.log,
    stopSignal: spec.stopSignal,
    since,
    lastExit,
  });

  const become = (next: ServiceStatus) => {
    if (next !== status) since = new Date().toISOString();
    status = next;
    changed(state());
  };

  const launch = () => {
    child = spawnChild(spec);
    startedAt_ms = performance.now();
    identity = child.pid === undefined ? null : identify(child.pid);
    // The record is written in the same turn as the spawn: a kill of the supervisor leaves no child unknown.
    become(restarts > 0 ? 'restarting' : 'starting');
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(signal === null ? `exit code ${code}` : `signal ${signal}`));
  };

  const ended = (reason: string) => {
    if (child === null) return;
    child = null;
    identity = null;
    lastExit = reason;
    if (stopping.signal.aborted) return become('stopped');
    if (!wasReady && restarts >= spec.startRetries) return become('stopped');
    crashesInARow = performance.now() - startedAt_ms > HEALTHY_AFTER_MS ? 1 : crashesInARow + 1;
    restarts += 1;
    become('restarting');
    void pause(restartDelay(crashesInARow), stopping.signal).then(() => {
      if (!stopping.signal.aborted) launch();
    });
  };

  const check = async () => {
    const subject = child;
    if (subject === null) return;
    const ok = await healthy(spec);
    // The child may have ended, or another may run, by the time the answer is here.
    if (child !== subject || stopping.signal.aborted) return;
    if (ok) {
      wasReady = true;
      if (status !== 'ready') become('ready');
    } else if (status === 'ready') become('unhealthy');
  };

  const watch = async () => {
    while (!stopping.signal.aborted) {
      await check();
      await pause(status === 'ready' ? HEALTH_PAUSE_MS : START_PAUSE_MS, stopping.signal);
    }
  };

  return {
    name: spec.name,
    kind: spec.kind,
    state,
    async start() {
      launch();
      const end = performance.now() + spec.startLimit_ms;
      while (!wasReady && !stopping.signal.aborted) {
        await check();
        if (wasReady) break;
        if (status === 'stopped') throw startError(spec, `ended before it was ready (${lastExit})`);
        if (performance.now() > end)
          throw startError(spec, `was not ready after ${spec.startLimit_ms / 1000} s`);
        await pause(START_PAUSE_MS, stopping.signal);
      }
      if (stopping.signal.aborted) throw new Error(`${spec.name} was stopped before it was ready`);
      void watch();
    },
    kill(signal) {
      if (identity === null)
        throw new Error(`${spec.name} does not run (${status}), so it cannot get ${signal}`);
      send(identity, signal);
    },
    async stop() {
      stopping.abort();
      if (identity === null) return become('stopped');
      become('stopping');
      const subject = identity;
      await stopProcess(subject, spec.stopSignal, spec.grace_ms);
      identity = null;
      become('stopped');
    },
  };
}

async function healthy(spec: ServiceSpec): Promise<boolean> {
  try {
    return await spec.isReady();
  } catch {
    // Refused, reset or half-open: all of them mean "not yet" here, and the log file has the reason.
    return false;
  }
}

function spawnChild(spec: ServiceSpec): ChildProcess {
  const log = openLog(spec.log);
  try {
    return spawn(spec.command, [...spec.args], {
      cwd: spec.cwd,
      env: { ...spec.env },
      stdio: ['ignore', log, log],
      detached: true,
      ...(spec.owner ?? {}),
    });
  } finally {
    closeSync(log);
  }
}

function openLog(path: string): number {
  try {
    if (statSync(path).size > LOG_LIMIT_BYTES) renameSync(path, `${path}.1`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return openSync(path, 'a', 0o600);
}

function startError(spec: ServiceSpec, what: string): Error {
  return new Error(`${spec.name} ${what}; last log line: ${lastLine(spec.log)} (log: ${spec.log})`);
}

function lastLine(path: string): string {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  // A Java stack trace ends in its least telling lines: the last line that is not part of one is shown.
  const telling = lines.filter((line) => line.trim() !== '' && !/^\s+(at |\.\.\. )/.test(line));
  return telling.at(-1)?.slice(0, 300) ?? '(empty)';
}

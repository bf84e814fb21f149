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
  /** Settings of one start, over `env`; asked at each (tests arm a fail point with it). */
  readonly envOfStart?: () => Readonly<Record<string, string>>;
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
  /** The pause before each restart instead of a growing one. */
  readonly restartAfter_ms?: number;
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
  return new SupervisedChild(spec, changed);
}

class SupervisedChild implements Service {
  readonly name: string;
  readonly kind: ServiceKind;
  readonly #spec: ServiceSpec;
  readonly #changed: (state: ServiceState) => void;
  readonly #stopping = new AbortController();
  #status: ServiceStatus = 'stopped';
  #since = new Date().toISOString();
  #child: ChildProcess | null = null;
  #identity: ProcessIdentity | null = null;
  #startedAt_ms = 0;
  #restarts = 0;
  #crashesInARow = 0;
  #lastExit: string | null = null;
  #wasReady = false;

  constructor(spec: ServiceSpec, changed: (state: ServiceState) => void) {
    this.name = spec.name;
    this.kind = spec.kind;
    this.#spec = spec;
    this.#changed = changed;
  }

  state(): ServiceState {
    const { name, kind, url, log, stopSignal } = this.#spec;
    return {
      name,
      kind,
      status: this.#status,
      process: this.#identity,
      restarts: this.#restarts,
      url,
      log,
      stopSignal,
      since: this.#since,
      lastExit: this.#lastExit,
    };
  }

  async start(): Promise<void> {
    this.#launch();
    const end = performance.now() + this.#spec.startLimit_ms;
    while (!this.#wasReady && !this.#stopping.signal.aborted) {
      await this.#check();
      if (this.#wasReady) break;
      if (this.#status === 'stopped')
        throw startError(this.#spec, `ended before it was ready (${this.#lastExit})`);
      if (performance.now() > end) {
        throw startError(this.#spec, `was not ready after ${this.#spec.startLimit_ms / 1000} s`);
      }
      await pause(START_PAUSE_MS, this.#stopping.signal);
    }
    if (this.#stopping.signal.aborted) throw new Error(`${this.name} was stopped before it was ready`);
    void this.#watch();
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#identity === null) {
      throw new Error(`${this.name} does not run (${this.#status}), so it cannot get ${signal}`);
    }
    send(this.#identity, signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#identity === null) return this.#become('stopped');
    this.#become('stopping');
    await stopProcess(this.#identity, this.#spec.stopSignal, this.#spec.grace_ms);
    this.#identity = null;
    this.#become('stopped');
  }

  #launch(): void {
    const child = spawnChild(this.#spec);
    this.#child = child;
    this.#startedAt_ms = performance.now();
    this.#identity = child.pid === undefined ? null : identify(child.pid);
    // The record is written in the same turn as the spawn: a kill of the supervisor leaves no child unknown.
    this.#become(this.#restarts > 0 ? 'restarting' : 'starting');
    child.once('error', (error) => this.#ended(error.message));
    child.once('exit', (code, signal) =>
      this.#ended(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
  }

  #ended(reason: string): void {
    if (this.#child === null) return;
    this.#child = null;
    this.#identity = null;
    this.#lastExit = reason;
    const givesUp = !this.#wasReady && this.#restarts >= this.#spec.startRetries;
    if (this.#stopping.signal.aborted || givesUp) {
      this.#become('stopped');
      return;
    }
    const wasHealthy = performance.now() - this.#startedAt_ms > HEALTHY_AFTER_MS;
    this.#crashesInARow = wasHealthy ? 1 : this.#crashesInARow + 1;
    this.#restarts += 1;
    this.#become('restarting');
    const delay_ms = this.#spec.restartAfter_ms ?? restartDelay(this.#crashesInARow);
    void pause(delay_ms, this.#stopping.signal).then(() => {
      if (!this.#stopping.signal.aborted) this.#launch();
    });
  }

  async #check(): Promise<void> {
    const subject = this.#child;
    if (subject === null) return;
    const ok = await healthy(this.#spec);
    // The child may have ended, or another may run, by the time the answer is here.
    if (this.#child !== subject || this.#stopping.signal.aborted) return;
    if (ok) {
      this.#wasReady = true;
      if (this.#status !== 'ready') this.#become('ready');
    } else if (this.#status === 'ready') this.#become('unhealthy');
  }

  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#check();
      await pause(this.#status === 'ready' ? HEALTH_PAUSE_MS : START_PAUSE_MS, this.#stopping.signal);
    }
  }

  #become(next: ServiceStatus): void {
    if (next !== this.#status) this.#since = new Date().toISOString();
    this.#status = next;
    this.#changed(this.state());
  }
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
      env: { ...spec.env, ...spec.envOfStart?.() },
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

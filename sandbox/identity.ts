/**
 * Tells one process from another for longer than a pid lives: a pid together with its start time (and the boot it
 * belongs to). Leftovers of a killed supervisor are found and stopped by this pair, never by a name.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { until } from './wait.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque text; two processes that ever had the same pid differ in it. */
  readonly started: string;
}

/**
 * The identity of a running process.
 * @returns null when no such process runs (a zombie counts as gone: it holds no port and no file).
 */
export function identify(pid: number): ProcessIdentity | null {
  const started = process.platform === 'linux' ? startedOnLinux(pid) : startedElsewhere(pid);
  return started === null ? null : { pid, started };
}

/** True while exactly this process runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/**
 * Asks a process to stop and kills it after the grace time; returns when it is gone.
 * @throws when it is still there 5 s after SIGKILL (a process stuck in the kernel).
 */
export async function stopProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  grace_ms: number,
): Promise<'absent' | 'stopped' | 'killed'> {
  if (!isAlive(identity)) return 'absent';
  send(identity, signal);
  if (await until(() => !isAlive(identity), grace_ms)) return 'stopped';
  send(identity, 'SIGKILL');
  if (await until(() => !isAlive(identity), 5_000)) return 'killed';
  throw new Error(`process ${identity.pid} is still running after SIGKILL; stop it by hand and try again`);
}

/** Sends a signal to exactly this process; nothing happens when it is already gone. */
export function send(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    // ESRCH: it ended between the look and the signal, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function startedOnLinux(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
  // The name in parentheses may hold spaces and parentheses: fields are counted from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const startTicks = fields[19];
  if (state === 'Z' || state === 'X' || startTicks === undefined) return null;
  return `${bootId()}:${startTicks}`;
}

let boot: string | undefined;

function bootId(): string {
  // Ticks count from boot, so the same pid and ticks may come back after a reboot.
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return boot;
}

function startedElsewhere(pid: number): string | null {
  try {
    const text = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    if (text === '' || text.startsWith('Z')) return null;
    return text.replace(/^\S+\s+/, '');
  } catch (error) {
    // ps exits 1 when the process does not exist.
    if ((error as { status?: number }).status === 1) return null;
    throw error;
  }
}

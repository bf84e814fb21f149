/** A role as a child process of a benchmark, with its CPU time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createPortChooser } from '../ports.ts';
import { answersOk } from '../probe.ts';
import { until } from '../wait.ts';
import { BENCH_CWD } from './servers.ts';

export interface RoleProcess {
  /** Of the process since its start. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

const READY_MS = 60_000;

/** Starts `spillway run <role>` and waits until it is ready. @throws when it does not get there */
export async function startRoleProcess(
  role: string,
  env: Readonly<Record<string, string>>,
): Promise<RoleProcess> {
  const port = await createPortChooser().choose([]);
  const entry = fileURLToPath(new URL('../../bin/spillway.ts', import.meta.url));
  const child = spawn(process.execPath, [entry, 'run', role], {
    cwd: BENCH_CWD,
    stdio: ['ignore', 2, 'inherit'],
    env: { ...env, LISTEN_HOST: '127.0.0.1', METRICS_PORT: String(port), LOG_LEVEL: 'error' },
  });
  const metrics = `http://127.0.0.1:${port}`;
  const answers = () => answersOk(`${metrics}/readyz`).catch(() => false);
  const isReady = await until(() => child.exitCode !== null || answers(), READY_MS);
  if (!isReady || child.exitCode !== null) {
    await stopChild(child);
    throw new Error(`role ${role} did not get ready; run it by hand: spillway run ${role}`);
  }
  return { cpuSeconds: () => cpuSecondsOf(metrics), stop: () => stopChild(child) };
}

/** SIGTERM, and SIGKILL when the drain takes too long. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const limit = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await ended;
  clearTimeout(limit);
}

/** @param metrics base address of the role's metrics */
export async function cpuSecondsOf(metrics: string): Promise<number> {
  const text = await (await fetch(`${metrics}/metrics`)).text();
  const match = /^process_cpu_seconds_total(?:\{[^}]*\})? (\S+)/m.exec(text);
  if (!match) throw new Error(`no process_cpu_seconds_total at ${metrics}/metrics`);
  return Number(match[1]);
}

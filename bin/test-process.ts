/** Runs one child process of the tests: its output goes straight through, or line by line behind a name. */
import { type ChildProcess, spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CHECKOUT } from '../sandbox/instance.ts';

export interface Manner {
  /** Put before every line; null: nothing else speaks, the terminal is the child's. */
  readonly prefix: string | null;
  /** Leaves the processors to others when they want them. */
  readonly isPatient: boolean;
}

const PATIENT = 10;

/** @returns the exit code; 1 when it was killed */
export async function runProcess(command: string, args: readonly string[], manner: Manner): Promise<number> {
  const stdio = manner.prefix === null ? ('inherit' as const) : ('pipe' as const);
  const child = spawn(command, [...args], { cwd: CHECKOUT, stdio: ['ignore', stdio, stdio] });
  if (manner.isPatient) makePatient(child);
  const spoken = [child.stdout, child.stderr].flatMap((stream) =>
    stream ? [pass(stream, manner.prefix ?? '')] : [],
  );
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  await Promise.all(spoken);
  return code;
}

/** Its own children inherit it. A child that is gone already needs none. */
function makePatient({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, PATIENT);
  } catch {
    // Only the pace of the others would change.
  }
}

async function pass(stream: Readable, prefix: string): Promise<void> {
  for await (const line of createInterface({ input: stream })) console.log(`${prefix}${line}`);
}

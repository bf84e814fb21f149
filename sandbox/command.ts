/** Runs a short command to its end: set-up steps, version checks, migrations. Its output goes to a log file or is returned. */
import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly limit_ms?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Called for each line of standard output or error. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  /** Exit code; 127 when the command does not exist, 124 when the limit passed. */
  readonly code: number;
  /** Standard output and error, interleaved as they came; the last 64 KiB. */
  readonly output: string;
}

const KEPT_BYTES = 64 * 1024;

/** Runs a command; never rejects for what the command does. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: options.env as NodeJS.ProcessEnv | undefined,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.owner ?? {}),
    });
    let output = '';
    let partial = '';
    let timedOut = false;
    const take = (chunk: string) => {
      output = (output + chunk).slice(-KEPT_BYTES);
      const lines = (partial + chunk).split('\n');
      partial = lines.pop() ?? '';
      if (options.onLine) for (const line of lines) options.onLine(line);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.limit_ms ?? 600_000);
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 127, output: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: timedOut ? 124 : (code ?? 1), output });
    });
  });
}

/** The most telling line of a failed command's output, for a one-line message. */
export function lastLineOf(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling = [/^spillway: /, /^\s*\w*Error\b.*: /, /error|fail|cannot|denied/i];
  for (const pattern of telling) {
    const line = lines.findLast((candidate) => pattern.test(candidate));
    if (line !== undefined) return line.replace(/^spillway: /, '').trim();
  }
  return (lines.at(-1) ?? 'no output').trim();
}

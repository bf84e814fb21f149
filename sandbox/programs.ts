/** Our own programs as child processes: roles, simulators, and commands that run to their end. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RoleName } from '../schemas/topology.ts';
import { lastLineOf, runCommand } from './command.ts';
import { homeLayout } from './home.ts';
import { CHECKOUT } from './instance.ts';
import { answersHttp, answersOk } from './probe.ts';
import type { ServiceSpec } from './process.ts';

export interface ProgramOptions {
  readonly name: string;
  readonly home: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
}

const ENTRY = join(CHECKOUT, 'bin', 'spillway.ts');

/** `spillway run <role>` as a supervised child; `port` is its METRICS_PORT. */
export function roleSpec(options: ProgramOptions & { readonly role: RoleName }): ServiceSpec {
  const url = `http://127.0.0.1:${options.port}`;
  return {
    ...common(options),
    kind: 'role',
    args: [ENTRY, 'run', options.role],
    env: { ...options.env, METRICS_PORT: String(options.port), LISTEN_HOST: '127.0.0.1' },
    url,
    isReady: () => answersOk(`${url}/readyz`),
    startLimit_ms: 60_000,
    // A role may start before something that it needs is quite there; a wrong setting fails each time.
    startRetries: 3,
  };
}

/** A provider's simulator as a supervised child. */
export function simulatorSpec(options: ProgramOptions): ServiceSpec {
  const url = `http://127.0.0.1:${options.port}`;
  const stateFile = join(homeLayout(options.home).data, 'simulators', `${options.name}.json`);
  mkdirSync(join(homeLayout(options.home).data, 'simulators'), { recursive: true });
  return {
    ...common(options),
    kind: 'simulator',
    args: [join(CHECKOUT, 'providers', options.name, 'simulator-main.ts')],
    env: { ...options.env, PORT: String(options.port), LISTEN_HOST: '127.0.0.1', STATE_FILE: stateFile },
    url,
    isReady: () => answersHttp(url),
    startLimit_ms: 30_000,
    startRetries: 0,
  };
}

function common(options: ProgramOptions) {
  const { logs } = homeLayout(options.home);
  mkdirSync(logs, { recursive: true });
  return {
    name: options.name,
    // The pinned Node that runs us, whatever `node` is on PATH.
    command: process.execPath,
    cwd: CHECKOUT,
    log: join(logs, `${options.name}.log`),
    stopSignal: 'SIGTERM',
    grace_ms: 20_000,
  } as const;
}

/** Runs a `spillway` command to its end. @throws one line with the end of its output when it fails */
export async function runOwnCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { code, output } = await runCommand(process.execPath, [ENTRY, ...args], { cwd: CHECKOUT, env });
  if (code !== 0) throw new Error(`spillway ${args.join(' ')} failed: ${lastLineOf(output)}`);
}

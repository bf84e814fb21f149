/** Which instance of the embedded stack this command means, and what a running one tells about itself. */
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv, readIfThere } from './files.ts';
import { chooseHome, type HomePaths, homeLayout } from './home.ts';

/** The root of this checkout. */
export const CHECKOUT = realpathSync(dirname(dirname(fileURLToPath(import.meta.url))));

export const IS_ROOT = process.getuid?.() === 0;

/** Folders of the instance that a new `up` would use. */
export function ownPaths(): HomePaths {
  return chooseHome({ env: process.env, checkout: CHECKOUT, isRoot: IS_ROOT, userHome: homedir() });
}

/**
 * Home of the instance that other commands talk to: SPILLWAY_HOME where it is set, else the one that
 * `.spillway/stack.json` points at (an ephemeral one, say), else this checkout's own.
 */
export function currentHome(): string {
  const own = ownPaths().home;
  return process.env.SPILLWAY_HOME?.trim() ? own : (linkedHome() ?? own);
}

/** Home of the instance that this checkout's `.spillway/` points at; null when none does. */
export function linkedHome(): string | null {
  const link = join(CHECKOUT, '.spillway', 'stack.json');
  return existsSync(link) ? dirname(realpathSync(link)) : null;
}

/** stack.json of contracts.md: where everything answers. Nothing secret in it. */
export interface StackAddresses {
  readonly gateway?: string;
  readonly kafka: string;
  readonly registry: string;
  readonly database: string;
  readonly chain: string;
  readonly simulators: Readonly<Record<string, string>>;
  readonly roles: Readonly<Record<string, { readonly pid: number; readonly metrics: string }>>;
}

/** Addresses of the running instance; null when none runs. */
export function readAddresses(home = currentHome()): StackAddresses | null {
  const text = readIfThere(homeLayout(home).stack);
  return text === null ? null : (JSON.parse(text) as StackAddresses);
}

/**
 * Every setting that the running instance gave its roles (secrets included), with this process's environment over it;
 * just the environment when none runs. For commands that talk to the running stack.
 */
export function stackEnvironment(home = currentHome()): Record<string, string> {
  const settings = parseEnv(readIfThere(homeLayout(home).settings) ?? '');
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { ...settings, ...Object.fromEntries(own) };
}

/**
 * Decides where an instance of the embedded stack keeps its data and where downloads are cached, and makes those
 * folders. Always outside the checkout; as root in a place that the unprivileged PostgreSQL user can reach.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface HomeInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly checkout: string;
  readonly isRoot: boolean;
  /** The user's home folder. */
  readonly userHome: string;
}

export interface HomePaths {
  /** The instance: data, logs, secrets, stack.json, state.json. */
  readonly home: string;
  /** Downloads, shared by all instances of this machine's user. */
  readonly cache: string;
}

/** Chooses both folders from the environment; touches nothing. */
export function chooseHome(input: HomeInput): HomePaths {
  const base = baseFolder(input);
  const set = input.env.SPILLWAY_HOME?.trim();
  const instance = createHash('sha256').update(input.checkout).digest('hex').slice(0, 12);
  const home = set ? resolve(set) : join(base, instance);
  const cacheSet = input.env.SPILLWAY_CACHE?.trim();
  return { home, cache: cacheSet ? resolve(cacheSet) : join(base, 'cache') };
}

function baseFolder(input: HomeInput): string {
  if (input.isRoot) return '/var/lib/spillway';
  const data = input.env.XDG_DATA_HOME?.trim();
  return join(data ? resolve(data) : join(input.userHome, '.local', 'share'), 'spillway');
}

/**
 * Makes the folder of an instance. As root it is made passable (not readable) for the PostgreSQL user.
 * @throws with the folder that blocks the way when an ancestor is closed to other users.
 */
export function makeHome(home: string, isRoot: boolean): void {
  try {
    mkdirSync(home, { recursive: true, mode: isRoot ? 0o711 : 0o700 });
  } catch (error) {
    throw new Error(
      `cannot make ${home} (${(error as Error).message}); set SPILLWAY_HOME to a folder you can write to`,
    );
  }
  if (!isRoot) return;
  if ((statSync(home).mode & 0o001) === 0) chmodSync(home, statSync(home).mode | 0o011);
  assertPassable(home, 'SPILLWAY_HOME');
}

/** @throws when an ancestor of the folder is closed to users other than its owner; names the setting to change */
export function assertPassable(path: string, setting: string): void {
  const blocked = firstClosedAncestor(realpathSync(path));
  if (blocked === null) return;
  throw new Error(
    `PostgreSQL does not run as root, and its own user cannot pass ${blocked}; ` +
      `set ${setting} to a folder that others may pass, such as /var/lib/spillway`,
  );
}

function firstClosedAncestor(path: string): string | null {
  let folder = path;
  for (;;) {
    if ((statSync(folder).mode & 0o001) === 0) return folder;
    const parent = dirname(folder);
    if (parent === folder) return null;
    folder = parent;
  }
}

/** The folders of one instance, by use. */
export function homeLayout(home: string) {
  return {
    data: join(home, 'data'),
    logs: join(home, 'logs'),
    lock: join(home, 'supervisor.lock'),
    stack: join(home, 'stack.json'),
    state: join(home, 'state.json'),
    ports: join(home, 'ports.json'),
    secrets: join(home, 'dev.env'),
    settings: join(home, 'settings.env'),
  } as const;
}

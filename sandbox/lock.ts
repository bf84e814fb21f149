/** One supervisor per instance: a lock file that names its owner by pid and start time, so a dead owner holds nothing. */
import { linkSync, renameSync, writeFileSync } from 'node:fs';
import { readIfThere, remove } from './files.ts';
import { identify, isAlive, type ProcessIdentity } from './identity.ts';

export type LockResult =
  | { readonly held: true; release(): void }
  | { readonly held: false; owner: ProcessIdentity };

/** Takes the lock for this process, or says who has it. */
export function takeLock(path: string): LockResult {
  const me = identify(process.pid);
  if (me === null) throw new Error('cannot read the start time of this process');
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(me));
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      if (linked(mine, path)) return { held: true, release: () => release(path, me) };
      const owner = readOwner(path);
      if (owner !== null && isAlive(owner)) return { held: false, owner };
      moveAside(path, owner);
    }
  } finally {
    remove(mine);
  }
  throw new Error(`could not take ${path}; remove it if nothing of Spillway runs`);
}

/** The living owner of the lock, or null. */
export function lockOwner(path: string): ProcessIdentity | null {
  const owner = readOwner(path);
  return owner !== null && isAlive(owner) ? owner : null;
}

function linked(from: string, to: string): boolean {
  try {
    // A hard link appears with its content, and fails when the name is taken: the atomic step of the lock.
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readOwner(path: string): ProcessIdentity | null {
  const text = readIfThere(path);
  return text === null || text === '' ? null : (JSON.parse(text) as ProcessIdentity);
}

function moveAside(path: string, stale: ProcessIdentity | null): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = readOwner(aside);
  const isStale =
    moved === null || (stale !== null && moved.pid === stale.pid && moved.started === stale.started);
  // Somebody took the stale lock over between our look and the rename: theirs goes back.
  if (!isStale) linked(aside, path);
  remove(aside);
}

function release(path: string, me: ProcessIdentity): void {
  const owner = readOwner(path);
  if (owner?.pid === me.pid && owner.started === me.started) remove(path);
}

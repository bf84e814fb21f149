/** Stops an instance from outside: asks its supervisor, or stops what a dead one left; clears data on demand. */
import { existsSync } from 'node:fs';
import { unlinkAddresses } from './addresses.ts';
import { remove } from './files.ts';
import { homeLayout } from './home.ts';
import { stopProcess } from './identity.ts';
import { lockOwner, takeLock } from './lock.ts';
import { readState } from './state.ts';
import { stopLeftovers } from './supervisor.ts';

/** Roles, simulators and servers stop one after the other, each with its own grace time. */
const SUPERVISOR_GRACE_MS = 75_000;

/**
 * Stops the instance in `home`.
 * @returns the names of the services that ran
 */
export async function down(home: string): Promise<string[]> {
  const layout = homeLayout(home);
  if (!existsSync(home)) return [];
  const running = (readState(layout.state)?.services ?? []).filter((service) => service.process !== null);
  const owner = lockOwner(layout.lock);
  if (owner !== null) await stopProcess(owner, 'SIGTERM', SUPERVISOR_GRACE_MS);
  const lock = takeLock(layout.lock);
  if (!lock.held)
    throw new Error(`process ${lock.owner.pid} has just started ${home} again; run \`down\` once more`);
  try {
    const left = await stopLeftovers(home);
    remove(layout.stack);
    remove(layout.settings);
    unlinkAddresses(layout);
    return owner !== null ? running.map((service) => service.name) : left;
  } finally {
    lock.release();
  }
}

/** Removes the data of the embedded servers; external ones are not touched. @returns false when there was none */
export function clearData(home: string): boolean {
  const { data } = homeLayout(home);
  if (!existsSync(data)) return false;
  remove(data);
  return true;
}

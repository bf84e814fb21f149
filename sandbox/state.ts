/**
 * What the supervisor tells others about itself: state.json, rewritten on every change, read by `up`, `down`,
 * `status` and by the next `up` after a kill.
 */
import { readIfThere, writeWhole } from './files.ts';
import type { ProcessIdentity } from './identity.ts';

export type ServiceKind = 'server' | 'simulator' | 'role';

/** starting -> ready <-> unhealthy; restarting after a crash; stopping -> stopped. */
export type ServiceStatus = 'starting' | 'ready' | 'unhealthy' | 'restarting' | 'stopping' | 'stopped';

export interface ServiceState {
  readonly name: string;
  readonly kind: ServiceKind;
  readonly status: ServiceStatus;
  /** Null while no process runs. */
  readonly process: ProcessIdentity | null;
  /** How often it was started again after a crash, since `up`. */
  readonly restarts: number;
  /** Where it answers; null when it has no address of its own. */
  readonly url: string | null;
  readonly log: string;
  readonly stopSignal: NodeJS.Signals;
  /** Time of the last change of status, ISO 8601. */
  readonly since: string;
  /** Why it last ended, e.g. `exit code 1`; null when it never did. */
  readonly lastExit: string | null;
}

export interface SupervisorState {
  readonly supervisor: ProcessIdentity;
  readonly startedAt: string;
  /** True from the moment when every role was ready for the first time. */
  readonly ready: boolean;
  readonly ephemeral: boolean;
  readonly services: readonly ServiceState[];
}

/** Reads state.json; null when this instance was never started or was stopped cleanly. */
export function readState(path: string): SupervisorState | null {
  const text = readIfThere(path);
  if (text === null) return null;
  try {
    return JSON.parse(text) as SupervisorState;
  } catch (error) {
    throw new Error(
      `${path} is not JSON (${(error as Error).message}); stop what still runs by hand and remove it`,
    );
  }
}

/** Replaces state.json. */
export function writeState(path: string, state: SupervisorState): void {
  writeWhole(path, `${JSON.stringify(state, null, 2)}\n`);
}

/** Holds the services of one instance together: starts them, records each change in state.json, stops them in order. */

import { remove } from './files.ts';
import { homeLayout } from './home.ts';
import { identify, stopProcess } from './identity.ts';
import { createService, type Service, type ServiceSpec } from './process.ts';
import { readState, type ServiceKind, type ServiceState, type SupervisorState, writeState } from './state.ts';

export type StackEvent =
  | { readonly kind: 'service'; readonly service: ServiceState }
  | { readonly kind: 'note'; readonly text: string };

export interface Supervisor {
  /** Starts a service and resolves at its first ready. */
  launch(spec: ServiceSpec): Promise<Service>;
  service(name: string): Service;
  states(): ServiceState[];
  markReady(): void;
  /** Stops roles, then simulators, then servers; those of one kind at the same time. */
  stop(): Promise<void>;
}

const STOP_ORDER: readonly ServiceKind[] = ['role', 'simulator', 'server'];

/** Makes the supervisor of an instance whose lock this process holds. */
export function createSupervisor(
  home: string,
  ephemeral: boolean,
  onEvent: (event: StackEvent) => void,
): Supervisor {
  const path = homeLayout(home).state;
  const services = new Map<string, Service>();
  const me = identify(process.pid)!;
  const startedAt = new Date().toISOString();
  let ready = false;
  let stopping = false;
  let stopped = false;

  const states = () => [...services.values()].map((service) => service.state());
  const record = () => {
    if (stopped) return;
    const state: SupervisorState = { supervisor: me, startedAt, ready, ephemeral, services: states() };
    writeState(path, state);
  };
  record();

  return {
    async launch(spec) {
      if (stopping) throw new Error(`${spec.name} is not started: the stack is stopping`);
      const service = createService(spec, (state) => {
        record();
        onEvent({ kind: 'service', service: state });
      });
      services.set(spec.name, service);
      await service.start();
      return service;
    },
    service(name) {
      const service = services.get(name);
      if (service) return service;
      throw new Error(`there is no service ${name}; there are ${[...services.keys()].join(', ')}`);
    },
    states,
    markReady() {
      ready = true;
      record();
    },
    async stop() {
      stopping = true;
      const failures: unknown[] = [];
      for (const kind of STOP_ORDER) {
        const some = [...services.values()].filter((service) => service.kind === kind);
        const results = await Promise.allSettled(some.map((service) => service.stop()));
        for (const result of results) if (result.status === 'rejected') failures.push(result.reason);
      }
      if (failures.length > 0) throw failures[0];
      stopped = true;
      remove(path);
    },
  };
}

const LEFTOVER_GRACE_MS = 20_000;

/**
 * Stops what a killed supervisor left running, found by pid and start time. To be called with the lock held.
 * @returns the names of what was stopped
 */
export async function stopLeftovers(home: string): Promise<string[]> {
  const path = homeLayout(home).state;
  const state = readState(path);
  if (state === null) return [];
  const stopped: string[] = [];
  for (const kind of STOP_ORDER) {
    const some = state.services.filter((service) => service.kind === kind && service.process !== null);
    await Promise.all(
      some.map(async (service) => {
        const result = await stopProcess(service.process!, service.stopSignal, LEFTOVER_GRACE_MS);
        if (result !== 'absent') stopped.push(service.name);
      }),
    );
  }
  remove(path);
  return stopped;
}

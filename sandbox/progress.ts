/** Shows what `up` is doing: a live list of services on a terminal, plain lines elsewhere. */
import { createLogUpdate } from 'log-update';
import type { ServiceState, ServiceStatus } from './state.ts';
import type { StackEvent } from './supervisor.ts';

export interface Progress {
  event(event: StackEvent): void;
  note(text: string): void;
  ready(addressLines: readonly string[], took_ms: number): void;
  close(): void;
}

const SIGNS: Readonly<Record<ServiceStatus, string>> = {
  starting: '🚀',
  ready: '✅',
  unhealthy: '❌',
  restarting: '🔄',
  stopping: '⏳',
  stopped: '⏹ ',
};

/** Picks the form by whether standard output is a terminal. */
export function createProgress(): Progress {
  return process.stdout.isTTY ? liveProgress() : plainProgress();
}

/** One line of the list. Pure. */
export function serviceLine(service: ServiceState): string {
  const restarts =
    service.restarts === 0 ? '' : `  restarted ${service.restarts}x (last: ${service.lastExit})`;
  return `${SIGNS[service.status]} ${service.name.padEnd(12)} ${service.status.padEnd(10)} ${service.url ?? ''}${restarts}`;
}

function plainProgress(): Progress {
  const note = (text: string) => console.log(text);
  const last = new Map<string, string>();
  return {
    event(event) {
      if (event.kind === 'note') return note(event.text);
      const line = serviceLine(event.service).trimEnd();
      // State changes that read the same (a pid, say) are one line.
      if (last.get(event.service.name) !== line) note(line);
      last.set(event.service.name, line);
    },
    note,
    ready(addressLines, took_ms) {
      note(readyLine(took_ms));
      for (const line of addressLines) note(line);
    },
    close: () => undefined,
  };
}

function liveProgress(): Progress {
  const render = createLogUpdate(process.stdout);
  const services = new Map<string, ServiceState>();
  let foot: readonly string[] = ['preparing'];
  const draw = () => render([...[...services.values()].map(serviceLine), '', ...foot].join('\n'));
  const note = (text: string) => {
    foot = [text];
    draw();
  };
  return {
    event(event) {
      if (event.kind === 'note') return note(event.text);
      services.set(event.service.name, event.service);
      draw();
    },
    note,
    ready(addressLines, took_ms) {
      foot = [...addressLines, '', `${readyLine(took_ms)}; Ctrl-C stops it`];
      draw();
    },
    close() {
      draw();
      render.done();
    },
  };
}

function readyLine(took_ms: number): string {
  return `🎉 everything is ready after ${(took_ms / 1000).toFixed(1)} s`;
}

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

/** Picks the form by whether standard output is a terminal (one without a size cannot be redrawn). */
export function createProgress(): Progress {
  return process.stdout.isTTY && process.stdout.rows > 0 ? liveProgress() : plainProgress();
}

/** The list; where it would be longer than `rows`, those that are ready share one line. Pure. */
export function serviceLines(services: readonly ServiceState[], rows: number): string[] {
  if (services.length <= rows) return services.map(serviceLine);
  const isQuiet = (service: ServiceState) => service.status === 'ready' && service.restarts === 0;
  const quiet = services.filter(isQuiet);
  const others = services.filter((service) => !isQuiet(service));
  return [
    `${SIGNS.ready} ready: ${quiet.map((service) => service.name).join(', ')}`,
    ...others.map(serviceLine),
  ];
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
  const draw = () => {
    const rows = process.stdout.rows - foot.length - 2;
    render([...serviceLines([...services.values()], rows), '', ...foot].join('\n'));
  };
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

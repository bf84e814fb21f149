/** The list of services that `up` shows. */
import { expect, test } from 'vitest';
import { serviceLine, serviceLines } from '../../../sandbox/progress.ts';
import type { ServiceState } from '../../../sandbox/state.ts';

function service(name: string, more: Partial<ServiceState> = {}): ServiceState {
  return {
    name,
    kind: 'role',
    status: 'ready',
    process: null,
    restarts: 0,
    url: null,
    log: '',
    stopSignal: 'SIGTERM',
    since: '',
    lastExit: null,
    ...more,
  };
}

test('a restart is shown with its reason', () => {
  const line = serviceLine(
    service('settle', { status: 'restarting', restarts: 2, lastExit: 'signal SIGKILL' }),
  );
  expect(line).toMatch(/settle +restarting .*restarted 2x \(last: signal SIGKILL\)/);
});

test('in a low terminal those that are ready share a line, the others keep theirs', () => {
  const services = [service('kafka'), service('settle', { status: 'unhealthy' }), service('relay')];
  expect(serviceLines(services, 3)).toHaveLength(3);
  const short = serviceLines(services, 2);
  expect(short[0]).toContain('kafka, relay');
  expect(short[1]).toContain('unhealthy');
  expect(short).toHaveLength(2);
});

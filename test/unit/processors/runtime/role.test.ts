/** A role as a process: drains on SIGTERM, exits on what can't be mended, with the exit code a supervisor reads. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { joinParts } from '../../../../processors/runtime/parts.ts';

const MAIN = fileURLToPath(new URL('../../../fixtures/runtime/role-main.ts', import.meta.url));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

interface Run {
  readonly child: ChildProcess;
  readonly lines: Record<string, unknown>[];
  readonly ended: Promise<number | null>;
  /** Resolves with the first line that has this message. */
  line(message: string): Promise<Record<string, unknown>>;
}

function run(how: string): Run {
  const child = spawn(process.execPath, [MAIN, how], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((part) => JSON.parse(part) as Record<string, unknown>));
    for (const wake of waiting) wake();
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const line = (message: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const look = () => {
        const found = lines.find(({ msg }) => String(msg).includes(message));
        if (found) resolve(found);
      };
      waiting.add(look);
      look();
      ended.then(() => reject(new Error(`ended without saying: ${message}`)), reject);
    });
  return { child, lines, ended, line };
}

test('serves health while it runs, and drains on SIGTERM', async () => {
  const role = run('well');
  const { port } = await role.line('health and metrics');
  await role.line('fixture started');
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect(ready.status).toBe(200);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toMatch(/process_cpu_user_seconds_total\{role="fixture"\}/);
  role.child.kill('SIGTERM');
  expect(await role.ended).toBe(0);
  expect(role.lines.map(({ msg }) => msg)).toEqual(
    expect.arrayContaining(['draining after SIGTERM', 'intake stopped', 'drained']),
  );
});

test.each(['start-fails', 'fatal', 'unhandled'])(
  '%s: exits with 1 and says why [failure 81]',
  async (how) => {
    const role = run(how);
    expect(await role.ended).toBe(1);
    expect(role.lines.some(({ level }) => level === 'fatal')).toBe(true);
  },
);

test('a drain that hangs ends after its limit', async () => {
  const role = run('stop-hangs');
  await role.line('fixture started');
  role.child.kill('SIGTERM');
  expect(await role.ended).toBe(1);
});

test('a role of several parts is ready and moving only when all are, and stops in order [failure 77]', async () => {
  const stopped: string[] = [];
  const part = (name: string, ok: boolean) => ({
    ready: () => ok,
    progress: () => ({ ok, detail: name }),
    stop: async () => {
      stopped.push(name);
    },
  });
  const role = joinParts([part('a', true), part('b', false)], async () => void stopped.push('close'));
  expect(role.ready()).toBe(false);
  expect(role.progress()).toEqual({ ok: false, detail: 'a; b' });
  await role.stop();
  expect(stopped).toEqual(['a', 'b', 'close']);
});

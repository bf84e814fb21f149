/** Makes sure that the embedded stack runs, as `up --detach` does. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { homeLayout } from '../home.ts';
import { CHECKOUT, currentHome } from '../instance.ts';
import { lockOwner } from '../lock.ts';
import { readState } from '../state.ts';

/** @throws when it can't be started; what `up` printed, its reason included, is on standard error then */
export async function ensureStack(note: (text: string) => void): Promise<void> {
  const layout = homeLayout(currentHome());
  if (lockOwner(layout.lock) !== null && readState(layout.state)?.ready) return;
  note('no stack runs here yet: starting one');
  const code = await new Promise<number>((resolve, reject) => {
    const child = spawn(process.execPath, [join(CHECKOUT, 'bin', 'spillway.ts'), 'up', '--detach'], {
      cwd: CHECKOUT,
      // Standard output may be read by a program that waits for one JSON object.
      stdio: ['ignore', 2, 2],
    });
    child.once('error', reject);
    child.once('close', (exit) => resolve(exit ?? 1));
  });
  if (code !== 0) throw new Error('the stack could not be started; see the lines above');
}

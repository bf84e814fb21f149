/** A real anvil of its own for a test file: free port, one block a second, finalized = head - 2. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { type PreparedChain, prepareChain } from '../../../sandbox/chain-setup.ts';

export interface TestChain extends PreparedChain {
  readonly rpcUrl: string;
  stop(): Promise<void>;
}

export async function startAnvil(): Promise<{ rpcUrl: string; stop(): Promise<void> }> {
  const { resolve } = createRequire(import.meta.url);
  const folder = dirname(resolve(`@foundry-rs/anvil-${process.platform}-${arch()}/package.json`));
  const port = await freePort();
  const args = ['--port', String(port), '--block-time', '1', '--slots-in-an-epoch', '1'];
  const anvil = spawn(join(folder, 'bin', 'anvil'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await listening(anvil);
  return {
    rpcUrl: `http://127.0.0.1:${port}`,
    async stop() {
      if (anvil.exitCode !== null) return;
      anvil.kill('SIGTERM');
      await once(anvil, 'exit');
    },
  };
}

export async function startChain(hostAddress: string): Promise<TestChain> {
  const anvil = await startAnvil();
  return { ...anvil, ...(await prepareChain({ rpcUrl: anvil.rpcUrl, hostAddress })) };
}

/** Asks until the answer is there; a test that waits for nothing fails by vitest's own timeout. */
export async function until<T>(ask: () => Promise<T | null | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function arch(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

async function listening(anvil: ChildProcess): Promise<void> {
  for await (const chunk of anvil.stdout!) {
    if (String(chunk).includes('Listening on')) break;
  }
  if (anvil.exitCode !== null) throw new Error(`anvil ended with ${anvil.exitCode}`);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** anvil, the development chain: one block a second, final two blocks later, its state kept over `down` and `up`. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemEnv } from './kafka.ts';
import { jsonRpc } from './probe.ts';
import type { ServiceSpec } from './process.ts';

export interface ChainOptions {
  readonly checkout: string;
  readonly folder: string;
  readonly port: number;
  readonly log: string;
}

export const CHAIN_ID = 31_337;

const PLATFORMS: Readonly<Record<string, string>> = {
  'linux-x64': 'anvil-linux-amd64',
  'linux-arm64': 'anvil-linux-arm64',
  'darwin-x64': 'anvil-darwin-amd64',
  'darwin-arm64': 'anvil-darwin-arm64',
};

/** The anvil binary of this platform from the installed packages. */
export function anvilBinary(checkout: string): string {
  const name = PLATFORMS[`${process.platform}-${process.arch}`];
  const path = join(checkout, 'node_modules', '@foundry-rs', name ?? 'none', 'bin', 'anvil');
  if (name !== undefined && existsSync(path)) return path;
  throw new Error(
    `anvil is not there for ${process.platform}-${process.arch}; set EVM_RPC_URLS and EVM_CHAIN_ID to an existing node`,
  );
}

/** Describes how to run the chain. */
export function prepareChainNode(options: ChainOptions): ServiceSpec {
  mkdirSync(options.folder, { recursive: true });
  const url = `http://127.0.0.1:${options.port}`;
  const block = ['--block-time', '1', '--slots-in-an-epoch', '1', '--chain-id', String(CHAIN_ID)];
  const state = ['--state', join(options.folder, 'state.json'), '--state-interval', '20'];
  const other = [
    '--cache-path',
    join(options.folder, 'cache'),
    '--host',
    '127.0.0.1',
    '--port',
    String(options.port),
  ];
  return {
    name: 'chain',
    kind: 'server',
    command: anvilBinary(options.checkout),
    args: [...block, ...state, ...other, '--quiet'],
    cwd: options.folder,
    env: systemEnv(),
    log: options.log,
    url,
    isReady: () => answersFinalized(url),
    startLimit_ms: 30_000,
    stopSignal: 'SIGTERM',
    grace_ms: 20_000,
    startRetries: 0,
  };
}

async function answersFinalized(url: string): Promise<boolean> {
  // After a restart from a saved state, the state at `finalized` is unknown until three new blocks are there.
  await jsonRpc(url, 'eth_getBalance', ['0x0000000000000000000000000000000000000000', 'finalized']);
  return true;
}

/**
 * The nodes of EVM_RPC_URLS as one: a read fails over to the next node, and a read that money depends on must
 * be answered alike by two nodes when two or more are configured. No node is used before its chain id was
 * seen.
 */
import { ProviderError } from '../error.ts';
import * as read from './read.ts';
import { createRpc, NodeRefusal, type Rpc } from './rpc.ts';

export interface PoolOptions {
  readonly rpcUrls: readonly string[];
  readonly chainId: bigint;
  readonly timeoutMs: number;
}

export interface Pool {
  /**
   * Every node whose chain id is right; nodes that cannot be reached are left out. @throws ProviderError:
   * none left
   */
  nodes(): Promise<Rpc[]>;
  /** The first usable answer. @throws ProviderError: no node gave one */
  first<T>(ask: (rpc: Rpc) => Promise<T>): Promise<T>;
  /** The answer of every node that gives one; with several configured, at least two. @throws ProviderError */
  quorum<T>(ask: (rpc: Rpc) => Promise<T>): Promise<T[]>;
  /** As quorum, and all answers are the same by their text. @throws ProviderError `rpc_disagreement` */
  agreed<T>(what: string, ask: (rpc: Rpc) => Promise<T>): Promise<T>;
  close(): void;
}

export function createPool(options: PoolOptions): Pool {
  if (options.rpcUrls.length === 0) {
    throw new ProviderError('EVM_RPC_URLS is empty: set at least one JSON-RPC address', permanent('no_rpc'));
  }
  const { chainId, timeoutMs } = options;
  const all = options.rpcUrls.map((url, i) => createRpc({ url, name: `node ${i + 1}`, chainId, timeoutMs }));
  const checked = new Set<Rpc>();

  const ready = async (rpc: Rpc): Promise<Rpc> => {
    if (checked.has(rpc)) return rpc;
    const found = read.quantity(await rpc.call('eth_chainId', []), 'eth_chainId');
    if (found !== chainId) {
      const message = `EVM_CHAIN_ID is ${chainId}, but ${rpc.name} of EVM_RPC_URLS is on chain ${found}`;
      throw new ProviderError(message, permanent('wrong_chain'));
    }
    checked.add(rpc);
    return rpc;
  };

  const quorum = async <T>(ask: (rpc: Rpc) => Promise<T>): Promise<T[]> => {
    const settled = await Promise.allSettled(all.map(async (rpc) => ask(await ready(rpc))));
    const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    const fatal = failures.find((error) => error instanceof ProviderError && error.kind === 'permanent');
    if (fatal !== undefined) throw fatal;
    if (answers.length >= Math.min(2, all.length)) return answers;
    throw worst(failures);
  };

  return {
    quorum,
    nodes: () => quorumOfOne(all, ready),
    async first(ask) {
      const failures: unknown[] = [];
      for (const rpc of all) {
        try {
          return await ask(await ready(rpc));
        } catch (error) {
          if (!mayDifferElsewhere(error)) throw error;
          failures.push(error);
        }
      }
      throw worst(failures);
    },
    async agreed(what, ask) {
      const answers = await quorum(ask);
      const texts = new Set(answers.map(textOf));
      if (texts.size > 1) throw disagreement(what);
      return answers[0]!;
    },
    close: () => {
      for (const rpc of all) rpc.close();
    },
  };
}

/** Two nodes tell different things about settled facts: nobody may act on either. */
export function disagreement(what: string): ProviderError {
  const message = `the nodes of EVM_RPC_URLS disagree about ${what}: nothing is decided until they agree`;
  return new ProviderError(message, { provider: 'evm', kind: 'transient', code: 'rpc_disagreement' });
}

async function quorumOfOne(all: readonly Rpc[], ready: (rpc: Rpc) => Promise<Rpc>): Promise<Rpc[]> {
  const settled = await Promise.allSettled(all.map(ready));
  const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  const fatal = failures.find((error) => !mayDifferElsewhere(error));
  if (fatal !== undefined) throw fatal;
  const usable = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (usable.length === 0) throw worst(failures);
  return usable;
}

function mayDifferElsewhere(error: unknown): boolean {
  return error instanceof NodeRefusal || (error instanceof ProviderError && error.kind !== 'permanent');
}

/** What goes up: a bug as it is, and a refusal that had no meaning to its caller as a failed read. */
function worst(failures: readonly unknown[]): unknown {
  const bug = failures.find((error) => !(error instanceof ProviderError || error instanceof NodeRefusal));
  if (bug !== undefined) return bug;
  const silent = failures.find((error) => error instanceof ProviderError);
  if (silent !== undefined) return silent;
  const said = failures[0] instanceof NodeRefusal ? failures[0].message : 'no answer';
  const details = { provider: 'evm', kind: 'transient', code: 'rpc_error' } as const;
  return new ProviderError(`the node refused: ${said}`, details);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part) => {
    if (typeof part === 'bigint') return `${part}n`;
    return part instanceof Map ? [...part] : (part as unknown);
  });
}

function permanent(code: string) {
  return { provider: 'evm', kind: 'permanent', code } as const;
}

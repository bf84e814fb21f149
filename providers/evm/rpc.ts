/**
 * One JSON-RPC node behind ethers: a call answers, or fails as a NodeRefusal (the node said no) or a
 * ProviderError (no usable answer). Addresses of nodes often hold an API key, so messages name a node by its
 * number only.
 */
import { FetchRequest, JsonRpcProvider, Network } from 'ethers';
import { ProviderError } from '../error.ts';
import { codeOf } from '../http-failure.ts';

/** What the node itself answered as an error: it understood the call and did not carry it out. */
export class NodeRefusal extends Error {
  override name = 'NodeRefusal';
}

export interface Rpc {
  /** How people call it: `node 1`, in the order of EVM_RPC_URLS. */
  readonly name: string;
  /**
   * @throws NodeRefusal | ProviderError (transient; its code is the system's, or `timeout`, `http_503`,
   * `malformed`)
   */
  call(method: string, params: unknown[]): Promise<unknown>;
  close(): void;
}

export interface RpcOptions {
  readonly url: string;
  readonly name: string;
  readonly chainId: bigint;
  readonly timeoutMs: number;
}

/** Calls made in the same moment travel together; the limit is what public nodes commonly accept. */
const BATCH_MAX = 100;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

export function createRpc(options: RpcOptions): Rpc {
  const request = new FetchRequest(options.url);
  request.timeout = options.timeoutMs;
  // Waiting for a limiter is the caller's decision, who has a lease to keep.
  request.setThrottleParams({ maxAttempts: 1 });
  const network = Network.from(options.chainId);
  const provider = new JsonRpcProvider(request, network, {
    // The chain id is asked for once, by the pool, where a mismatch can be named; ethers would retry for
    // ever.
    staticNetwork: network,
    batchMaxCount: BATCH_MAX,
    batchMaxSize: BATCH_BYTES_MAX,
    cacheTimeout: -1,
  });
  return {
    name: options.name,
    close: () => provider.destroy(),
    async call(method, params) {
      try {
        return await provider.send(method, params);
      } catch (error) {
        throw failureOf(error, method, options.name);
      }
    },
  };
}

interface EthersError extends Error {
  readonly code?: string;
  readonly error?: { readonly message?: unknown };
  readonly info?: { readonly error?: { readonly message?: unknown }; readonly responseStatus?: string };
  readonly response?: { readonly statusCode?: number };
}

/**
 * Anything that is not the node's own refusal leaves open whether the node acted: only the caller can know.
 */
function failureOf(error: unknown, method: string, name: string): Error {
  const found = error as EthersError;
  const said = found.info?.error?.message ?? found.error?.message;
  if (typeof said === 'string') {
    const refusal = new NodeRefusal(said.slice(0, 200));
    if (!isLimit(said)) return refusal;
    return lost(`${name} limits us: ${method}`, 'rate_limited');
  }
  if (found.code === 'CALL_EXCEPTION') return new NodeRefusal(found.message.slice(0, 200));
  if (found.code === 'TIMEOUT') return lost(`${name} did not answer ${method} in time`, 'timeout');
  if (found.code === 'SERVER_ERROR') {
    const status =
      found.info?.responseStatus?.match(/\((\d{3})/)?.[1] ?? found.response?.statusCode ?? 'error';
    return lost(`${name} answered ${method} with HTTP ${status}`, `http_${status}`);
  }
  if (found.code === 'UNSUPPORTED_OPERATION' || found.code === 'BAD_DATA') {
    return lost(`${name} answered ${method} with something that is not JSON-RPC`, 'malformed');
  }
  const code = codeOf(error);
  return lost(`${name} could not be reached for ${method}: ${code}`, code);
}

function isLimit(message: string): boolean {
  return /rate limit|too many requests|limit exceeded|capacity exceeded/i.test(message);
}

function lost(message: string, code: string): ProviderError {
  return new ProviderError(message, { provider: 'evm', kind: 'transient', code });
}

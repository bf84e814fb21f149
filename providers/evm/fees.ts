/**
 * What a transfer will cost at most (EIP-1559): room for six full blocks of rising base fee, and spare gas.
 */
import { ASSETS, type LedgerAsset } from '../../schemas/assets.ts';
import { ProviderError } from '../error.ts';
import { transferData } from './erc20.ts';
import * as read from './read.ts';
import { NodeRefusal, type Rpc } from './rpc.ts';

export interface Quote {
  readonly gasLimit: bigint;
  /** wei per gas: 2 x base fee + tip */
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly baseFee: bigint;
}

export interface QuoteRequest {
  readonly from: string;
  readonly to: string;
  readonly asset: LedgerAsset;
  /** minor units */
  readonly amount: bigint;
}

/**
 * @throws ProviderError permanent `would_revert`; transient `insufficient_funds` (a top-up cures it) and
 * others
 */
export async function quoteOf(rpc: Rpc, request: QuoteRequest, usdtContract: string): Promise<Quote> {
  const [estimate, tip, head] = await Promise.all([
    estimateOf(rpc, request, usdtContract),
    rpc.call('eth_maxPriorityFeePerGas', []),
    rpc.call('eth_getBlockByNumber', ['latest', false]),
  ]);
  const baseFee = read.quantity(read.fields(head, 'block latest').baseFeePerGas, 'baseFeePerGas');
  const maxPriorityFeePerGas = read.quantity(tip, 'eth_maxPriorityFeePerGas');
  const spare = (estimate * 12n) / 10n;
  const floor = ASSETS[request.asset].transferGas;
  return {
    gasLimit: spare > floor ? spare : floor,
    maxFeePerGas: 2n * baseFee + maxPriorityFeePerGas,
    maxPriorityFeePerGas,
    baseFee,
  };
}

async function estimateOf(rpc: Rpc, request: QuoteRequest, usdtContract: string): Promise<bigint> {
  const { from, to, asset, amount } = request;
  const call =
    asset === 'ETH'
      ? { from, to, value: read.hexOf(amount) }
      : { from, to: usdtContract, value: '0x0', data: transferData(to, amount) };
  try {
    return read.quantity(await rpc.call('eth_estimateGas', [call, 'latest']), 'eth_estimateGas');
  } catch (error) {
    if (!(error instanceof NodeRefusal)) throw error;
    throw refusal(error.message, `${amount} minor units of ${asset} to ${to}`);
  }
}

function refusal(said: string, what: string): ProviderError {
  const [kind, code] = /insufficient funds|insufficientfunds|outoffund/i.test(said)
    ? (['transient', 'insufficient_funds'] as const)
    : /revert|execution|stack|opcode/i.test(said)
      ? (['permanent', 'would_revert'] as const)
      : (['transient', 'rpc_error'] as const);
  return new ProviderError(`a transfer of ${what} is refused by the node: ${said}`, {
    provider: 'evm',
    kind,
    code,
  });
}

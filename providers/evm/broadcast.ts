/**
 * Sending signed bytes. The same bytes may be sent any number of times and to every node, so all nodes are
 * tried before a refusal counts; what no node answered clearly is `unknown_outcome`, resolved by watching the
 * hash.
 */
import { Transaction } from 'ethers';
import { ProviderError } from '../error.ts';
import { wasNeverSent } from '../http-failure.ts';
import type { Pool } from './pool.ts';
import { NodeRefusal, type Rpc } from './rpc.ts';

/** Words of geth, anvil, Nethermind, Besu and Erigon for the same refusals. */
const KNOWN = /already known|already imported|alreadyknown|known transaction|already exists/i;
const NONCE_USED = /nonce too low|oldnonce|nonce has already been used/i;
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/insufficient funds|insufficientfunds|upfront cost/i, 'insufficient_funds'],
  [
    /replacement transaction underpriced|replacementnotallowed|fee too low to replace/i,
    'replacement_underpriced',
  ],
  [/underpriced|less than block base fee|feetoolow|below minimum/i, 'underpriced'],
  [/intrinsic gas too low|exceeds block gas limit|gaslimitexceeded|gas limit/i, 'gas_limit'],
  [/invalid chain id|invalid sender|decode|rlp|invalid signature/i, 'invalid_transaction'],
];

type Verdict = 'accepted' | 'known' | ProviderError;

/**
 * @param raw signed bytes, hex
 * @throws ProviderError permanent (every answer was a refusal; its code says which), transient (never sent)
 * or unknown_outcome (it may be out there: watch its hash)
 */
export async function broadcast(pool: Pool, raw: string): Promise<'accepted' | 'known'> {
  const hash = hashOf(raw);
  const verdicts: ProviderError[] = [];
  for (const rpc of await pool.nodes()) {
    const verdict = await sendTo(rpc, raw, hash);
    if (!(verdict instanceof ProviderError)) return verdict;
    verdicts.push(verdict);
  }
  const unknown = verdicts.find((one) => one.kind === 'unknown_outcome');
  throw unknown ?? verdicts.find((one) => one.kind === 'permanent') ?? verdicts[0]!;
}

function hashOf(raw: string): string {
  try {
    return Transaction.from(raw).hash!;
  } catch {
    const details = { provider: 'evm', kind: 'permanent', code: 'invalid_transaction' } as const;
    throw new ProviderError('the bytes to broadcast are not a signed transaction', details);
  }
}

async function sendTo(rpc: Rpc, raw: string, hash: string): Promise<Verdict> {
  try {
    await rpc.call('eth_sendRawTransaction', [raw]);
    return 'accepted';
  } catch (error) {
    if (error instanceof NodeRefusal) return refused(rpc, error.message, hash);
    if (!(error instanceof ProviderError)) throw error;
    const never = wasNeverSent(error) || error.code === 'rate_limited';
    return failure(error.message.slice('evm: '.length), never ? 'transient' : 'unknown_outcome', error.code);
  }
}

async function refused(rpc: Rpc, said: string, hash: string): Promise<Verdict> {
  if (KNOWN.test(said)) return 'known';
  if (NONCE_USED.test(said)) return nonceUsed(rpc, hash);
  const code = REFUSALS.find(([words]) => words.test(said))?.[1];
  if (code !== undefined) return failure(`${rpc.name} refused ${hash}: ${said}`, 'permanent', code);
  return failure(`${rpc.name} answered ${hash} unclearly: ${said}`, 'unknown_outcome', 'rpc_error');
}

/** Either our own bytes are mined already, or another transaction took the nonce. */
async function nonceUsed(rpc: Rpc, hash: string): Promise<Verdict> {
  try {
    const found = await rpc.call('eth_getTransactionByHash', [hash]);
    if (found !== null && found !== undefined) return 'known';
  } catch (error) {
    if (!(error instanceof ProviderError || error instanceof NodeRefusal)) throw error;
    return failure(`${rpc.name} could not say who used the nonce of ${hash}`, 'unknown_outcome', 'rpc_error');
  }
  return failure(`the nonce of ${hash} was used by another transaction`, 'permanent', 'nonce_used');
}

function failure(message: string, kind: ProviderError['kind'], code: string | undefined): ProviderError {
  return new ProviderError(message, { provider: 'evm', kind, code });
}

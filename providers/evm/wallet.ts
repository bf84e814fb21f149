/**
 * Signing a transfer and reading signed bytes back. Pure and synchronous, so that nonce, signature, bytes and
 * hash can be stored in one transaction; `decodeTransfer` is the independent check of those bytes before they
 * go out.
 */
import { computeAddress, getAddress, SigningKey, Transaction } from 'ethers';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { ProviderError } from '../error.ts';
import { decodeTransferData, transferData } from './erc20.ts';

export interface TransferToSign {
  /** Private key, hex; never logged, never part of an error. */
  readonly key: string;
  readonly chainId: bigint;
  readonly nonce: number;
  readonly to: string;
  readonly asset: LedgerAsset;
  /** Minor units; 0 only for the ETH transfer to ourselves that cancels a nonce. */
  readonly amount: bigint;
  readonly gasLimit: bigint;
  /** wei per gas */
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly usdtContract: string;
}

export interface DecodedTransfer {
  readonly hash: string;
  readonly from: string;
  readonly to: string;
  readonly asset: LedgerAsset;
  readonly amount: bigint;
  readonly nonce: number;
  readonly chainId: bigint;
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** @throws ProviderError permanent: an amount, address, nonce or key that cannot be right */
export function signTransfer(transfer: TransferToSign): { raw: string; hash: string } {
  const to = checkedAddress(transfer.to, 'recipient');
  const contract = checkedAddress(transfer.usdtContract, 'USDT_CONTRACT');
  if (transfer.amount < 0n || (transfer.asset === 'USDT' && transfer.amount === 0n)) {
    throw refused(`cannot send ${transfer.amount} minor units of ${transfer.asset}`);
  }
  if (!Number.isSafeInteger(transfer.nonce) || transfer.nonce < 0) throw refused(`nonce ${transfer.nonce}`);
  const token = transfer.asset === 'USDT';
  const transaction = Transaction.from({
    type: 2,
    chainId: transfer.chainId,
    nonce: transfer.nonce,
    to: token ? contract : to,
    value: token ? 0n : transfer.amount,
    data: token ? transferData(to, transfer.amount) : '0x',
    gasLimit: transfer.gasLimit,
    maxFeePerGas: transfer.maxFeePerGas,
    maxPriorityFeePerGas: transfer.maxPriorityFeePerGas,
  });
  transaction.signature = signingKey(transfer.key).sign(transaction.unsignedHash);
  return { raw: transaction.serialized, hash: transaction.hash! };
}

/**
 * What signed bytes really do; `from` is recovered from the signature.
 * @throws ProviderError permanent: not a signed EIP-1559 transfer of ETH or of that USDT contract, or
 * anything more
 */
export function decodeTransfer(raw: string, usdtContract: string): DecodedTransfer {
  let transaction: Transaction;
  try {
    transaction = Transaction.from(raw);
  } catch {
    throw refused('the bytes are not a transaction');
  }
  const { to, from, data, value, maxFeePerGas, maxPriorityFeePerGas } = transaction;
  if (transaction.type !== 2 || from === null || to === null) throw refused('not a signed EIP-1559 transfer');
  if (maxFeePerGas === null || maxPriorityFeePerGas === null) throw refused('no fee cap');
  if ((transaction.accessList?.length ?? 0) > 0) throw refused('an access list is no part of a transfer');
  const moved = movedBy(to, data, value, checkedAddress(usdtContract, 'USDT_CONTRACT'));
  const { hash, nonce, chainId, gasLimit } = transaction;
  return { hash: hash!, from, ...moved, nonce, chainId, gasLimit, maxFeePerGas, maxPriorityFeePerGas };
}

function movedBy(to: string, data: string, value: bigint, usdtContract: string) {
  if (to !== usdtContract) {
    if (data !== '0x') throw refused('call data to an address that is not USDT_CONTRACT');
    return { to, asset: 'ETH' as const, amount: value };
  }
  const call = decodeTransferData(data);
  if (call === null || value !== 0n) throw refused('not a plain transfer of USDT_CONTRACT');
  return { to: call.to, asset: 'USDT' as const, amount: call.amount };
}

/** The EIP-55 address that a private key signs for. @throws ProviderError permanent: not a private key */
export function addressOfKey(key: string): string {
  return computeAddress(signingKey(key).publicKey);
}

function signingKey(key: string): SigningKey {
  try {
    return new SigningKey(key.startsWith('0x') ? key : `0x${key}`);
  } catch {
    // The library's message would show the key.
    throw refused('HOST_WALLET_KEY is not a private key: 32 bytes in hex are expected');
  }
}

/** The EIP-55 form. @throws ProviderError permanent: no address, or mixed case with a wrong checksum */
export function checkedAddress(address: string, what: string): string {
  try {
    return getAddress(address);
  } catch {
    throw refused(`${what} is not an address: ${address.slice(0, 60)}`);
  }
}

function refused(message: string): ProviderError {
  return new ProviderError(message, { provider: 'evm', kind: 'permanent', code: 'invalid_transfer' });
}

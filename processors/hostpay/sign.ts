/**
 * Signing as hostpay sees it: a function from what is to be sent to signed bytes, and an independent reading of those
 * bytes that must agree with the ledger before they are stored.
 */
import type { LedgerAsset } from '../../schemas/assets.ts';
import { canonical } from '../swap/order.ts';

export interface SignRequest {
  readonly chainId: bigint;
  readonly from: string;
  readonly nonce: bigint;
  readonly to: string;
  readonly asset: LedgerAsset;
  /** Minor units; 0 only for the cancellation: ETH to ourselves. */
  readonly amount: bigint;
  readonly gasLimit: bigint;
  /** wei per gas */
  readonly maxFee: bigint;
  readonly priorityFee: bigint;
}

export interface Signed {
  readonly raw: string;
  readonly hash: string;
}

/** Where the key is. Synchronous: bytes are stored in the transaction that draws their nonce. */
export interface Signer {
  sign(request: SignRequest): Signed;
  /** What signed bytes really do, read from the bytes alone. */
  decode(raw: string): SignRequest & { readonly hash: string };
}

/** @throws Error when the bytes do something else than asked: nothing is stored then */
export function signChecked(signer: Signer, request: SignRequest): Signed {
  const signed = signer.sign(request);
  const found = signer.decode(signed.raw);
  const wrong = (Object.keys(request) as (keyof SignRequest)[]).filter(
    (field) => canonical(String(found[field])) !== canonical(String(request[field])),
  );
  if (found.hash !== signed.hash) throw new Error(`signed bytes have hash ${found.hash}, not ${signed.hash}`);
  if (wrong.length > 0) {
    throw new Error(`signed bytes for nonce ${request.nonce} differ from the ledger in ${wrong.join(', ')}`);
  }
  return signed;
}

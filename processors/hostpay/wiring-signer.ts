/** The signer with the key in this process (HOST_WALLET_KEY); the only place of hostpay that sees it. */
import { addressOfKey, checkedAddress, decodeTransfer, signTransfer } from '../../providers/evm/wallet.ts';
import { failPoint } from '../runtime/fail-point.ts';
import type { Signer } from './sign.ts';

export interface SignerSettings {
  readonly HOST_WALLET_KEY: string | undefined;
  readonly HOST_WALLET_ADDRESS: string;
  readonly USDT_CONTRACT: string;
}

/** @throws Error naming the setting when the key is missing or is not that of HOST_WALLET_ADDRESS */
export function localSigner(settings: SignerSettings): Signer {
  const { HOST_WALLET_KEY: key, USDT_CONTRACT: usdtContract } = settings;
  const host = checkedAddress(settings.HOST_WALLET_ADDRESS, 'HOST_WALLET_ADDRESS');
  if (key === undefined) throw new Error('HOST_WALLET_KEY is missing: the remote signer is not built yet');
  const own = addressOfKey(key);
  if (own !== host) throw new Error(`HOST_WALLET_KEY signs for ${own}, but HOST_WALLET_ADDRESS is ${host}`);
  return {
    sign({ chainId, nonce, to, asset, amount, gasLimit, maxFee, priorityFee }) {
      const fees = { maxFeePerGas: maxFee, maxPriorityFeePerGas: priorityFee };
      const value = { to, asset, amount, gasLimit, ...fees };
      failPoint('transfer.nonce_drawn');
      const signed = signTransfer({
        key,
        chainId,
        nonce: Number.parseInt(nonce.toString(), 10),
        usdtContract,
        ...value,
      });
      failPoint('transfer.signed');
      return signed;
    },
    decode(raw) {
      const { maxFeePerGas, maxPriorityFeePerGas, nonce, ...rest } = decodeTransfer(raw, usdtContract);
      return { ...rest, nonce: BigInt(nonce), maxFee: maxFeePerGas, priorityFee: maxPriorityFeePerGas };
    },
  };
}

/** The product's signer; bytes that were read once are not read again, as recovering a signature takes milliseconds. */
import type { Signer } from '../../processors/hostpay/sign.ts';
import { localSigner } from '../../processors/hostpay/wiring-signer.ts';
import { SETTINGS } from './settings.ts';

/** More than a seed has transactions. */
const MOST = 2_000;

const own = localSigner(SETTINGS);

export const SIGNER: Signer = {
  sign: (request) => own.sign(request),
  decode: remembering((raw) => own.decode(raw)),
};

function remembering<T>(read: (raw: string) => T): (raw: string) => T {
  const known = new Map<string, T>();
  return (raw) => {
    const before = known.get(raw);
    if (before !== undefined) return before;
    if (known.size >= MOST) known.clear();
    const found = read(raw);
    known.set(raw, found);
    return found;
  };
}

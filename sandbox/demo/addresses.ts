/**
 * Makes well-formed payout addresses that nobody holds a key of: right prefix, length and checksum around random bytes.
 * For the demo and tests, where money never leaves this machine.
 */
import { createHash } from 'node:crypto';
import { keccak256 } from 'ethers';

export type Bytes = (count: number) => Uint8Array;

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

const MAKERS: Readonly<Record<string, (random: Bytes) => string>> = {
  btc: (random) => base58Check(0x00, random(20)),
  ltc: (random) => base58Check(0x30, random(20)),
  doge: (random) => base58Check(0x1e, random(20)),
  xmr: (random) => moneroAddress(random(64)),
  eth: (random) => `0x${Buffer.from(random(20)).toString('hex')}`,
};

/**
 * @param network as ChangeNOW names it
 * @param random such as randomBytes
 * @throws Error when nothing is known about addresses of this network
 */
export function freshAddress(network: string, random: Bytes): string {
  const make = MAKERS[network];
  if (!make)
    throw new Error(`no addresses are made for ${network}; there are ${Object.keys(MAKERS).join(', ')}`);
  return make(random);
}

function base58Check(version: number, payload: Uint8Array): string {
  const body = Buffer.concat([Buffer.of(version), payload]);
  const whole = Buffer.concat([body, sha256(sha256(body)).subarray(0, 4)]);
  const zeros = whole.findIndex((byte) => byte !== 0);
  return '1'.repeat(zeros) + base58(whole);
}

/** A standard mainnet address: two public keys, eight base58 blocks of 11 characters and one of 7. */
function moneroAddress(keys: Uint8Array): string {
  const body = Buffer.concat([Buffer.of(0x12), keys]);
  const checksum = Buffer.from(keccak256(body).slice(2), 'hex').subarray(0, 4);
  const whole = Buffer.concat([body, checksum]);
  let text = '';
  for (let at = 0; at < whole.length; at += 8) {
    const block = whole.subarray(at, at + 8);
    text += base58(block).padStart(block.length === 8 ? 11 : 7, '1');
  }
  return text;
}

function base58(bytes: Uint8Array): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (; rest > 0n; rest /= 58n) text = ALPHABET.charAt(Number(rest % 58n)) + text;
  return text;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

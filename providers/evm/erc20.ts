/**
 * The three parts of ERC-20 that we use, encoded and decoded; nothing here expects `transfer` to return a
 * value.
 */
import { dataSlice, getAddress, Interface, zeroPadValue } from 'ethers';

const ABI = new Interface([
  'function transfer(address to, uint256 value)',
  'function balanceOf(address owner) view returns (uint256)',
  'event Transfer(address indexed from, address indexed to, uint256 value)',
]);

export const TRANSFER_TOPIC = ABI.getEvent('Transfer')!.topicHash;

export function transferData(to: string, amount: bigint): string {
  return ABI.encodeFunctionData('transfer', [to, amount]);
}

/**
 * The recipient and minor units of `transfer` call data, or null when it is anything else, trailing bytes
 * included.
 */
export function decodeTransferData(data: string): { to: string; amount: bigint } | null {
  if (data.length !== 2 + 2 * (4 + 64) || !data.startsWith(ABI.getFunction('transfer')!.selector))
    return null;
  const [to, amount] = ABI.decodeFunctionData('transfer', data);
  return { to: to as string, amount: amount as bigint };
}

export function balanceData(owner: string): string {
  return ABI.encodeFunctionData('balanceOf', [owner]);
}

export function addressTopic(address: string): string {
  return zeroPadValue(address, 32).toLowerCase();
}

export function addressOfTopic(topic: string): string {
  return getAddress(dataSlice(topic, 12));
}

/** Signing and reading transfers back, and the checked-in contract. */
import { Interface, Transaction } from 'ethers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../../providers/error.ts';
import { devAccount, devDepositAddress } from '../../../providers/evm/dev-accounts.ts';
import { commonReceipts, type Receipt } from '../../../providers/evm/receipts.ts';
import { addressOfKey, decodeTransfer, signTransfer } from '../../../providers/evm/wallet.ts';
import { compile, readArtefact } from '../../../sandbox/contracts/compile.ts';
import type { LedgerAsset } from '../../../schemas/assets.ts';

const KEY = `0x${'22'.repeat(32)}`;
const USDT = '0xdAC17F958D2ee523a2206206994597C13D831ec7';

function transfer(change: Partial<Parameters<typeof signTransfer>[0]> = {}) {
  return {
    key: KEY,
    chainId: 1n,
    nonce: 7,
    to: devDepositAddress(0),
    asset: 'USDT' as LedgerAsset,
    amount: 533_500_000n,
    gasLimit: 100_000n,
    maxFeePerGas: 30_000_000_000n,
    maxPriorityFeePerGas: 1_000_000_000n,
    usdtContract: USDT,
    ...change,
  };
}

describe('signTransfer and decodeTransfer', () => {
  it('give back everything that was signed, for any amount, nonce and recipient [failures 3, 17]', () => {
    const index = fc.integer({ min: 0, max: 50 });
    const asset = fc.constantFrom<LedgerAsset>('ETH', 'USDT');
    const amount = fc.bigInt({ min: 1n, max: 10n ** 27n });
    fc.assert(
      fc.property(
        index,
        asset,
        amount,
        fc.nat(),
        fc.bigInt({ min: 1n, max: 10n ** 9n }),
        (i, a, m, nonce, chainId) => {
          const asked = transfer({ to: devDepositAddress(i), asset: a, amount: m, nonce, chainId });
          const signed = signTransfer(asked);
          const { key, usdtContract: _contract, ...facts } = asked;
          expect(decodeTransfer(signed.raw, USDT)).toEqual({
            ...facts,
            from: addressOfKey(key),
            hash: signed.hash,
          });
        },
      ),
      { numRuns: 30 },
    );
  });

  it('signs the same bytes every time', () => {
    expect(signTransfer(transfer())).toEqual(signTransfer(transfer()));
  });

  it('signs a cancellation: 0 ETH to ourselves', () => {
    const { raw } = signTransfer(transfer({ asset: 'ETH', amount: 0n, to: addressOfKey(KEY) }));
    expect(decodeTransfer(raw, USDT)).toMatchObject({ amount: 0n, to: addressOfKey(KEY), nonce: 7 });
  });

  it.each([
    ['a negative amount', { amount: -1n }],
    ['0 USDT', { amount: 0n }],
    ['a recipient that is no address', { to: '0x1234' }],
    ['an address with a wrong checksum', { to: '0xdAC17F958D2ee523a2206206994597C13D831eC7' }],
    ['a nonce below 0', { nonce: -1 }],
    ['a key that is none', { key: 'hunter2' }],
  ])('refuses %s, without showing the key [failure 114]', (_name, change) => {
    const attempt = () => signTransfer(transfer(change));
    expect(attempt).toThrow(ProviderError);
    expect(attempt).not.toThrow(/hunter2|2222/);
  });

  it.each([
    [
      'other call data',
      {
        data: new Interface(['function approve(address,uint256)']).encodeFunctionData('approve', [USDT, 1n]),
      },
    ],
    ['ETH along with a token transfer', { value: 1n }],
    ['call data to another contract', { to: devDepositAddress(3) }],
    ['a legacy transaction', { type: 0 }],
    [
      'trailing bytes after the arguments',
      { data: `${Transaction.from(signTransfer(transfer()).raw).data}00` },
    ],
  ])('does not take %s for a transfer', (_name, change) => {
    const signed = Transaction.from(signTransfer(transfer()).raw);
    const { type, maxFeePerGas, maxPriorityFeePerGas } = signed;
    const fees = 'type' in change ? { gasPrice: 1n } : { type, maxFeePerGas, maxPriorityFeePerGas };
    const { chainId, nonce, to, data, value, gasLimit, signature } = signed;
    const other = Transaction.from({
      chainId,
      nonce,
      to,
      data,
      value,
      gasLimit,
      ...fees,
      ...change,
      signature,
    });
    expect(() => decodeTransfer(other.serialized, USDT)).toThrow(ProviderError);
  });

  it('refuses bytes that are nothing', () => {
    expect(() => decodeTransfer('0xdeadbeef', USDT)).toThrow(/not a transaction/);
  });
});

describe('development accounts', () => {
  it('are the ones that anvil funds', () => {
    expect(devAccount('deployer').address).toBe('0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266');
    expect(devAccount('nowpayments').address).toBe('0x70997970C51812dc3A010C7d01b50e0d17dc79C8');
    expect(addressOfKey(devAccount('changenow').key)).toBe(devAccount('changenow').address);
  });

  it('give every order its own deposit address', () => {
    const addresses = new Set(Array.from({ length: 300 }, (_, i) => devDepositAddress(i)));
    expect(addresses.size).toBe(300);
  });
});

describe('receipts of two nodes', () => {
  const receipt: Receipt = {
    block: 5,
    blockHash: '0xaa',
    status: 1,
    gasUsed: 21_000n,
    effectiveGasPrice: 3n,
  };
  const view = (found: Receipt | null) => new Map([['0x1', found]]);

  it('are taken when alike', () => {
    expect(commonReceipts([view(receipt), view({ ...receipt })])?.get('0x1')).toEqual(receipt);
  });

  it('wait for the slower node', () => {
    expect(commonReceipts([view(receipt), view(null)])?.get('0x1')).toBeNull();
    expect(commonReceipts([view(null), view(receipt)])?.get('0x1')).toBeNull();
  });

  it('are refused when they contradict', () => {
    expect(commonReceipts([view(receipt), view({ ...receipt, status: 0 })])).toBeUndefined();
  });
});

describe('the development contracts', () => {
  it('compile to the bytecode that is checked in', () => {
    expect(compile()).toEqual(readArtefact());
  }, 30_000);

  it('have a transfer without a return value, as the real USDT', () => {
    const usdt = new Interface(readArtefact().DevelopmentUsdt!.abi as string[]);
    expect(usdt.getFunction('transfer')!.outputs).toEqual([]);
  });
});

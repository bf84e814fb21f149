/** Transfers: what is checked before a nonce is drawn, stuck and cancelled ones, and what each end books. */
import { beforeEach, describe, expect, test } from 'vitest';
import { swapOrders, transfers, transferTxs, wallets } from '../../../../ledger/tables.ts';
import { replacementFees } from '../../../../processors/hostpay/fees.ts';
import { type SignRequest, signChecked } from '../../../../processors/hostpay/sign.ts';
import {
  applyBroadcast,
  applyPrepared,
  applyUnmined,
  stepTransfer,
} from '../../../../processors/hostpay/transition.ts';
import { decide } from '../../../../processors/swap/decisions.ts';
import { fund, putTransfer } from '../../../../processors/swap/funds.ts';
import { Desk } from '../../../fixtures/out-desk.ts';
import {
  FUNDS,
  HOST,
  outWork,
  PAPER_SIGNER,
  PAYIN,
  PAYOUT_ID,
  POLICY,
  QUOTE,
} from '../../../fixtures/out-rows.ts';

let desk: Desk;

const PREPARED = { do: 'prepare', latestNonce: 7n, quote: QUOTE, balance: 48_500_000n } as const;
const UNMINED = { do: 'watch', finalized: 9n, receipts: [], rebroadcast: null, quote: null } as const;

/** A direct payout of 48.5 USDT whose transfer is chosen. */
beforeEach(() => {
  desk = new Desk(outWork({ currency: 'usdt', network: 'eth', address: PAYIN }), 'payout', PAYOUT_ID);
  const target = { kind: 'direct', address: PAYIN, attempt: 1 } as const;
  fund(desk.work, desk.owner, target, QUOTE, FUNDS, POLICY);
  desk.commit();
});

function prepare(part: object = {}) {
  const next = applyPrepared(desk.work, desk.transfer, { ok: { ...PREPARED, ...part } });
  desk.commit();
  return next;
}

describe('signing', () => {
  test('draws the next nonce and keeps bytes and hash in the same step [failures 18, 19, H10, H11]', () => {
    prepare();
    const { transfer } = desk.transfer;
    expect(transfer).toMatchObject({ state: 'signed', nonce: 7n });
    expect(desk.work.all(wallets)[0]!.next_nonce).toBe(8n);
    const tx = desk.work.must(transferTxs, transfer.hash!);
    expect(PAPER_SIGNER.decode(tx.raw)).toMatchObject({
      to: PAYIN,
      amount: 48_500_000n,
      asset: 'USDT',
      nonce: 7n,
    });
  });

  test.each([
    [{ latestNonce: 8n }, 'foreign_nonce'],
    [{ balance: 48_499_999n }, 'awaiting_funds'],
    [{ quote: { ...QUOTE, baseFee: POLICY.gasMax } }, 'gas_price_high'],
  ])('does not happen with %o [failure 4]', (part, reason) => {
    prepare(part);
    expect(desk.transfer.transfer).toMatchObject({ state: 'chosen', nonce: null, reason });
    expect(desk.work.all(wallets)[0]!.next_nonce).toBe(7n);
    expect(desk.work.all(transferTxs)).toEqual([]);
  });

  test('a foreign transaction halts the wallet: nothing is asked for any more', () => {
    prepare({ latestNonce: 8n });
    expect(desk.discrepancies()).toEqual(['foreign_nonce']);
    expect(stepTransfer(desk.work, desk.transfer)).toEqual({ next: { pollAt: 'soon' } });
  });

  test('a chain that has not mined our earlier ones yet is no reason to wait', () => {
    prepare({ latestNonce: 3n });
    expect(desk.transfer.transfer.state).toBe('signed');
  });

  test('holds more gas when prices rose since the funds were set aside', () => {
    prepare({ quote: { ...QUOTE, maxFeePerGas: 5n * 10n ** 9n } });
    expect(desk.wallet.get('wallet:gas_held|ETH')).toBe(100_000n * 5n * 10n ** 9n);
  });

  test('waits for an owner on hold, and nothing is signed', () => {
    decide(desk.work, desk.owner, 'hold');
    desk.commit();
    expect(stepTransfer(desk.work, desk.transfer)).toEqual({ next: { pollAt: 'soon' } });
    prepare();
    expect(desk.transfer.transfer.state).toBe('chosen');
  });

  test('a recipient that refuses it drops the transfer and fails the payout; the funds are free', () => {
    const error = { kind: 'permanent', code: 'would_revert', message: 'refused' } as const;
    applyPrepared(desk.work, desk.transfer, { error });
    desk.commit();
    expect(desk.owner).toMatchObject({ state: 'failed', reason: 'transfer_reverted' });
    expect([...desk.wallet.values()].every((sum) => sum === 0n)).toBe(true);
  });

  test.each<[string, Partial<SignRequest>]>([
    ['to', { to: HOST }],
    ['amount', { amount: 1n }],
    ['nonce', { nonce: 8n }],
    ['chainId', { chainId: 1n }],
    ['asset', { asset: 'ETH' }],
    ['maxFee', { maxFee: 10n ** 18n }],
  ])('bytes that differ in %s are refused [failures 3, 5]', (field, part) => {
    const request: SignRequest = {
      chainId: POLICY.chainId,
      from: HOST,
      nonce: 7n,
      to: PAYIN,
      asset: 'USDT',
      amount: 5n,
      gasLimit: 1n,
      maxFee: 2n,
      priorityFee: 1n,
    };
    const signer = { ...PAPER_SIGNER, decode: (raw: string) => ({ ...PAPER_SIGNER.decode(raw), ...part }) };
    expect(() => signChecked(signer, request)).toThrow(new RegExp(`differ from the ledger in ${field}$`));
  });
});

describe('broadcasting', () => {
  test.each([
    ['accepted', undefined, 'broadcast'],
    ['of unknown outcome', 'unknown_outcome', 'broadcast'],
    ['never sent', 'transient', 'signed'],
  ] as const)('%s', (_name, kind, state) => {
    prepare();
    const outcome =
      kind === undefined
        ? { ok: { do: 'broadcast' as const } }
        : { error: { kind, code: 'timeout', message: 'no answer' } };
    applyBroadcast(desk.work, desk.transfer, outcome);
    expect(desk.transfer.transfer.state).toBe(state);
  });

  test('a restart sends the very same bytes [failures H9, H11]', () => {
    prepare();
    const first = stepTransfer(desk.work, desk.transfer);
    const tx = desk.work.must(transferTxs, desk.transfer.transfer.hash!);
    expect(first).toEqual({ call: { do: 'broadcast', raw: tx.raw, hash: tx.hash } });
    expect(stepTransfer(desk.work, desk.transfer)).toEqual(first);
  });
});

describe('stuck', () => {
  beforeEach(() => {
    desk.send();
  });

  test('only after a while a quote is asked for', () => {
    expect(stepTransfer(desk.work, desk.transfer)).toMatchObject({ call: { do: 'watch', quote: null } });
    desk.commit(90_000);
    expect(stepTransfer(desk.work, desk.transfer)).toMatchObject({
      call: { quote: { to: PAYIN, amount: 48_500_000n, asset: 'USDT' } },
    });
  });

  test('is replaced with the same nonce, recipient and amount; all hashes are watched [failure H9]', () => {
    applyUnmined(desk.work, desk.transfer, { ...UNMINED, quote: QUOTE });
    desk.commit();
    const txs = desk.work.all(transferTxs).map(({ raw }) => PAPER_SIGNER.decode(raw));
    expect(txs.map(({ nonce, to, amount }) => [nonce, to, amount])).toEqual([
      [7n, PAYIN, 48_500_000n],
      [7n, PAYIN, 48_500_000n],
    ]);
    expect(desk.wallet.get('wallet:gas_held|ETH')).toBe(txs[1]!.maxFee * 100_000n);
    const watch = stepTransfer(desk.work, desk.transfer);
    expect(watch).toMatchObject({
      call: { hashes: [txs[0]!.hash, txs[1]!.hash], latest: { hash: txs[1]!.hash } },
    });
  });

  test('the first bytes may still win: then they decide, and the gas that they cost is booked', () => {
    const first = desk.transfer.transfer.hash!;
    applyUnmined(desk.work, desk.transfer, { ...UNMINED, quote: QUOTE });
    desk.commit();
    putTransfer(desk.work, { ...desk.transfer.transfer, hash: first });
    desk.mine(1, 50_000n);
    expect(desk.owner.state).toBe('completed');
    expect(desk.transfer.transfer).toMatchObject({
      state: 'final',
      hash: first,
      gas_spent: 50_000n * 10n ** 9n,
    });
    expect(desk.wallet.get('wallet:gas_held|ETH')).toBe(0n);
    expect(desk.wallet.get('wallet:gas|ETH')).toBe(-50_000n * 10n ** 9n);
  });

  test('above GAS_MAX_GWEI it waits [failure H20]', () => {
    applyUnmined(desk.work, desk.transfer, { ...UNMINED, quote: { ...QUOTE, baseFee: POLICY.gasMax } });
    expect(desk.transfer.transfer.reason).toBe('gas_price_high');
    expect(desk.work.all(transferTxs)).toHaveLength(1);
  });

  test('a nonce that somebody else used halts the wallet [failure H10]', () => {
    const rebroadcast = { kind: 'permanent', code: 'nonce_used', message: 'used' } as const;
    applyUnmined(desk.work, desk.transfer, { ...UNMINED, rebroadcast });
    desk.commit();
    const { transfer_id } = desk.transfer.transfer;
    expect(desk.work.all(wallets)[0]!.halted).toBe(`nonce_in_doubt:${transfer_id}`);
    expect(desk.discrepancies()).toEqual(['foreign_nonce']);
  });

  test('a node that was behind and took our own nonce for a foreign one halts it only until ours is final', () => {
    const rebroadcast = { kind: 'permanent', code: 'nonce_used', message: 'used' } as const;
    applyUnmined(desk.work, desk.transfer, { ...UNMINED, rebroadcast });
    desk.commit();
    desk.mine(1);
    expect(desk.work.all(wallets)[0]!.halted).toBeNull();
  });

  test('what is halted for another reason stays so when a transfer is final', () => {
    desk.work.put(wallets, { ...desk.work.all(wallets)[0]!, halted: 'foreign_nonce' });
    desk.mine(1);
    expect(desk.work.all(wallets)[0]!.halted).toBe('foreign_nonce');
  });

  test('cancelled: nothing to ourselves with the same nonce; final, the payout is held and can be returned', () => {
    expect(decide(desk.work, desk.owner, 'cancel')).toBe('asked');
    desk.commit();
    expect(stepTransfer(desk.work, desk.transfer)).toMatchObject({
      call: { quote: { to: HOST, amount: 0n, asset: 'ETH' } },
    });
    applyUnmined(desk.work, desk.transfer, { ...UNMINED, quote: { ...QUOTE, gasLimit: 21_000n } });
    desk.commit();
    const last = PAPER_SIGNER.decode(desk.work.must(transferTxs, desk.transfer.transfer.hash!).raw);
    expect(last).toMatchObject({ nonce: 7n, to: HOST, amount: 0n, asset: 'ETH' });
    desk.mine(1);
    expect(desk.owner).toMatchObject({ state: 'on_hold', reason: 'operator' });
    expect(desk.wallet.get('wallet:host|USDT')).toBe(0n);
    expect(decide(desk.work, desk.owner, 'cancel')).toBe('done');
  });
});

describe('reverted', () => {
  test('value back, gas spent, next attempt; after three a person decides [failure H9]', () => {
    for (const attempt of [1, 2, 3]) {
      desk.send();
      desk.mine(0);
      expect(desk.wallet.get('wallet:host|USDT')).toBe(0n);
      if (attempt === 3) break;
      expect(desk.owner).toMatchObject({ state: 'awaiting_funds', reason: 'transfer_reverted' });
      const target = { kind: 'direct', address: PAYIN, attempt: attempt + 1 } as const;
      fund(desk.work, desk.owner, target, QUOTE, FUNDS, POLICY);
      desk.commit();
    }
    expect(desk.owner).toMatchObject({ state: 'failed', reason: 'transfer_reverted' });
    expect(desk.work.all(transfers).map((row) => row.state)).toEqual(['reverted', 'reverted', 'reverted']);
    expect(desk.work.all(swapOrders)).toEqual([]);
    expect(desk.wallet.get('wallet:gas|ETH')).toBe(-3n * 21_000n * 10n ** 9n);
  });
});

describe('fees of a replacement', () => {
  const latest = { max_fee: 3_000_000_000n, priority_fee: 1_000_000_000n };

  test('are at least an eighth higher in both caps', () => {
    const fees = replacementFees(
      latest,
      { ...QUOTE, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n },
      POLICY.gasMax,
    )!;
    expect(fees.maxFee * 8n).toBeGreaterThanOrEqual(latest.max_fee * 9n);
    expect(fees.priorityFee * 8n).toBeGreaterThanOrEqual(latest.priority_fee * 9n);
  });

  test('are those of a new transfer when these are higher, and never above the bound', () => {
    const quote = { ...QUOTE, maxFeePerGas: 10n ** 12n };
    expect(replacementFees(latest, quote, POLICY.gasMax)!.maxFee).toBe(POLICY.gasMax);
  });

  test('there are none when an eighth more is above the bound', () => {
    expect(replacementFees({ ...latest, max_fee: POLICY.gasMax }, QUOTE, POLICY.gasMax)).toBeUndefined();
  });
});

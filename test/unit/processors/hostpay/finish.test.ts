/** What the end of a transfer books, under which cause, and whose turn it is then. */
import { describe, expect, test } from 'vitest';
import { glTransfers, payoutBatches, swapOrders, transfers } from '../../../../ledger/tables.ts';
import { replacementFees } from '../../../../processors/hostpay/fees.ts';
import { putTransfer } from '../../../../processors/swap/funds.ts';
import { CLIENT, PARTITION } from '../../../fixtures/ledger-rows.ts';
import { Desk } from '../../../fixtures/out-desk.ts';
import { outWork, PAYIN, PAYOUT_ID, POLICY, QUOTE, replyTo } from '../../../fixtures/out-rows.ts';

const direct = () =>
  new Desk(outWork({ currency: 'usdt', network: 'eth', address: PAYIN }), 'payout', PAYOUT_ID);

/** Its transfer is out. */
function sent(desk: Desk): Desk {
  const step = desk.plan();
  if (!('call' in step)) throw new Error('nothing was asked');
  if (step.call.do === 'create') {
    desk.answer(step, { ok: { do: 'created', order: replyTo(step.call.request) } });
    desk.answer(desk.plan(), { ok: { do: 'quote', quote: QUOTE } });
  } else desk.answer(step, { ok: { do: 'quote', quote: QUOTE } });
  desk.send();
  return desk;
}

/** What the last commit but one wrote: mine commits by itself. */
function mined(desk: Desk, status: 0 | 1): { causes: string[]; woken: string[] } {
  const work = desk.work;
  desk.mine(status);
  const rows = work.changed(glTransfers);
  for (const row of rows) expect(row).toMatchObject({ client_id: CLIENT, partition: PARTITION });
  return {
    causes: [...new Set(rows.map(({ cause_kind }) => cause_kind))],
    woken: [...work.intents.keys()],
  };
}

describe('final', () => {
  test('to a swap: the payout is followed from here on', () => {
    const desk = sent(new Desk(outWork(), 'payout', PAYOUT_ID));
    expect(mined(desk, 1)).toEqual({ causes: ['transfer_final'], woken: [`payout:${PAYOUT_ID}`] });
    expect(desk.owner.state).toBe('funded');
    expect(desk.wallet.get('swap:in_transit|USDT')).toBe(48_500_000n);
    expect(desk.work.all(transfers)).toMatchObject([
      { state: 'final', block: 9n, gas_spent: 21_000n * 10n ** 9n },
    ]);
  });

  test('direct: the payout is completed with the amount and the transaction', () => {
    const desk = sent(direct());
    const { hash } = desk.transfer.transfer;
    expect(mined(desk, 1).causes).toEqual(['transfer_final', 'payout_completed']);
    expect(desk.work.all(payoutBatches)).toMatchObject([
      { state: 'completed', received: '48.5', payout_hash: hash },
    ]);
    expect(desk.wallet.get('swap:in_transit|USDT')).toBeUndefined();
  });
});

describe('reverted', () => {
  test('the value is here, the next attempt is looked at at once, its order is closed', () => {
    const desk = sent(new Desk(outWork(), 'payout', PAYOUT_ID));
    expect(mined(desk, 0)).toEqual({ causes: ['transfer_undone'], woken: [`payout:${PAYOUT_ID}`] });
    expect(desk.owner).toMatchObject({ state: 'awaiting_funds', reason: 'transfer_reverted' });
    expect(desk.work.all(swapOrders)).toMatchObject([{ state: 'closed' }]);
    expect(desk.work.all(transfers)).toMatchObject([{ state: 'reverted' }]);
  });

  test.each([
    [2, 'awaiting_funds'],
    [3, 'failed'],
  ])('in attempt %i: %s', (attempt, state) => {
    const desk = sent(direct());
    putTransfer(desk.work, { ...desk.transfer.transfer, attempt });
    desk.mine(0);
    expect(desk.owner).toMatchObject({ state, reason: 'transfer_reverted' });
  });
});

describe('the fees of a replacement', () => {
  const latest = { max_fee: 8_000n, priority_fee: 800n };
  const quote = { ...QUOTE, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n, baseFee: 1n };

  test('are an eighth more and one, rounded up', () => {
    expect(replacementFees(latest, quote, POLICY.gasMax)).toEqual({ maxFee: 9_001n, priorityFee: 901n });
    expect(replacementFees({ max_fee: 1n, priority_fee: 1n }, quote, POLICY.gasMax)).toEqual({
      maxFee: 3n,
      priorityFee: 3n,
    });
  });

  test('are the quoted ones where these are higher, a tip never above the cap', () => {
    const dear = { ...quote, maxFeePerGas: 20_000n, maxPriorityFeePerGas: 2_000n };
    expect(replacementFees(latest, dear, POLICY.gasMax)).toEqual({ maxFee: 20_000n, priorityFee: 2_000n });
    const tip = { ...quote, maxPriorityFeePerGas: 50_000n };
    expect(replacementFees(latest, tip, POLICY.gasMax)).toEqual({ maxFee: 9_001n, priorityFee: 9_001n });
  });

  test('reach GAS_MAX_GWEI exactly, and are none above it', () => {
    expect(replacementFees(latest, quote, 9_001n)).toEqual({ maxFee: 9_001n, priorityFee: 901n });
    expect(replacementFees(latest, quote, 9_000n)).toBeUndefined();
    const block = { ...quote, baseFee: 9_999n };
    expect(replacementFees(latest, block, 10_000n)).toBeDefined();
    expect(replacementFees(latest, { ...block, baseFee: 10_000n }, 10_000n)).toBeUndefined();
  });
});

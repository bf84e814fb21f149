/** Funds set aside for a transfer: at each bound, for whom they are posted, and what the rows say after. */
import { describe, expect, test } from 'vitest';
import { conversions, glTransfers, payoutBatches, transfers } from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import {
  backToFunds,
  dropTransfer,
  type Funds,
  feesOf,
  fund,
  type GasQuote,
  putTransfer,
  scopeOf,
} from '../../../../processors/swap/funds.ts';
import { ownerOf } from '../../../../processors/swap/owner.ts';
import { CLIENT, NOW, PARTITION } from '../../../fixtures/ledger-rows.ts';
import {
  CONVERSION_ID,
  conversionWork,
  FUNDS,
  HOST,
  outWork,
  PAYIN,
  PAYOUT_ID,
  POLICY,
  QUOTE,
} from '../../../fixtures/out-rows.ts';

const payoutOf = (work: Work) => ownerOf(work, 'payout', PAYOUT_ID, HOST);
const conversionOf = (work: Work) => ownerOf(work, 'conversion', CONVERSION_ID, HOST);
const TARGET = { kind: 'swap', address: PAYIN, attempt: 1 } as const;
const GAS = QUOTE.gasLimit * QUOTE.maxFeePerGas;

function tried(part: Partial<Funds>, quote: GasQuote = QUOTE) {
  const work = outWork();
  const result = fund(work, payoutOf(work), TARGET, quote, { ...FUNDS, ...part }, POLICY);
  return typeof result === 'string' ? result : result.state;
}

describe('what it takes', () => {
  test.each<[string, Partial<Funds>, string]>([
    ['the amount', { host: 48_500_000n }, 'chosen'],
    ['less', { host: 48_499_999n }, 'awaiting_funds'],
    ['an unconfirmed receipt', { unconfirmed: 1 }, 'awaiting_confirmation'],
    ['the gas and the reserve', { gas: POLICY.gasReserve + GAS }, 'chosen'],
    ['less gas', { gas: POLICY.gasReserve + GAS - 1n }, 'gas_low'],
  ])('%s: %s', (_name, funds, expected) => {
    expect(tried(funds)).toBe(expected);
  });

  test('a block that costs exactly GAS_MAX_GWEI is paid, one that costs more is not', () => {
    const baseFee = POLICY.gasMax - QUOTE.maxPriorityFeePerGas;
    expect(tried({}, { ...QUOTE, baseFee })).toBe('chosen');
    expect(tried({}, { ...QUOTE, baseFee: baseFee + 1n })).toBe('gas_price_high');
  });

  test('the fee cap is the quoted one, and never above GAS_MAX_GWEI', () => {
    expect(feesOf(QUOTE, POLICY.gasMax)).toEqual({
      maxFee: QUOTE.maxFeePerGas,
      priorityFee: QUOTE.maxPriorityFeePerGas,
    });
    expect(feesOf({ ...QUOTE, maxFeePerGas: POLICY.gasMax * 2n }, POLICY.gasMax)?.maxFee).toBe(POLICY.gasMax);
  });
});

describe('set aside', () => {
  test('for a payout: in its client’s name; from here on it counts as seen', () => {
    const work = outWork();
    fund(work, payoutOf(work), TARGET, QUOTE, FUNDS, POLICY);
    const [transfer] = work.all(transfers);
    expect(transfer).toMatchObject({ client_id: CLIENT, cancel_wanted: false, gas_held: GAS, revision: 1n });
    const scope = { client_id: CLIENT, partition: PARTITION, cause_kind: 'set_aside' };
    expect(work.changed(glTransfers)).toMatchObject([scope, scope]);
    expect(work.all(payoutBatches)[0]).toMatchObject({ state: 'ordered', attempt: 1, funds_seen: true });
    const key = `transfer:${transfer!.transfer_id}`;
    expect(work.intents.get(key)).toMatchObject({
      kind: 'transfer',
      subject: transfer!.transfer_id,
      dueAt: NOW,
    });
  });

  test('for a conversion: in nobody’s', () => {
    const work = conversionWork();
    fund(work, conversionOf(work), TARGET, QUOTE, FUNDS, POLICY);
    expect(work.all(transfers)).toMatchObject([{ client_id: null, owner_kind: 'conversion' }]);
    const scope = { client_id: null, partition: 0, cause_kind: 'set_aside' };
    expect(work.changed(glTransfers)).toMatchObject([scope, scope]);
    expect(work.must(conversions, CONVERSION_ID)).toMatchObject({ state: 'ordered', attempt: 1 });
    expect(work.must(conversions, CONVERSION_ID)).not.toHaveProperty('funds_seen');
  });

  test('each has its own place in the books', () => {
    expect(scopeOf({ clientId: 7n, partition: 3 })).toEqual({ clientId: 7n, partition: 3 });
    expect(scopeOf({ clientId: undefined, partition: 3 })).toEqual({ partition: 3 });
  });
});

test('a change of a transfer is its next revision', () => {
  const work = outWork();
  fund(work, payoutOf(work), TARGET, QUOTE, FUNDS, POLICY);
  expect(putTransfer(work, work.all(transfers)[0]!).revision).toBe(2n);
});

test('dropped: free again under a cause of its own; back to funds: looked at at once, with its reason', () => {
  const work = outWork();
  fund(work, payoutOf(work), TARGET, QUOTE, FUNDS, POLICY);
  dropTransfer(work, work.all(transfers)[0]!, payoutOf(work));
  expect(work.all(transfers)).toMatchObject([{ state: 'dropped' }]);
  expect(new Set(work.changed(glTransfers).map(({ cause_kind }) => cause_kind))).toEqual(
    new Set(['set_aside', 'set_aside_undone']),
  );
  expect([...work.walletDeltas.values()].every((sum) => sum === 0n)).toBe(true);
  work.intents.clear();
  backToFunds(work, payoutOf(work), 'transfer_reverted');
  expect(payoutOf(work)).toMatchObject({ state: 'awaiting_funds', reason: 'transfer_reverted' });
  expect(work.intents.get(`payout:${PAYOUT_ID}`)).toMatchObject({ kind: 'payout', subject: PAYOUT_ID });
});

/** What the chain's answers lead to, step by step: when a transfer is looked at again, and what waits for what. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  discrepancies,
  glTransfers,
  payoutBatches,
  swapOrders,
  type TransferTxRow,
  transfers,
  transferTxs,
  wallets,
} from '../../../../ledger/tables.ts';
import { STUCK_MS } from '../../../../processors/hostpay/fees.ts';
import {
  applyBroadcast,
  applyPrepared,
  applyUnmined,
  pollChain,
  stepTransfer,
  txsOf,
} from '../../../../processors/hostpay/transition.ts';
import type { Next, ProviderFailure } from '../../../../processors/runtime/schedule.ts';
import { fund, putTransfer } from '../../../../processors/swap/funds.ts';
import { ORDER_MAX_AGE_MS } from '../../../../processors/swap/order.ts';
import { CLIENT, PARTITION } from '../../../fixtures/ledger-rows.ts';
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
  replyTo,
} from '../../../fixtures/out-rows.ts';

const SOON = { pollAt: 'soon' };
const DONE = { done: true };
const PREPARED = { do: 'prepare', latestNonce: 7n, quote: QUOTE, balance: 48_500_000n } as const;
const UNMINED = { do: 'watch', finalized: 9n, receipts: [], rebroadcast: null, quote: null } as const;
const GWEI = 10n ** 9n;
const failure = (kind: ProviderFailure['kind'], code = 'x') => ({
  error: { kind, code, message: 'said so' },
});

let desk: Desk;

/** A direct payout of 48.5 USDT whose transfer is chosen. */
beforeEach(() => {
  desk = new Desk(outWork({ currency: 'usdt', network: 'eth', address: PAYIN }), 'payout', PAYOUT_ID);
  const target = { kind: 'direct', address: PAYIN, attempt: 1 } as const;
  fund(desk.work, desk.owner, target, QUOTE, FUNDS, POLICY);
  desk.commit();
});

const wallet = () => desk.work.all(wallets)[0]!;
const transfer = () => desk.transfer.transfer;
const details = () => desk.work.all(discrepancies).map(({ kind, entity, detail }) => [kind, entity, detail]);
const prepare = (part: object = {}) =>
  applyPrepared(desk.work, desk.transfer, { ok: { ...PREPARED, ...part } });
const inMs = (ms: number): Next => ({ pollAt: new Date(desk.work.now.getTime() + ms) });

describe('chosen', () => {
  test('asks what it needs to sign', () => {
    const target = { to: PAYIN, asset: 'USDT', amount: 48_500_000n };
    expect(stepTransfer(desk.work, desk.transfer)).toEqual({ call: { do: 'prepare', target } });
  });

  test('signs, and sends at once', () => {
    expect(prepare()).toEqual({ pollAt: desk.work.now, startOver: true });
    expect(transfer()).toMatchObject({ state: 'signed', reason: null });
  });

  test.each<[string, object | null]>([
    ['not set up', null],
    ['not read yet', { next_nonce: null }],
  ])('waits for a wallet that is %s', (_name, part) => {
    const context = { ...desk.transfer, wallet: part === null ? undefined : { ...wallet(), ...part } };
    expect(stepTransfer(desk.work, context)).toEqual({ next: SOON });
    expect(applyPrepared(desk.work, context, { ok: PREPARED })).toEqual(SOON);
    expect(transfer()).toMatchObject({ state: 'chosen', reason: null });
  });

  test('says that it waits for a wallet that is halted, once', () => {
    desk.work.load(wallets, [{ ...wallet(), halted: 'foreign_nonce' }]);
    expect(stepTransfer(desk.work, desk.transfer)).toEqual({ next: SOON });
    expect(transfer()).toMatchObject({ reason: 'foreign_nonce', revision: 2n });
    stepTransfer(desk.work, desk.transfer);
    expect(transfer().revision).toBe(2n);
    expect(prepare()).toEqual(SOON);
    expect(transfer().state).toBe('chosen');
  });

  test('signed meanwhile, it is not signed again', () => {
    prepare();
    expect(prepare()).toEqual(SOON);
    expect(desk.work.all(transferTxs)).toHaveLength(1);
  });

  test.each<[string, object, string[]]>([
    [
      'foreign_nonce',
      { latestNonce: 8n },
      ['foreign_nonce', `wallet:${HOST}`, 'the chain counts 8 transactions, we sent 7'],
    ],
    [
      'awaiting_funds',
      { balance: 48_499_999n },
      ['wallet_short', 'transfer:', '48499999 minor units of USDT on chain, 48500000 to send'],
    ],
  ])('waits with %s, and a person knows', (reason, part, [kind, entity, detail]) => {
    expect(prepare(part)).toEqual(SOON);
    expect(transfer().reason).toBe(reason);
    expect(details()).toEqual([[kind, expect.stringContaining(entity!), detail]]);
  });

  test('waits while gas costs more than the account can hold, and takes what just suffices', () => {
    const dear = { ...QUOTE, maxFeePerGas: 5n * GWEI };
    const more = QUOTE.gasLimit * 2n * GWEI;
    const sign = (gas: bigint) =>
      applyPrepared(desk.work, { ...desk.transfer, gas }, { ok: { ...PREPARED, quote: dear } });
    expect(sign(POLICY.gasReserve + more - 1n)).toEqual(SOON);
    expect(transfer()).toMatchObject({ state: 'chosen', reason: 'gas_low' });
    expect(sign(POLICY.gasReserve + more)).toMatchObject({ startOver: true });
    expect(desk.work.changed(glTransfers)).toMatchObject([
      {
        cause_kind: 'fee_raised',
        cause_id: transfer().hash,
        amount: more,
        client_id: CLIENT,
        partition: PARTITION,
      },
    ]);
  });

  test('with what was set aside already it needs nothing more, however low the account is', () => {
    expect(applyPrepared(desk.work, { ...desk.transfer, gas: 0n }, { ok: PREPARED })).toMatchObject({
      startOver: true,
    });
    expect(desk.work.changed(glTransfers)).toEqual([]);
  });

  test('takes the higher of both gas limits and fee caps, and never a tip above the cap', () => {
    const quote = { ...QUOTE, gasLimit: 120_000n, maxFeePerGas: 2n * GWEI, maxPriorityFeePerGas: 9n * GWEI };
    prepare({ quote });
    const [tx] = desk.work.all(transferTxs);
    expect(PAPER_SIGNER.decode(tx!.raw)).toMatchObject({
      gasLimit: 120_000n,
      maxFee: 3n * GWEI,
      priorityFee: 3n * GWEI,
    });
    expect(transfer()).toMatchObject({ gas_limit: 120_000n, gas_held: 360_000n * GWEI });
    expect(tx).toMatchObject({ kind: 'original', signed_at: desk.work.now });
  });

  test.each<[string, ReturnType<typeof failure>, Next, string, string]>([
    ['no coins for gas', failure('permanent', 'insufficient_funds'), { pollAt: 'soon' }, 'chosen', 'ordered'],
    ['not reached', failure('transient'), { retry: 'x: said so' }, 'chosen', 'ordered'],
    ['refused', failure('permanent'), { done: true }, 'dropped', 'failed'],
  ])('%s', (_name, outcome, next, state, owner) => {
    expect(applyPrepared(desk.work, desk.transfer, outcome)).toEqual(next);
    expect([transfer().state, desk.owner.state]).toEqual([state, owner]);
    if (state === 'dropped') expect(desk.owner.reason).toBe('provider_refused');
  });

  test('a payment that is sent back has no owner who could fail: it is tried again', () => {
    const context = { ...desk.transfer, owner: undefined };
    expect(applyPrepared(desk.work, context, failure('permanent'))).toEqual({ retry: 'x: said so' });
    expect(transfer().state).toBe('chosen');
    expect(stepTransfer(desk.work, context)).toMatchObject({ call: { do: 'prepare' } });
  });

  test('what is no preparation is a fault of ours', () => {
    expect(applyPrepared(desk.work, desk.transfer, { ok: { do: 'broadcast' } })).toEqual({
      retry: 'fault: a preparation was expected',
    });
  });

  test('a direct one has no order that could lapse', () => {
    desk.commit(ORDER_MAX_AGE_MS * 10);
    expect(stepTransfer(desk.work, desk.transfer)).toMatchObject({ call: { do: 'prepare' } });
  });
});

test('to a swap: given up only when its order may have lapsed, and the order with it', () => {
  const one = new Desk(outWork(), 'payout', PAYOUT_ID);
  const step = one.plan();
  if (!('call' in step) || step.call.do !== 'create') throw new Error('no order');
  one.answer(step, { ok: { do: 'created', order: replyTo(step.call.request) } });
  const { now } = one.work;
  one.answer(one.plan(), { ok: { do: 'quote', quote: QUOTE } });
  const age = one.work.now.getTime() - one.transfer.transfer.created_at.getTime();
  expect(one.transfer.transfer.created_at.getTime()).toBeGreaterThan(now.getTime());
  one.commit(ORDER_MAX_AGE_MS - age);
  expect(stepTransfer(one.work, one.transfer)).toMatchObject({ call: { do: 'prepare' } });
  one.commit(1);
  expect(stepTransfer(one.work, one.transfer)).toEqual({ next: DONE });
  expect(one.work.all(transfers)).toMatchObject([{ state: 'dropped' }]);
  expect(one.work.all(swapOrders)).toMatchObject([{ state: 'closed' }]);
  expect(one.owner).toMatchObject({ state: 'awaiting_funds', reason: null });
  expect(one.work.intents.has(`payout:${PAYOUT_ID}`)).toBe(true);
});

describe('signed', () => {
  beforeEach(() => {
    prepare();
    desk.commit();
  });

  test.each<[string, Parameters<typeof applyBroadcast>[2], string, Next | undefined]>([
    ['accepted', { ok: { do: 'broadcast' } }, 'broadcast', undefined],
    ['of unknown outcome', failure('unknown_outcome'), 'broadcast', undefined],
    ['not reached', failure('transient'), 'signed', { retry: 'x: said so' }],
    [
      'underpriced: it gets more fee when it is stuck',
      failure('permanent', 'underpriced'),
      'broadcast',
      undefined,
    ],
    ['no coins for gas', failure('permanent', 'insufficient_funds'), 'signed', { pollAt: 'soon' }],
    ['refused', failure('permanent', 'odd'), 'signed', { park: 'odd: said so' }],
  ])('%s', (_name, outcome, state, next) => {
    expect(applyBroadcast(desk.work, desk.transfer, outcome)).toEqual(next ?? inMs(1_000));
    expect(transfer().state).toBe(state);
    const isRefused = state === 'signed' && next !== undefined && 'park' in next;
    const refusal = ['broadcast_refused', `transfer:${transfer().transfer_id}`, 'said so'];
    expect(details()).toEqual(isRefused ? [refusal] : []);
  });

  test('without coins for gas it says so', () => {
    applyBroadcast(desk.work, desk.transfer, failure('permanent', 'insufficient_funds'));
    expect(transfer().reason).toBe('gas_low');
  });

  test('its nonce used by another: watched all the same, and nothing new goes out', () => {
    expect(applyBroadcast(desk.work, desk.transfer, failure('permanent', 'nonce_used'))).toEqual(inMs(1_000));
    expect(transfer().state).toBe('broadcast');
    expect(wallet().halted).toBe(`nonce_in_doubt:${transfer().transfer_id}`);
    expect(details()).toEqual([['foreign_nonce', `wallet:${HOST}`, 'said so']]);
  });

  test('out already: looked at at once', () => {
    applyBroadcast(desk.work, desk.transfer, { ok: { do: 'broadcast' } });
    const revision = transfer().revision;
    expect(applyBroadcast(desk.work, desk.transfer, failure('permanent', 'odd'))).toEqual(inMs(0));
    expect(transfer().revision).toBe(revision);
  });
});

describe('out', () => {
  beforeEach(() => {
    desk.send();
  });

  const latest = () => desk.work.must(transferTxs, transfer().hash!);
  const unmined = (part: object = {}) => applyUnmined(desk.work, desk.transfer, { ...UNMINED, ...part });
  const watch = () => {
    const step = stepTransfer(desk.work, desk.transfer);
    if (!('call' in step) || step.call.do !== 'watch') throw new Error('not watched');
    return step.call;
  };

  test('asked often while it is young, then once per block', () => {
    const since = new Date(desk.work.now.getTime() - 59_999);
    expect(pollChain(desk.work, since)).toEqual(inMs(1_000));
    expect(pollChain(desk.work, new Date(since.getTime() - 1))).toEqual(inMs(12_000));
    expect(unmined()).toEqual(inMs(1_000));
    desk.commit(60_000);
    expect(unmined()).toEqual(inMs(12_000));
  });

  test('is stuck at exactly its time after the last signature', () => {
    const age = desk.work.now.getTime() - latest().signed_at.getTime();
    desk.commit(STUCK_MS - age - 1);
    expect(watch()).toEqual({
      do: 'watch',
      hashes: [latest().hash],
      latest: { raw: latest().raw, hash: latest().hash },
      quote: null,
    });
    desk.commit(1);
    expect(watch().quote).not.toBeNull();
  });

  test('replaced: looked at at once, nothing raised twice, the account’s reserve may be used', () => {
    const context = { ...desk.transfer, gas: QUOTE.gasLimit * GWEI };
    expect(applyUnmined(desk.work, context, { ...UNMINED, quote: QUOTE })).toEqual(inMs(0));
    expect(desk.work.all(transferTxs).map(({ kind }) => kind)).toEqual(['original', 'replacement']);
    expect(transfer()).toMatchObject({ nonce: 7n, gas_limit: QUOTE.gasLimit, reason: null });
  });

  test('not replaced without coins for more gas: it says so, and is asked for no more often', () => {
    const poor = { ...desk.transfer, gas: 0n };
    expect(applyUnmined(desk.work, poor, { ...UNMINED, quote: QUOTE })).toEqual(inMs(1_000));
    expect(transfer().reason).toBe('gas_low');
    expect(desk.work.all(transferTxs)).toHaveLength(1);
  });

  test('too dear to replace: watched on', () => {
    const quote = { ...QUOTE, baseFee: POLICY.gasMax };
    expect(unmined({ quote })).toEqual(inMs(1_000));
    expect(transfer().reason).toBe('gas_price_high');
  });

  test('a cancellation is asked for until it is signed, and keeps the limits of the transfer', () => {
    putTransfer(desk.work, { ...transfer(), cancel_wanted: true });
    expect(watch().quote).toEqual({ to: HOST, asset: 'ETH', amount: 0n });
    const limit = transfer().gas_limit;
    unmined({ quote: { ...QUOTE, gasLimit: 21_000n } });
    expect(latest().kind).toBe('cancel');
    expect(PAPER_SIGNER.decode(latest().raw)).toMatchObject({ gasLimit: 21_000n });
    expect(transfer().gas_limit).toBe(limit);
    expect(watch().quote).toBeNull();
    desk.commit(STUCK_MS);
    expect(watch().quote).toEqual({ to: HOST, asset: 'ETH', amount: 0n });
  });

  test('a doubt about its nonce is told once, and never in place of another halt', () => {
    const rebroadcast = { kind: 'permanent', code: 'nonce_used', message: 'used' } as const;
    unmined({ rebroadcast: { ...rebroadcast, code: 'already_known' } });
    expect(wallet().halted).toBeNull();
    desk.work.put(wallets, { ...wallet(), halted: 'foreign_nonce' });
    unmined({ rebroadcast });
    expect([wallet().halted, details()]).toEqual(['foreign_nonce', []]);
    desk.work.put(wallets, { ...wallet(), halted: null });
    unmined({ rebroadcast });
    const { transfer_id } = transfer();
    expect(details()).toEqual([
      ['foreign_nonce', `wallet:${HOST}`, `nonce 7 of transfer ${transfer_id} was used by another`],
    ]);
  });

  test('its transactions are its own, by what they pay', () => {
    const tx = latest();
    const more = (n: bigint, part: Partial<TransferTxRow> = {}) => ({
      ...tx,
      hash: `0x${n}`,
      max_fee: tx.max_fee + n,
      ...part,
    });
    desk.work.load(transferTxs, [more(9n), more(3n), more(5n, { transfer_id: 'other' })]);
    expect(txsOf(desk.work, transfer()).map(({ hash }) => hash)).toEqual([tx.hash, '0x3', '0x9']);
  });
});

test.each(['final', 'reverted', 'cancelled', 'dropped'])('%s: nothing is left to do', (state) => {
  desk.work.load(transfers, [{ ...transfer(), state }]);
  expect(stepTransfer(desk.work, desk.transfer)).toEqual({ next: DONE });
});

test('of a payout that is not ordered any more nothing is prepared', () => {
  desk.work.load(payoutBatches, [{ ...desk.work.all(payoutBatches)[0]!, state: 'awaiting_funds' }]);
  expect(stepTransfer(desk.work, desk.transfer)).toEqual({ next: SOON });
});

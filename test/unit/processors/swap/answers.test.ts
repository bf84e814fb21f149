/** What each answer of the provider leads to: when the intent looks again, and what the row says until then. */
import { describe, expect, test } from 'vitest';
import {
  chainDeposits,
  discrepancies,
  type SwapOrderRow,
  swapOrders,
  transfers,
} from '../../../../ledger/tables.ts';
import type { Next } from '../../../../processors/runtime/schedule.ts';
import { decide } from '../../../../processors/swap/decisions.ts';
import { putTransfer } from '../../../../processors/swap/funds.ts';
import { beginOrder, CREATE_SETTLED_MS, ORDER_MAX_AGE_MS } from '../../../../processors/swap/order.ts';
import type { Step } from '../../../../processors/swap/transition.ts';
import { Desk, hash } from '../../../fixtures/out-desk.ts';
import {
  CONVERSION_ID,
  conversionWork,
  outWork,
  PAYIN,
  PAYOUT_ID,
  POLICY,
  QUOTE,
  replyTo,
} from '../../../fixtures/out-rows.ts';

const SOON = { pollAt: 'soon' };
const DONE = { done: true };
const error = (kind: 'permanent' | 'transient' | 'unknown_outcome', code = 'x') => ({
  error: { kind, code, message: 'said so' },
});
const RETRY = { retry: 'x: said so' };
const PARK = { park: 'x: said so' };

const payout = (part = {}) => new Desk(outWork(part), 'payout', PAYOUT_ID);
const direct = () => payout({ currency: 'usdt', network: 'eth', address: PAYIN });
const row = (desk: Desk, attempt = 1) => desk.work.must(swapOrders, desk.kind, desk.id, attempt);
const details = (desk: Desk) => desk.work.all(discrepancies).map(({ kind, detail }) => `${kind}: ${detail}`);

function requestOf(step: Step) {
  if (!('call' in step) || step.call.do !== 'create') throw new Error('no order was asked for');
  return step.call.request;
}

const created = (step: Step, part = {}) => ({
  ok: { do: 'created' as const, order: replyTo(requestOf(step), part) },
});

/** The order is made; its quote is asked for. */
function made(desk = payout()): { desk: Desk; quote: Step } {
  const step = desk.plan();
  desk.answer(step, created(step));
  return { desk, quote: desk.plan() };
}

/** Up to `funded`: our transfer is final. */
function funded(desk = payout()): Desk {
  const { quote } = made(desk);
  desk.answer(quote, { ok: { do: 'quote', quote: QUOTE } });
  desk.send();
  desk.mine(1);
  return desk;
}

function told(desk: Desk, part: object = {}) {
  const order = row(desk, desk.owner.attempt);
  const base = {
    id: order.provider_id!,
    status: 'exchanging',
    fromCurrency: order.asset.toLowerCase(),
    fromNetwork: 'eth',
    toCurrency: order.to_currency,
    toNetwork: order.to_network,
    amountTo: null,
    payinAddress: PAYIN,
    payoutAddress: order.to_address,
    payoutHash: null,
    refundHash: null,
    refundAmount: null,
  };
  return { ok: { do: 'status' as const, told: { ...base, ...part } } };
}

const inAnHour = (desk: Desk): Next => ({ pollAt: new Date(desk.work.now.getTime() - 1_000 + 3_600_000) });

describe('an order that was asked for', () => {
  test('made: looked at at once', () => {
    const desk = payout();
    const step = desk.plan();
    const { now } = desk.work;
    expect(desk.answer(step, created(step))).toEqual({ pollAt: now });
  });

  test('of unknown outcome: looked up when every call that made it is over', () => {
    const desk = payout();
    const step = desk.plan();
    const settled = { pollAt: new Date(row(desk).started_at.getTime() + CREATE_SETTLED_MS) };
    expect(desk.answer(step, error('unknown_outcome'))).toEqual(settled);
    expect(row(desk).state).toBe('creating');
    expect(desk.owner).toMatchObject({ state: 'awaiting_funds', reason: null });
    expect(desk.plan()).toEqual({ next: settled });
    desk.commit(CREATE_SETTLED_MS);
    const { now } = desk.work;
    expect(desk.plan()).toMatchObject({ call: { do: 'create', find: true } });
    // The look-up makes an order itself if there is none: from here on it may exist again.
    expect(row(desk).started_at).toEqual(now);
  });

  test('not reached: tried again, and everybody sees why it waits', () => {
    const desk = payout();
    expect(desk.answer(desk.plan(), error('transient'))).toEqual(RETRY);
    expect(desk.work.must(swapOrders, 'payout', PAYOUT_ID, 1).state).toBe('creating');
    expect(desk.owner.reason).toBe('provider_unavailable');
  });

  test('refused: parked, and closed, so that the next one is new', () => {
    const desk = payout();
    expect(desk.answer(desk.plan(), error('permanent'))).toEqual(PARK);
    expect(row(desk).state).toBe('closed');
    expect(desk.events.at(-1)).toMatchObject({ type: 'payout.awaiting_funds' });
    expect(desk.owner.reason).toBe('provider_refused');
  });

  test('looked up, and the look-up refused: says nothing about the order, which stays', () => {
    const desk = payout();
    desk.answer(desk.plan(), error('unknown_outcome'));
    desk.commit(CREATE_SETTLED_MS);
    expect(desk.answer(desk.plan(), error('permanent'))).toEqual(PARK);
    expect(row(desk).state).toBe('creating');
  });

  test('contradicted: closed, and for a person', () => {
    const desk = payout();
    const step = desk.plan();
    expect(desk.answer(step, created(step, { fromAmount: '1', payoutAddress: 'other' }))).toEqual(DONE);
    expect([row(desk).state, desk.owner.state]).toEqual(['closed', 'failed']);
    expect(details(desk)).toEqual([
      expect.stringMatching(/^stray_order: .*amount 1, asked for 48\.5; payout address other/),
    ]);
  });

  test('found not at all: for a person, too', () => {
    const desk = payout();
    expect(desk.answer(desk.plan(), { ok: { do: 'found', orders: [] } })).toEqual(DONE);
    expect([desk.owner.state, details(desk)]).toEqual(['failed', []]);
  });

  test('made twice: one is adopted, of the other a person knows', () => {
    const desk = payout();
    const step = desk.plan();
    const orders = ['one', 'two'].map((id) => replyTo(requestOf(step), { id }));
    desk.answer(step, { ok: { do: 'found', orders } });
    expect(row(desk)).toMatchObject({ state: 'created', provider_id: 'one' });
    expect(details(desk)).toEqual(['stray_order: two: one more of the same attempt']);
  });

  test('that belongs to another payout is not funded again', () => {
    const desk = payout();
    const step = desk.plan();
    const other: SwapOrderRow = {
      ...row(desk),
      owner_id: 'other',
      reference: 'payout-other-1',
      provider_id: 'p',
    };
    desk.work.load(swapOrders, [other]);
    expect(desk.answer(step, created(step, { id: 'p' }))).toEqual(DONE);
    expect([row(desk).state, desk.owner.state]).toEqual(['closed', 'failed']);
    expect(desk.discrepancies()).toEqual(['order_reused']);
  });

  test('beside others of the same provider is its own', () => {
    const desk = payout();
    const step = desk.plan();
    const other: SwapOrderRow = {
      ...row(desk),
      owner_id: 'other',
      reference: 'payout-other-1',
      provider_id: 'q',
    };
    desk.work.load(swapOrders, [other]);
    desk.answer(step, created(step, { id: 'p' }));
    expect(row(desk)).toMatchObject({ state: 'created', provider_id: 'p' });
  });

  test.each([
    [48_500_001n, DONE, 'cancelled'],
    [48_500_000n, { park: "above the provider's maximum of 7 minor units" }, 'awaiting_funds'],
  ])('outside of a range from %s', (min, next, state) => {
    const desk = payout();
    expect(desk.answer(desk.plan(), { ok: { do: 'outside', range: { min, max: 7n } } })).toEqual(next);
    expect([row(desk).state, desk.owner.state]).toEqual(['closed', state]);
    if (state !== 'cancelled') expect(desk.owner.reason).toBe('provider_refused');
  });
});

describe('an answer that comes too late', () => {
  test('on hold meanwhile: the order stays, so that a release looks it up', () => {
    const desk = payout();
    const step = desk.plan();
    decide(desk.work, desk.owner, 'hold');
    expect(desk.answer(step, created(step))).toEqual(SOON);
    expect([row(desk).state, desk.discrepancies()]).toEqual(['creating', []]);
  });

  test.each<[string, (step: Step) => Parameters<Desk['answer']>[1], string[]]>([
    ['made', (step) => created(step), ['stray_order']],
    ['found', (step) => ({ ok: { do: 'found', orders: [replyTo(requestOf(step))] } }), []],
    ['not reached', () => error('transient'), []],
  ])('cancelled meanwhile, %s', (_name, answer, issues) => {
    const desk = payout();
    const step = desk.plan();
    decide(desk.work, desk.owner, 'cancel');
    expect(desk.answer(step, answer(step))).toEqual(SOON);
    expect(desk.discrepancies()).toEqual(issues);
  });

  test('of the attempt before: the present one is not touched', () => {
    const desk = payout();
    const step = desk.plan();
    desk.work.load(swapOrders, [{ ...row(desk), state: 'closed' }]);
    beginOrder(desk.work, desk.owner);
    expect(desk.answer(step, created(step))).toEqual(SOON);
    expect(row(desk, 2)).toMatchObject({ state: 'creating', provider_id: null });
    expect(desk.discrepancies()).toEqual(['stray_order']);
  });

  test.each<[string, (desk: Desk) => void]>([
    ['on hold', (desk) => void decide(desk.work, desk.owner, 'hold')],
    ['another order', (desk) => desk.work.load(swapOrders, [{ ...row(desk), payin_address: POLICY.host }])],
    ['no order', (desk) => desk.work.load(swapOrders, [{ ...row(desk), state: 'closed' }])],
  ])('a quote for what is %s now: nothing goes out', (_name, change) => {
    const { desk, quote } = made();
    change(desk);
    expect(desk.answer(quote, { ok: { do: 'quote', quote: QUOTE } })).toEqual(SOON);
    expect(desk.work.all(transfers)).toEqual([]);
  });
});

describe('a quote', () => {
  test('of the order: funded, and the transfer begins at once', () => {
    const { desk, quote } = made();
    expect(quote).toEqual({ call: { do: 'quote', to: PAYIN, asset: 'USDT', amount: 48_500_000n } });
    expect(desk.answer(quote, { ok: { do: 'quote', quote: QUOTE } })).toEqual({
      pollAt: 'soon',
      startOver: true,
    });
  });

  test('of a direct transfer: nothing is left for the payout to do', () => {
    const desk = direct();
    expect(desk.answer(desk.plan(), { ok: { do: 'quote', quote: QUOTE } })).toEqual(DONE);
    expect(desk.work.all(transfers)).toMatchObject([{ kind: 'direct', attempt: 1, to_address: PAYIN }]);
  });

  test('too dear: waits and says so', () => {
    const { desk, quote } = made();
    const dear = { ...QUOTE, baseFee: POLICY.gasMax };
    expect(desk.answer(quote, { ok: { do: 'quote', quote: dear } })).toEqual(SOON);
    expect(desk.owner.reason).toBe('gas_price_high');
  });

  test('without the wallet’s lock it funds nothing', () => {
    const { desk, quote } = made();
    expect(desk.answer(quote, { ok: { do: 'quote', quote: QUOTE } }, null)).toEqual(SOON);
    expect(desk.work.all(transfers)).toEqual([]);
  });

  test.each<[string, ReturnType<typeof error>, Next, string, string | null]>([
    [
      'no coins for gas',
      error('permanent', 'insufficient_funds'),
      { pollAt: 'soon' },
      'awaiting_funds',
      'gas_low',
    ],
    ['not reached', error('transient'), RETRY, 'awaiting_funds', null],
    ['it would revert', error('permanent', 'would_revert'), { done: true }, 'failed', 'transfer_reverted'],
    ['refused', error('permanent'), { done: true }, 'failed', 'provider_refused'],
  ])('%s', (_name, outcome, next, state, reason) => {
    const { desk, quote } = made();
    expect(desk.answer(quote, outcome)).toEqual(next);
    expect(desk.owner).toMatchObject({ state, reason });
  });
});

describe('a status', () => {
  const ask = (desk: Desk) => desk.plan();

  test.each<[string, object, string, string | null, string[]]>([
    ['waiting', { status: 'new' }, 'funded', null, []],
    ['working', { status: 'confirming' }, 'exchanging', null, []],
    ['held', { status: 'verifying' }, 'funded', 'provider_hold', []],
    ['unknown', { status: 'odd' }, 'funded', null, ['provider_status_unknown']],
    ['finished without its amount', { status: 'finished', payoutHash: 'm' }, 'exchanging', null, []],
    ['refunded, nothing here yet', { status: 'refunded', refundHash: hash(3) }, 'exchanging', null, []],
    ['working, with an estimate of nothing', { amountTo: '0' }, 'exchanging', null, []],
  ])('%s: asked again soon', (_name, part, state, reason, issues) => {
    const desk = funded();
    expect(desk.answer(ask(desk), told(desk, part))).toEqual(SOON);
    expect(desk.owner).toMatchObject({ state, reason });
    expect(desk.discrepancies()).toEqual(issues);
  });

  test('a hold that is over is no reason any more, and a state that we know already is not news', () => {
    const desk = funded();
    desk.answer(ask(desk), told(desk));
    desk.answer(ask(desk), told(desk, { status: 'hold' }));
    expect(desk.owner).toMatchObject({ state: 'exchanging', reason: 'provider_hold' });
    desk.answer(ask(desk), told(desk));
    expect(desk.owner).toMatchObject({ state: 'exchanging', reason: null });
    const before = desk.events.length;
    desk.answer(ask(desk), told(desk));
    expect(desk.events).toHaveLength(before);
  });

  test.each<[string, object, string, string[]]>([
    ['failed', { status: 'failed' }, 'provider_refused', []],
    ['of another order', { id: 'other' }, 'provider_contradiction', ['order_changed']],
    ...['0', '0.0', '0.000', '0.'].map((amountTo): [string, object, string, string[]] => [
      `finished with ${amountTo}`,
      { status: 'finished', amountTo, payoutHash: 'm' },
      'provider_contradiction',
      ['nothing_received'],
    ]),
  ])('%s: failed, and looked at hourly: its coins may come back', (_name, part, reason, issues) => {
    const desk = funded();
    expect(desk.answer(ask(desk), told(desk, part))).toEqual(inAnHour(desk));
    expect(desk.owner).toMatchObject({ state: 'failed', reason });
    expect(desk.discrepancies()).toEqual(issues);
  });

  test('finished with what came: done', () => {
    const desk = funded();
    const part = { status: 'finished', amountTo: '0.01', payoutHash: 'm' };
    expect(desk.answer(ask(desk), told(desk, part))).toEqual(DONE);
    expect([desk.owner.state, row(desk).state]).toEqual(['completed', 'finished']);
    expect(desk.plan()).toEqual({ next: DONE });
  });

  test('refunded with the coins here: done for this attempt', () => {
    const desk = funded();
    desk.arrive(hash(3), 'USDT', 48_500_000n);
    expect(desk.answer(ask(desk), told(desk, { status: 'refunded', refundHash: hash(3) }))).toEqual(DONE);
    expect([desk.owner.state, row(desk).state]).toEqual(['awaiting_funds', 'refunded']);
  });

  test('of an order that nobody there knows: for a person, asked again', () => {
    const desk = funded();
    expect(desk.answer(ask(desk), { ok: { do: 'status', told: null } })).toEqual(SOON);
    expect(details(desk)).toEqual([`order_unknown: changenow does not know order ${row(desk).provider_id}`]);
    expect(desk.owner.state).toBe('funded');
  });

  test('not reached: tried again; refused: parked with its reason', () => {
    const desk = funded();
    expect(desk.answer(ask(desk), error('transient'))).toEqual(RETRY);
    expect(desk.owner.reason).toBeNull();
    expect(desk.answer(ask(desk), error('permanent'))).toEqual(PARK);
    expect(desk.owner).toMatchObject({ state: 'funded', reason: 'provider_refused' });
  });

  test('of an order that was closed meanwhile says nothing', () => {
    const desk = funded();
    const step = ask(desk);
    desk.work.load(swapOrders, [{ ...row(desk), state: 'closed' }]);
    expect(desk.answer(step, told(desk, { status: 'failed' }))).toEqual(SOON);
    expect(desk.owner.state).toBe('funded');
  });

  test('that is no status, and a quote that is none, is a fault of ours: tried again', () => {
    const desk = funded();
    expect(desk.answer(ask(desk), { ok: { do: 'quote', quote: QUOTE } })).toEqual({
      retry: 'fault: a status was expected',
    });
    const { desk: other, quote } = made();
    expect(other.answer(quote, { ok: { do: 'found', orders: [] } })).toEqual({
      retry: 'fault: a quote was expected',
    });
  });
});

describe('failed with the coins there', () => {
  function failed(): Desk {
    const desk = funded();
    desk.answer(desk.plan(), told(desk, { status: 'failed' }));
    return desk;
  }

  test('is followed, but nothing that is said completes it', () => {
    const desk = failed();
    const part = { status: 'finished', amountTo: '1', payoutHash: 'm' };
    expect(desk.answer(desk.plan(), told(desk, part))).toEqual(inAnHour(desk));
    expect(desk.owner).toMatchObject({ state: 'failed', reason: 'provider_refused' });
  });

  test('keeps its reason whatever the next look brings', () => {
    const desk = failed();
    expect(desk.answer(desk.plan(), error('permanent'))).toEqual(PARK);
    expect(desk.answer(desk.plan(), { ok: { do: 'status', told: null } })).toEqual(inAnHour(desk));
    expect(desk.answer(desk.plan(), told(desk, { id: 'other' }))).toEqual(inAnHour(desk));
    expect(desk.owner).toMatchObject({ state: 'failed', reason: 'provider_refused' });
  });

  test('with the coins here again there is nothing to follow', () => {
    const desk = failed();
    putTransfer(desk.work, { ...desk.transfer.transfer, state: 'reverted' });
    expect(desk.plan()).toEqual({ next: DONE });
  });
});

describe('what is planned', () => {
  test.each(['requested', 'awaiting_approval', 'refunded', 'completed', 'cancelled', 'on_hold'])(
    '%s: nothing',
    (state) => {
      expect(payout({ state }).plan()).toEqual({ next: DONE });
    },
  );

  test('ordered: nothing is asked before our bytes are out', () => {
    const { desk, quote } = made();
    desk.answer(quote, { ok: { do: 'quote', quote: QUOTE } });
    expect(desk.plan()).toEqual({ next: SOON });
    desk.send();
    expect(desk.plan()).toEqual({ call: { do: 'status', id: row(desk).provider_id } });
    const early = told(desk, { status: 'finished', amountTo: '1', payoutHash: 'm' });
    expect(desk.answer(desk.plan(), early)).toEqual(SOON);
  });

  test('ordered directly: there is no provider to ask', () => {
    const desk = direct();
    desk.answer(desk.plan(), { ok: { do: 'quote', quote: QUOTE } });
    desk.send();
    expect(desk.plan()).toEqual({ next: DONE });
  });

  test('funded, its order closed: nothing', () => {
    const desk = funded();
    desk.work.load(swapOrders, [{ ...row(desk), state: 'closed' }]);
    expect(desk.plan()).toEqual({ next: DONE });
  });

  test('an order is good up to its age, and replaced at it', () => {
    const { desk } = made();
    const age = () => desk.work.now.getTime() - row(desk).started_at.getTime();
    desk.commit(ORDER_MAX_AGE_MS - age() - 1);
    expect(desk.plan()).toMatchObject({ call: { do: 'quote' } });
    expect(desk.plan()).toMatchObject({ call: { do: 'create', find: false } });
  });
});

test('a conversion: proceeds are told apart by the amount when one transaction pays twice', () => {
  const desk = funded(new Desk(conversionWork(), 'conversion', CONVERSION_ID));
  desk.arrive(hash(8), 'USDT', 1_000_000n);
  const [first] = desk.work.all(chainDeposits);
  desk.work.load(chainDeposits, [{ ...first!, log_index: 2, amount: 549_000_000n }]);
  const part = { status: 'finished', amountTo: '549', payoutHash: hash(8) };
  expect(desk.answer(desk.plan(), told(desk, part))).toEqual(DONE);
  expect(desk.wallet.get('wallet:host|USDT')).toBe(549_000_000n);
});

/** The way of a swap, step by step: orders, funding, the provider's words, refunds, and what never happens twice. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clientAccounts,
  conversions,
  payoutBatches,
  swapOrders,
  transfers,
} from '../../../../ledger/tables.ts';
import { stepTransfer } from '../../../../processors/hostpay/transition.ts';
import { decide } from '../../../../processors/swap/decisions.ts';
import { CREATE_SETTLED_MS, ORDER_MAX_AGE_MS } from '../../../../processors/swap/order.ts';
import { type Step, stepSwap } from '../../../../processors/swap/transition.ts';
import { CLIENT } from '../../../fixtures/ledger-rows.ts';
import { Desk, hash } from '../../../fixtures/out-desk.ts';
import {
  CONVERSION_ID,
  conversionWork,
  FUNDS,
  outWork,
  PAYIN,
  PAYOUT_ID,
  POLICY,
  QUOTE,
  replyTo,
} from '../../../fixtures/out-rows.ts';

const payoutDesk = (part = {}) => new Desk(outWork(part), 'payout', PAYOUT_ID);
const conversionDesk = () => new Desk(conversionWork(), 'conversion', CONVERSION_ID);
const error = (kind: 'permanent' | 'transient' | 'unknown_outcome', code = 'x') => ({
  error: { kind, code, message: 'said so' },
});

function requestOf(step: Step) {
  if (!('call' in step) || step.call.do !== 'create') throw new Error('no order was asked for');
  return step.call.request;
}

/** Up to `ordered`: order made, funds set aside. */
function order(desk: Desk): void {
  const made = desk.plan();
  desk.apply(made, { ok: { do: 'created', order: replyTo(requestOf(made)) } });
  expect(desk.apply(desk.plan(), { ok: { do: 'quote', quote: QUOTE } })).toBe('ordered');
}

function fundUp(desk: Desk): void {
  order(desk);
  desk.send();
  desk.mine(1);
  expect(desk.owner.state).toBe('funded');
}

function told(desk: Desk, part: object) {
  const row = desk.work.must(swapOrders, desk.kind, desk.id, desk.owner.attempt);
  const base = {
    id: row.provider_id!,
    status: 'exchanging',
    fromCurrency: row.asset.toLowerCase(),
    fromNetwork: 'eth',
    toCurrency: row.to_currency,
    toNetwork: row.to_network,
    amountTo: null,
    payinAddress: PAYIN,
    payoutAddress: row.to_address,
    payoutHash: null,
    refundHash: null,
    refundAmount: null,
  };
  return { ok: { do: 'status' as const, told: { ...base, ...part } } };
}

function atRest(desk: Desk): Record<string, bigint> {
  const moving = [
    'wallet:sending|ETH',
    'wallet:sending|USDT',
    'wallet:gas_held|ETH',
    'swap:in_transit|ETH',
    'swap:in_transit|USDT',
  ];
  return Object.fromEntries(
    moving.map((key) => [key, desk.wallet.get(key) ?? 0n]).filter(([, sum]) => sum !== 0n),
  );
}

describe('making an order', () => {
  test('is marked before the provider is asked [failures 31, H8]', () => {
    const desk = payoutDesk();
    desk.plan();
    expect(desk.work.must(swapOrders, 'payout', PAYOUT_ID, 1)).toMatchObject({ state: 'creating' });
    expect(desk.owner).toMatchObject({ state: 'awaiting_funds', attempt: 0 });
  });

  test('with an unknown outcome waits until the call must be over, then looks it up [failures 44, H8]', () => {
    const desk = payoutDesk();
    desk.apply(desk.plan(), error('unknown_outcome'));
    expect(desk.plan()).toMatchObject({ next: { pollAt: expect.any(Date) } });
    desk.commit(CREATE_SETTLED_MS);
    const look = desk.plan();
    expect(look).toMatchObject({ call: { do: 'create', find: true } });
    desk.apply(look, { ok: { do: 'found', orders: [replyTo(requestOf(look))] } });
    expect(desk.work.all(swapOrders)).toMatchObject([{ attempt: 1, state: 'created' }]);
  });

  test('adopts one of several and lists the others as strays [failure H8]', () => {
    const desk = payoutDesk();
    const made = desk.plan();
    const request = requestOf(made);
    const orders = [
      replyTo(request, { fromAmount: '1' }),
      replyTo(request),
      replyTo(request, { id: 'third' }),
    ];
    desk.apply(made, { ok: { do: 'found', orders } });
    expect(desk.work.must(swapOrders, 'payout', PAYOUT_ID, 1).provider_id).toBe(orders[1]!.id);
    expect(desk.discrepancies()).toEqual(['stray_order', 'stray_order']);
  });

  test('that contradicts the request funds nothing and waits for a person [failure 11]', () => {
    const desk = payoutDesk();
    const made = desk.plan();
    const reply = replyTo(requestOf(made), { payoutAddress: 'somebody else' });
    expect(desk.apply(made, { ok: { do: 'created', order: reply } })).toBe('failed');
    expect(desk.owner.reason).toBe('provider_contradiction');
    expect([...desk.wallet]).toEqual([]);
  });

  test('refused for good parks and says so; the next attempt is a new order [failure 57]', () => {
    const desk = payoutDesk();
    desk.apply(desk.plan(), error('permanent', 'not_valid_address'));
    expect(desk.owner).toMatchObject({ state: 'awaiting_funds', reason: 'provider_refused' });
    expect(requestOf(desk.plan()).reference).toBe(`payout-${PAYOUT_ID}-2`);
  });

  test('below the fresh minimum gives the amount back as one entry [failure H17]', () => {
    const desk = payoutDesk();
    const outcome = { ok: { do: 'outside' as const, range: { min: 50_000_000n, max: null } } };
    expect(desk.apply(desk.plan(), outcome)).toBe('cancelled');
    expect(desk.owner.reason).toBe('below_minimum');
    const account = desk.work.must(clientAccounts, CLIENT, 'USDT');
    expect(account).toMatchObject({ available: 48_500_000n, reserved: 0n, last_seq: 2n });
  });

  test('below the minimum of a conversion opens its position again [failure H17]', () => {
    const desk = conversionDesk();
    const outcome = { ok: { do: 'outside' as const, range: { min: 10n ** 18n, max: null } } };
    expect(desk.apply(desk.plan(), outcome)).toBe('cancelled');
    expect(desk.reopened).toEqual([{ eth: 137_500_000_000_000_000n, usdt: 550_000_000n }]);
  });
});

describe('funding', () => {
  test('sets value and the highest gas aside in the step that chooses the transfer [failures 5, H20]', () => {
    const desk = payoutDesk();
    order(desk);
    const gas = QUOTE.gasLimit * QUOTE.maxFeePerGas;
    expect(Object.fromEntries(desk.wallet)).toEqual({
      'wallet:sending|USDT': 48_500_000n,
      'wallet:host|USDT': -48_500_000n,
      'wallet:gas_held|ETH': gas,
      'wallet:gas|ETH': -gas,
    });
    expect(desk.work.all(transfers)).toMatchObject([{ state: 'chosen', to_address: PAYIN, attempt: 1 }]);
  });

  test.each([
    [{ unconfirmed: 1 }, 'awaiting_confirmation'],
    [{ host: 48_499_999n }, 'awaiting_funds'],
    [{ host: 50_000_000n, ahead: 1_500_001n }, 'awaiting_funds'],
  ])('waits with its reason while %o [failures 8, 49]', (part, reason) => {
    const desk = payoutDesk();
    const step = stepSwap(desk.work, desk.owner, { ...FUNDS, ...part }, POLICY);
    expect(step).toEqual({ next: { pollAt: 'soon' } });
    expect(desk.owner.reason).toBe(reason);
  });

  test('with exactly enough goes on', () => {
    const desk = payoutDesk();
    const funds = { ...FUNDS, host: 48_500_001n, ahead: 1n };
    expect(stepSwap(desk.work, desk.owner, funds, POLICY)).toMatchObject({ call: { do: 'create' } });
  });

  test('waits while a block costs more than GAS_MAX_GWEI', () => {
    const desk = payoutDesk();
    const made = desk.plan();
    desk.apply(made, { ok: { do: 'created', order: replyTo(requestOf(made)) } });
    const quote = { ...QUOTE, baseFee: POLICY.gasMax };
    expect(desk.apply(desk.plan(), { ok: { do: 'quote', quote } })).toBe('awaiting_funds');
    expect(desk.owner.reason).toBe('gas_price_high');
  });

  test('a client that takes the held asset is paid without an order', () => {
    const desk = payoutDesk({ currency: 'usdt', network: 'eth', address: PAYIN });
    desk.apply(desk.plan(), { ok: { do: 'quote', quote: QUOTE } });
    desk.send();
    desk.mine(1);
    expect(desk.owner.state).toBe('completed');
    expect(desk.work.all(swapOrders)).toEqual([]);
    expect(desk.work.must(clientAccounts, CLIENT, 'USDT').reserved).toBe(0n);
    expect(atRest(desk)).toEqual({});
  });
});

describe('following', () => {
  test('a result seen before our deposit is final is kept, and applied once it is', () => {
    const desk = payoutDesk();
    order(desk);
    desk.send();
    const early = told(desk, { status: 'finished', amountTo: '0.32', payoutHash: 'monero' });
    expect(desk.apply(desk.plan(), early)).toBe('ordered');
    desk.mine(1);
    expect(desk.plan()).toEqual({ next: { done: true } });
    expect(desk.owner.state).toBe('completed');
  });

  test.each([
    [{ status: 'finished', payoutHash: 'monero' }, 'exchanging'],
    [{ status: 'finished', amountTo: '0.32' }, 'exchanging'],
    [{ status: 'finished', amountTo: '0', payoutHash: 'monero' }, 'failed'],
    [{ status: 'waiting' }, 'funded'],
    [{ status: 'sending' }, 'exchanging'],
    [{ status: 'hold' }, 'funded'],
    [{ status: 'failed' }, 'failed'],
    [{ status: 'whatever' }, 'funded'],
    [{ status: 'finished', payoutAddress: 'other', amountTo: '1', payoutHash: 'm' }, 'failed'],
    [{ status: 'refunded', refundHash: hash(5) }, 'exchanging'],
  ])('%o leads to %s [failures 35, 50]', (part, state) => {
    const desk = payoutDesk();
    fundUp(desk);
    expect(desk.apply(desk.plan(), told(desk, part))).toBe(state);
    // None of these moved money: it is still at the provider.
    expect(desk.wallet.get('swap:in_transit|USDT')).toBe(48_500_000n);
  });

  test('what came is kept to its last digit, however little one coin is worth [failures 16, 17, 18]', () => {
    const desk = payoutDesk();
    fundUp(desk);
    const amountTo = '12345678901234567890123.000000000000000001';
    desk.apply(desk.plan(), told(desk, { status: 'finished', amountTo, payoutHash: 'shib' }));
    expect(desk.owner.state).toBe('completed');
    expect(desk.work.must(payoutBatches, CLIENT, PAYOUT_ID).received).toBe(amountTo);
  });

  test('a refund is booked at the amount on chain; reserved stays, the next attempt sends all of it [failure H18]', () => {
    const desk = payoutDesk();
    fundUp(desk);
    desk.arrive(hash(5), 'USDT', 48_000_000n);
    expect(desk.apply(desk.plan(), told(desk, { status: 'refunded', refundHash: hash(5) }))).toBe(
      'awaiting_funds',
    );
    expect(atRest(desk)).toEqual({});
    expect(desk.wallet.get('wallet:host|USDT')).toBe(-500_000n);
    expect(desk.work.must(clientAccounts, CLIENT, 'USDT').reserved).toBe(48_500_000n);
    expect(requestOf(desk.plan())).toMatchObject({ fromAmount: '48.5', reference: `payout-${PAYOUT_ID}-2` });
  });

  test('after three refunds a person decides', () => {
    const desk = payoutDesk();
    for (const n of [1, 2, 3]) {
      fundUp(desk);
      desk.arrive(hash(n), 'USDT', 48_500_000n);
      desk.apply(desk.plan(), told(desk, { status: 'refunded', refundHash: hash(n) }));
    }
    expect(desk.owner).toMatchObject({ state: 'on_hold', reason: 'provider_refused', attempt: 3 });
  });

  test('conversion: proceeds are booked from the chain; the provider’s other number is only a discrepancy [failures 4, 22]', () => {
    const desk = conversionDesk();
    fundUp(desk);
    desk.arrive(hash(8), 'USDT', 548_900_000n);
    const finished = {
      status: 'finished',
      amountTo: '551',
      payoutHash: hash(8).toUpperCase().replace('0X', '0x'),
    };
    expect(desk.apply(desk.plan(), told(desk, finished))).toBe('completed');
    expect(desk.work.must(conversions, CONVERSION_ID).usdt_received).toBe(548_900_000n);
    expect(desk.discrepancies()).toEqual(['provider_amount']);
    expect(desk.wallet.get('wallet:host|USDT')).toBe(548_900_000n);
    expect(atRest(desk)).toEqual({});
  });

  test('conversion: without its coins on chain nothing is booked, whatever the provider says [failures 8, 9]', () => {
    const desk = conversionDesk();
    fundUp(desk);
    expect(
      desk.apply(desk.plan(), told(desk, { status: 'finished', amountTo: '550', payoutHash: hash(8) })),
    ).toBe('exchanging');
    desk.arrive(hash(8), 'ETH', 550_000_000n);
    expect(desk.plan()).toMatchObject({ call: { do: 'status' } });
    expect(desk.wallet.get('wallet:host|USDT')).toBeUndefined();
  });

  test('a variance beyond the bound is booked and shown', () => {
    const desk = conversionDesk();
    fundUp(desk);
    desk.arrive(hash(8), 'USDT', 500_000_000n);
    desk.apply(desk.plan(), told(desk, { status: 'finished', amountTo: '500', payoutHash: hash(8) }));
    expect(desk.owner.state).toBe('completed');
    expect(desk.discrepancies()).toEqual(['rate_variance']);
  });
});

/** One thing that the outside does next. */
const OUTSIDE = fc.constantFrom(
  'good',
  'good',
  'good',
  'unknown',
  'transient',
  'permanent',
  'contradiction',
  'reverted',
  'refund',
  'refund_less',
  'hold',
  'failed',
  'below_minimum',
);

test('whatever the outside does, at rest nothing is under way and every amount is accounted for [failures H7, H18]', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('payout', 'conversion'),
      fc.array(OUTSIDE, { maxLength: 40 }),
      (kind, outside) => {
        const desk = kind === 'payout' ? payoutDesk() : conversionDesk();
        let arrivals = 100;
        for (const what of [...outside, ...Array<'good'>(30).fill('good')]) {
          const { state } = desk.owner;
          if (state === 'completed' || state === 'cancelled') break;
          if (state === 'on_hold') decide(desk.work, desk.owner, 'release');
          else if (state === 'failed') decide(desk.work, desk.owner, 'retry');
          else if (state === 'ordered') {
            desk.send();
            desk.mine(what === 'reverted' ? 0 : 1);
          } else oneStep(desk, what, () => hash(arrivals++));
          desk.commit(CREATE_SETTLED_MS);
        }
        expect(['completed', 'cancelled']).toContain(desk.owner.state);
        expect(atRest(desk)).toEqual({});
        expect(new Set(desk.postingSets).size).toBe(desk.postingSets.length);
        const revisions = desk.events.map(({ revision }) => revision);
        expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => (a < b ? -1 : 1)));
        if (kind === 'payout') {
          const account = desk.work.must(clientAccounts, CLIENT, 'USDT');
          const kept = desk.owner.state === 'cancelled' ? 48_500_000n : 0n;
          expect([account.reserved, account.available]).toEqual([0n, kept]);
        }
      },
    ),
    { numRuns: 500 },
  );
});

function oneStep(desk: Desk, what: string, nextHash: () => string): void {
  const step = desk.plan();
  if (!('call' in step)) return;
  if (what === 'unknown' || what === 'transient' || what === 'permanent') {
    desk.apply(step, error(what === 'unknown' ? 'unknown_outcome' : what));
    return;
  }
  if (step.call.do === 'quote') desk.apply(step, { ok: { do: 'quote', quote: QUOTE } });
  else if (step.call.do === 'status') desk.apply(step, answer(desk, what, nextHash()));
  else if (what === 'below_minimum') {
    desk.apply(step, { ok: { do: 'outside', range: { min: 10n ** 30n, max: null } } });
  } else {
    const part = what === 'contradiction' ? { payoutAddress: 'other' } : {};
    desk.apply(step, { ok: { do: 'created', order: replyTo(requestOf(step), part) } });
  }
}

function answer(desk: Desk, what: string, arrived: string) {
  const { owner } = desk;
  const isPayout = owner.kind === 'payout';
  switch (what) {
    case 'refund':
    case 'refund_less': {
      const back = what === 'refund' ? owner.amount.minor : (owner.amount.minor * 99n) / 100n;
      desk.arrive(arrived, owner.amount.asset, back);
      return told(desk, { status: 'refunded', refundHash: arrived });
    }
    case 'hold':
    case 'failed':
      return told(desk, { status: what });
    case 'contradiction':
      return told(desk, { payoutAddress: 'other' });
    default:
      if (!isPayout) desk.arrive(arrived, 'USDT', 549_000_000n);
      return told(desk, { status: 'finished', amountTo: isPayout ? '0.32' : '549', payoutHash: arrived });
  }
}

describe('an order that waited too long', () => {
  test('unfunded: is replaced by a fresh one', () => {
    const desk = payoutDesk();
    const made = desk.plan();
    desk.apply(made, { ok: { do: 'created', order: replyTo(requestOf(made)) } });
    desk.commit(ORDER_MAX_AGE_MS);
    expect(requestOf(desk.plan()).reference).toBe(`payout-${PAYOUT_ID}-2`);
    expect(desk.work.must(swapOrders, 'payout', PAYOUT_ID, 1).state).toBe('closed');
  });

  test('chosen but not signed: the funds are free, a new attempt follows', () => {
    const desk = payoutDesk();
    order(desk);
    desk.commit(ORDER_MAX_AGE_MS);
    stepTransfer(desk.work, desk.transfer);
    desk.commit();
    expect(desk.owner.state).toBe('awaiting_funds');
    expect(atRest(desk)).toEqual({});
    expect(requestOf(desk.plan()).reference).toBe(`payout-${PAYOUT_ID}-2`);
  });

  test('made for what was cancelled meanwhile: listed as a stray, never funded', () => {
    const desk = payoutDesk();
    const made = desk.plan();
    decide(desk.work, desk.owner, 'cancel');
    desk.commit();
    expect(desk.apply(made, { ok: { do: 'created', order: replyTo(requestOf(made)) } })).toBe('cancelled');
    expect(desk.discrepancies()).toEqual(['stray_order']);
  });
});

describe('coins that came back', () => {
  test('count once: a later order that names the same transaction gets nothing', () => {
    const desk = payoutDesk();
    fundUp(desk);
    desk.arrive(hash(5), 'USDT', 48_500_000n);
    desk.apply(desk.plan(), told(desk, { status: 'refunded', refundHash: hash(5) }));
    fundUp(desk);
    expect(desk.apply(desk.plan(), told(desk, { status: 'refunded', refundHash: hash(5) }))).toBe(
      'exchanging',
    );
    expect(desk.wallet.get('swap:in_transit|USDT')).toBe(48_500_000n);
  });

  test('of a conversion are what its next attempt sends; what is missing stays in the position', () => {
    const desk = conversionDesk();
    fundUp(desk);
    desk.arrive(hash(5), 'ETH', 137_000_000_000_000_000n);
    desk.apply(desk.plan(), told(desk, { status: 'refunded', refundHash: hash(5) }));
    expect(requestOf(desk.plan()).fromAmount).toBe('0.137');
    expect(desk.work.must(conversions, CONVERSION_ID)).toMatchObject({
      eth: 137_500_000_000_000_000n,
      eth_open: 137_000_000_000_000_000n,
    });
  });
});

describe('failed with the coins at the provider', () => {
  function failed(): Desk {
    const desk = payoutDesk();
    fundUp(desk);
    desk.apply(desk.plan(), told(desk, { status: 'failed' }));
    expect(desk.owner.state).toBe('failed');
    return desk;
  }

  test('cannot be cancelled: that would pay it twice', () => {
    const desk = failed();
    expect(() => decide(desk.work, desk.owner, 'cancel')).toThrow(/its coins are at changenow/);
  });

  test('is looked at again by a retry, never sent again', () => {
    const desk = failed();
    decide(desk.work, desk.owner, 'retry');
    desk.commit();
    expect(desk.owner.state).toBe('exchanging');
    expect(desk.plan()).toMatchObject({ call: { do: 'status' } });
  });

  test('refunded: booked, and free to be decided', () => {
    const desk = failed();
    desk.arrive(hash(6), 'USDT', 48_500_000n);
    expect(desk.apply(desk.plan(), told(desk, { status: 'refunded', refundHash: hash(6) }))).toBe('failed');
    expect(atRest(desk)).toEqual({});
    expect(decide(desk.work, desk.owner, 'cancel')).toBe('done');
  });
});

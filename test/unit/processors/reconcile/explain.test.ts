/** The one rule that explain names is the one that holds it: taken away, the real step goes on. */
import { describe, expect, it } from 'vitest';
import {
  type ClientAccountRow,
  type ClientRow,
  clientAccounts,
  clients,
  type PayoutRow,
  pairLimits,
  paymentStatus,
  payoutBatches,
  swapOrders,
  transfers,
  wallets,
} from '../../../../ledger/tables.ts';
import { dueNow, payoutIfDue } from '../../../../processors/accumulate/payout.ts';
import { newStatus } from '../../../../processors/accumulate/status.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import {
  type Explanation,
  explainAccount,
  explainClient,
  explainOwner,
  type OwnerWorld,
} from '../../../../processors/reconcile/explain.ts';
import { explainPayment, type PaymentWorld } from '../../../../processors/reconcile/explain-payment.ts';
import { checkLimits } from '../../../../processors/split/transition.ts';
import { decide } from '../../../../processors/swap/decisions.ts';
import { stepSwap } from '../../../../processors/swap/transition.ts';
import type { PaymentFacts } from '../../../../schemas/events.ts';
import {
  accountRow,
  CLIENT,
  CONTEXT,
  clientRow,
  limitRow,
  NOW,
  type ProposeOptions,
  proposed,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';
import { Desk, hash } from '../../../fixtures/out-desk.ts';
import {
  CONVERSION_ID,
  conversionRow,
  conversionWork,
  FUNDS,
  outWork,
  PAYOUT_ID,
  POLICY,
  replyTo,
} from '../../../fixtures/out-rows.ts';

const WORLD: OwnerWorld = {
  policy: POLICY,
  funds: FUNDS,
  spent: { day: 0n, month: 0n },
  converting: [],
  parked: undefined,
  transferParked: undefined,
};

/** A payout that was driven by the real steps up to its order, its transfer, or further. */
function desk(part: Partial<PayoutRow> = {}): Desk {
  return new Desk(outWork(part), 'payout', PAYOUT_ID);
}
function order(of: Desk): void {
  const step = of.plan();
  if (!('call' in step) || step.call.do !== 'create') throw new Error('an order was expected');
  of.apply(step, { ok: { do: 'created', order: replyTo(step.call.request) } });
}
function fund(of: Desk): void {
  order(of);
  const quote = {
    gasLimit: 100_000n,
    maxFeePerGas: 3n * 10n ** 9n,
    maxPriorityFeePerGas: 10n ** 9n,
    baseFee: 10n ** 9n,
  };
  of.apply(of.plan(), { ok: { do: 'quote', quote } });
}
const explained = (of: Desk, world: Partial<OwnerWorld> = {}): Explanation =>
  explainOwner(of.work, 'payout', PAYOUT_ID, { ...WORLD, ...world });
const goesOn = (of: Desk, funds = FUNDS) => 'call' in stepSwap(of.work, of.owner, funds, POLICY);

describe('a payout that awaits funds', () => {
  it('short of settled USDT: says how much, and which conversion brings it', () => {
    const one = desk();
    const funds = { ...FUNDS, host: 36_200_000n };
    const converting = [conversionRow({ state: 'exchanging' })];
    const told = explained(one, { funds, converting });
    expect(told.rule).toBe('awaiting_funds');
    expect(told.sentence).toBe(
      `Payout ${PAYOUT_ID} of client ${CLIENT} (48.5 USDT) waits for 12.3 USDT; conversion ${CONVERSION_ID} is exchanging since 2026-03-01T12:00:00Z.`,
    );
    expect(goesOn(one, funds)).toBe(false);
    expect(goesOn(one, { ...funds, host: funds.host + 12_300_000n })).toBe(true);
  });

  it('behind older ones: they are named, and without them it goes on', () => {
    const one = desk();
    const funds = { ...FUNDS, host: 48_500_000n, ahead: 1_000_000n };
    expect(explained(one, { funds }).sentence).toContain('waits for 1 USDT, 1 USDT of it for older ones');
    expect(goesOn(one, funds)).toBe(false);
    expect(goesOn(one, { ...funds, ahead: 0n })).toBe(true);
  });

  it('behind receipts: the receipts', () => {
    const one = desk();
    const funds = { ...FUNDS, unconfirmed: 3 };
    expect(explained(one, { funds })).toMatchObject({
      rule: 'awaiting_confirmation',
      sentence: expect.stringContaining('the receipts of 3 payments'),
    });
    expect(goesOn(one, funds)).toBe(false);
    expect(goesOn(one, { ...funds, unconfirmed: 0 })).toBe(true);
  });

  it('with everything there: its next step', () => {
    const one = desk();
    expect(explained(one).rule).toBe('next_step');
    expect(goesOn(one)).toBe(true);
  });

  it('an order whose answer was lost: looked up, next', () => {
    const one = desk();
    one.plan();
    expect(explained(one)).toMatchObject({
      rule: 'next_step',
      sentence: expect.stringContaining('asked changenow'),
    });
  });

  it('gas too low at its last look: the gas', () => {
    const one = desk();
    order(one);
    const step = one.plan();
    one.apply(step, { error: { kind: 'permanent', code: 'insufficient_funds', message: 'no gas' } });
    expect(explained(one)).toMatchObject({ rule: 'gas_low' });
    expect(explained(one).sentence).toContain('the gas account does not suffice');
  });

  it('parked: what was told, and how it goes on', () => {
    const parked = { key: `payout:${PAYOUT_ID}`, error: 'refused: no such pair' };
    expect(explained(desk(), { parked })).toMatchObject({
      rule: 'parked',
      sentence: expect.stringContaining(
        `(refused: no such pair): nothing goes out for it until \`unpark payout:`,
      ),
    });
  });
});

describe('a payout over a limit', () => {
  it('names the limits that it touches; below them the same payout goes on', () => {
    const big = { state: 'requested', amount: 6_000_000_000n, usd_value: '6000.00' };
    const one = desk(big);
    checkLimits(one.work, one.work.all(payoutBatches)[0]!, WORLD.spent, '4000', POLICY);
    const told = explained(one);
    expect(told).toMatchObject({ rule: 'over_limit' });
    expect(told.sentence).toContain('worth 6000.00 USD it touches PAYOUT_APPROVAL_USD of 5000 USD');
    const free = desk(big);
    const policy = { ...POLICY, approvalFrom: 6_000_000_001n };
    checkLimits(free.work, free.work.all(payoutBatches)[0]!, WORLD.spent, '4000', policy);
    expect(free.owner.state).toBe('awaiting_funds');
  });
});

describe('a payout whose funds are set aside', () => {
  it('halted by a foreign nonce: that; without it the transfer is signed', () => {
    const one = desk();
    fund(one);
    const [wallet] = one.work.all(wallets);
    one.work.load(wallets, [{ ...wallet!, halted: 'foreign_nonce' }]);
    expect(explained(one)).toMatchObject({ rule: 'foreign_nonce' });
    one.work.load(wallets, [wallet!]);
    expect(explained(one)).toMatchObject({ rule: 'next_step' });
    one.send();
    expect(one.transfer.transfer.state).toBe('broadcast');
  });

  it('sent: its hash and nonce until it is final; final: the swap', () => {
    const one = desk();
    fund(one);
    one.send();
    const sent = one.work.all(transfers)[0]!;
    expect(explained(one)).toMatchObject({ rule: 'not_final' });
    expect(explained(one).sentence).toContain(`waits until transfer ${sent.hash} with nonce 7 is final`);
    one.mine(1);
    expect(explained(one)).toMatchObject({ rule: 'swap_under_way', facts: { state: 'funded' } });
    const [swap] = one.work.all(swapOrders);
    one.work.load(swapOrders, [{ ...swap!, provider_status: 'verifying' }]);
    expect(explained(one)).toMatchObject({ rule: 'provider_hold' });
  });

  it('completed: what was sent where', () => {
    const one = desk({ state: 'completed', received: '0.32', payout_hash: hash(5) });
    expect(explained(one)).toMatchObject({ rule: 'over' });
    expect(explained(one).sentence).toContain(`0.32 xmr were sent to 4AdUndXHHZ, transaction ${hash(5)}`);
  });
});

describe('a payout that a person stopped', () => {
  it('on hold: the person; released it goes on', () => {
    const one = desk();
    decide(one.work, one.owner, 'hold');
    expect(explained(one)).toMatchObject({ rule: 'operator' });
    expect(explained(one).sentence).toContain('until a person releases or cancels it');
    expect(goesOn(one)).toBe(false);
    decide(one.work, one.owner, 'release');
    expect(goesOn(one)).toBe(true);
  });

  it('failed: why, and retry; cancelled: where its amount is', () => {
    const one = desk({ state: 'failed', reason: 'provider_contradiction' });
    expect(explained(one).sentence).toMatch(
      /failed: the provider answered something else than asked; a person retries or/,
    );
    decide(one.work, one.owner, 'cancel');
    expect(explained(one)).toMatchObject({ rule: 'over' });
    expect(explained(one).sentence).toContain('its amount is free again as entry 2');
  });
});

it('a conversion is explained by the same rules', () => {
  const work = conversionWork();
  const funds = { ...FUNDS, host: 0n };
  const told = explainOwner(work, 'conversion', CONVERSION_ID, { ...WORLD, funds });
  expect(told).toMatchObject({ kind: 'conversion', rule: 'awaiting_funds' });
  expect(told.sentence).toBe(
    `Conversion ${CONVERSION_ID} (0.1375 ETH) waits for 0.1375 ETH of settled funds.`,
  );
});

describe('what is free in an account', () => {
  const cases: [
    string,
    Partial<ClientRow>,
    Partial<ClientAccountRow>,
    { limit?: string | null },
    string,
    Partial<ClientAccountRow>,
  ][] = [
    [
      'below the threshold',
      {},
      { available: usdt('48.5').minor },
      {},
      '451.5 USDT are missing to its threshold',
      { available: usdt('500').minor },
    ],
    [
      'below the minimum',
      { payout_strategy: 'instant' },
      { available: usdt('4').minor },
      {},
      "6 USDT less than the provider's minimum for xmr on xmr",
      { available: usdt('10').minor },
    ],
    [
      'a debt',
      {},
      { available: 0n, debt: usdt('7').minor },
      {},
      'owes 7 USDT',
      { available: usdt('500').minor, debt: 0n },
    ],
  ];
  it.each(cases)(
    '%s: says how much; with it the payout is made',
    (_name, client, account, _limit, text, cured) => {
      const [of, row] = [clientRow(client), accountRow('USDT', account)];
      const limit = limitRow('USDT', '10');
      const told = explainAccount(of, row, limit, NOW);
      expect(told.text).toContain(text);
      const due = dueNow(of, row, limit, NOW);
      expect(due).toEqual({ due: false, reason: told.rule });
      const work = workWith(client);
      work.load(clientAccounts, [{ ...row, ...cured, last_seq: 1n, open_payments: 1 }]);
      work.load(pairLimits, [limit]);
      expect(payoutIfDue(work, CLIENT, 'USDT', '4000')).toBeDefined();
    },
  );

  it('an unknown minimum', () => {
    const told = explainAccount(
      clientRow(),
      accountRow('USDT', { available: usdt('600').minor }),
      undefined,
      NOW,
    );
    // Above the threshold it is due; the provider's minimum is asked for with the order.
    expect(told.rule).toBe('next_step');
    const instant = clientRow({ payout_strategy: 'instant' });
    expect(explainAccount(instant, accountRow('USDT', { available: 1n }), undefined, NOW).rule).toBe(
      'minimum_unknown',
    );
  });

  it('a client says what is free, what is unvalued and what is under way in one sentence', () => {
    const work = workWith();
    const accounts = [
      accountRow('ETH', { unvalued: 5n }),
      accountRow('USDT', { available: usdt('48.5').minor }),
    ];
    expect(explainClient(work, CLIENT, accounts, undefined, undefined).sentence).toBe(
      `Client ${CLIENT} has 0.000000000000000005 ETH that wait for a usable rate, and has 48.5 USDT free: 451.5 USDT are missing to its threshold of 500.00 USD.`,
    );
    expect(explainClient(work, CLIENT, [], undefined, undefined)).toMatchObject({ rule: 'over' });
    const first = explained(desk());
    expect(explainClient(work, CLIENT, [], { first, count: 3 }, undefined).sentence).toBe(
      `Client ${CLIENT}: payout ${PAYOUT_ID} (48.5 USDT) has its funds and is taken up next (and 2 more).`,
    );
    expect(work.get(clients, CLIENT)).toBeDefined();
  });
});

describe('a payment', () => {
  const ASKING = { key: 'confirm:1', isParked: false, isDone: false, error: 'no answer', due_at: NOW };
  const NOTHING: PaymentWorld = {
    legs: [],
    parked: [],
    asking: undefined,
    strategy: 'threshold',
    usdtPerEth: undefined,
    next: undefined,
  };
  /** After these records went through the real transition. */
  function payment(
    records: [Partial<PaymentFacts>, ProposeOptions?][],
    world: Partial<PaymentWorld> = {},
  ): Explanation {
    const work = workWith();
    for (const [part, options] of records) accumulate(work, recordOf(proposed(part, options)), CONTEXT);
    const row = work.all(paymentStatus)[0] ?? newStatus(work, recordOf(proposed()));
    return explainPayment(row, { ...NOTHING, ...world });
  }

  it.each<[string, [Partial<PaymentFacts>, ProposeOptions?][], Partial<PaymentWorld>, string, RegExp]>([
    [
      'under way',
      [[{ payment_status: 'confirming' }]],
      {},
      'not_finished',
      /is confirming at the provider since/,
    ],
    [
      'expired',
      [[{ payment_status: 'expired' }]],
      {},
      'over',
      /expired at the provider; nothing was credited/,
    ],
    [
      'paid in part',
      [[{ payment_status: 'partially_paid' }]],
      { asking: ASKING },
      'partial_after',
      /asked at 2026-03-01T12/,
    ],
    [
      'failed, then finished',
      [[{ payment_status: 'failed' }], [{}]],
      {},
      'awaiting_confirmation',
      /confirms that by GET/,
    ],
    [
      'paid in part, asked',
      [[{ payment_status: 'partially_paid' }]],
      { asking: { ...ASKING, isDone: true } },
      'over',
      /nothing of it that could be credited/,
    ],
    [
      'paid in part, parked',
      [[{ payment_status: 'partially_paid' }]],
      { asking: { ...ASKING, isParked: true } },
      'parked',
      /parked \(no answer\) until `unpark confirm:1`/,
    ],
    [
      'without a rate',
      [[{}, { rate: null }]],
      {},
      'no_usable_rate',
      /brought 0.0125 ETH that wait for a usable rate/,
    ],
    ['with a rate again', [[{}, { rate: null }]], { usdtPerEth: '4000' }, 'next_step', /are valued next/],
    [
      'worth nothing at any rate',
      [[{ outcome_amount: '0.000000000000000001' }, { rate: null }]],
      { usdtPerEth: '4000' },
      'value_too_small',
      /brought 0.000000000000000001 ETH, worth less than one minor unit: a discrepancy, no credit/,
    ],
    [
      'refunded before',
      [[{ payment_status: 'refunded' }]],
      {},
      'over',
      /closed as refunded before it was credited/,
    ],
  ])('%s', (_name, records, world, rule, text) => {
    const told = payment(records, world);
    expect(told.sentence).toMatch(text);
    expect(told.rule).toBe(rule);
  });

  it('credited: what, which entry, and what holds its payout', () => {
    const next = explained(desk(), { funds: { ...FUNDS, host: 36_200_000n } });
    const legs = [{ leg: 1, seq: 7n, asset: 'USDT', net: 48_500_000n, payoutId: PAYOUT_ID }];
    const told = payment([[{}]], { legs, next });
    expect(told.sentence).toBe(
      `Payment 5077125051 of client ${CLIENT} is credited (48.5 USDT, entry 7); payout ${PAYOUT_ID} (48.5 USDT) waits for 12.3 USDT that no conversion brings yet.`,
    );
    expect(told.rule).toBe('awaiting_funds');
  });

  it('quarantined: the reason and what to do', () => {
    const parked = [{ event_id: 'e-1', reason: 'outcome_asset_not_held', detail: 'outcome 1 doge', at: NOW }];
    expect(payment([[{ outcome_currency: 'doge' }]], { parked })).toMatchObject({
      rule: 'outcome_asset_not_held',
      sentence: expect.stringContaining('see `quarantine show e-1`, then `quarantine redrive`'),
    });
  });
});

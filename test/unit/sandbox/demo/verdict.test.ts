/** Whatever is not exactly as planned is found and named: the demo's promise depends on it. */
import { describe, expect, it } from 'vitest';
import type { AccountView, LedgerView, PayoutView } from '../../../../sandbox/demo/ledger-view.ts';
import { expectationOf } from '../../../../sandbox/demo/plan.ts';
import { line, type Moment, picture } from '../../../../sandbox/demo/progress.ts';
import type { Arrived } from '../../../../sandbox/demo/receipts.ts';
import type { RegisteredClient } from '../../../../sandbox/demo/register.ts';
import { resultOf } from '../../../../sandbox/demo/result.ts';
import { closingTable } from '../../../../sandbox/demo/table.ts';
import { differences, unfinished } from '../../../../sandbox/demo/verdict.ts';
import { money } from '../../../../schemas/money.ts';

const client: RegisteredClient = {
  id: '-1001234567890',
  title: 'XMR at $500',
  strategy: 'threshold',
  thresholdUsd: '500',
  currency: 'xmr',
  network: 'xmr',
  payments: 11,
  address: 'address',
};
const plan = expectationOf(client, 300);
const usdt = (minor: bigint) => money('USDT', minor);

const account: AccountView = {
  clientId: client.id,
  asset: 'USDT',
  available: usdt(0n),
  reserved: usdt(0n),
  unvalued: usdt(0n),
  credited: usdt(533_500_000n),
  payments: 11,
  paidOut: 11,
};
const payout: PayoutView = {
  id: 'payout-1',
  clientId: client.id,
  amount: usdt(533_500_000n),
  state: 'completed',
  status: 'completed',
  reason: null,
  parked: false,
  payments: 11,
  currency: 'xmr',
  address: 'address',
  received: '3.556666666666',
  payoutHash: 'hash-1',
  finalTransfers: ['0x1'],
  direct: false,
};
const entry = { address: 'address', currency: 'xmr', amount: '3.556666666666', hash: 'hash-1', orderId: 'o' };
const arrived: Arrived = { clientId: client.id, book: [entry], onChain: null };

function found(change: {
  account?: Partial<AccountView>;
  payouts?: PayoutView[];
  arrived?: Partial<Arrived>;
}): string[] {
  const view: LedgerView = {
    accounts: [{ ...account, ...change.account }],
    payouts: change.payouts ?? [payout],
    conversions: [],
  };
  return differences({ client, expected: plan, view }, { ...arrived, ...change.arrived });
}

describe('differences', () => {
  it('are none when all is as planned', () => {
    expect(found({})).toEqual([]);
  });

  it.each<[string, Parameters<typeof found>[0], RegExp]>([
    [
      'one minor unit too little',
      { account: { credited: usdt(533_499_999n) } },
      /credited is 533.499999 USDT/,
    ],
    ['something left behind', { account: { available: usdt(1n) } }, /held is 0.000001 USDT instead of 0/],
    ['something reserved', { account: { reserved: usdt(1n) } }, /still reserved is 0.000001/],
    ['an entry not marked paid', { account: { paidOut: 10 } }, /marked paid is 10 instead of 11/],
    ['no payout', { payouts: [] }, /0 of 1 payouts completed/],
    ['a second payout', { payouts: [payout, { ...payout, id: 'payout-2' }] }, /number of payouts is 2/],
    ['two transfers', { payouts: [{ ...payout, finalTransfers: ['0x1', '0x2'] }] }, /has 2 final transfers/],
    ['another wallet', { payouts: [{ ...payout, address: 'other' }] }, /went to other/],
    ['nothing arrived', { arrived: { book: [] } }, /0 times in the provider's book/],
    [
      'it arrived twice',
      { arrived: { book: [entry, { ...entry, hash: 'x' }] } },
      /arrivals at its address is 2/,
    ],
    ['less arrived', { arrived: { book: [{ ...entry, amount: '3.5' }] } }, /the provider's book says 3.5/],
    [
      'another amount on chain',
      { arrived: { book: [], onChain: { asset: 'USDT', minor: 1n } } },
      /on chain at its address .* is 1 instead of 533500000/,
    ],
  ])('%s', (_, change, message) => {
    expect(found(change).join('\n')).toMatch(message);
  });
});

describe('while it runs', () => {
  const view: LedgerView = {
    accounts: [{ ...account, payments: 4, available: usdt(194_000_000n), unvalued: usdt(5n) }],
    payouts: [{ ...payout, state: 'awaiting_funds', reason: 'awaiting_confirmation' }],
    conversions: [
      {
        id: 'c',
        state: 'ordered',
        reason: null,
        eth: money('ETH', 10n ** 17n),
        expected: usdt(400_000_000n),
        received: null,
      },
    ],
  };
  const moment: Moment = {
    seconds: 7,
    clients: [{ client, expected: plan }],
    view,
    webhooks: {
      pending: 0,
      delivered: 20,
      retries: 0,
      given_up: 0,
      duplicates: 4,
      forged: 2,
      forged_accepted: 0,
    },
    webhooksExpected: 66,
  };

  it('what is missing is named', () => {
    expect(unfinished({ client, expected: plan, view })).toEqual([
      'XMR at $500: 4 of 11 payments credited, 0.000005 USDT unvalued',
      'XMR at $500: 0 of 1 payouts completed',
    ]);
  });

  it('one line says how far it is', () => {
    expect(line(moment)).toBe(
      'webhooks 20/66, credited 4/11, conversions in flight 1, payouts completed 0/1',
    );
  });

  it('the picture shows what each client holds and what is on its way', () => {
    const text = picture(moment).join('\n');
    expect(text).toContain('0.1 ETH -> about 400 USDT');
    expect(text).toMatch(/XMR at \$500 +194 USDT +· +· +awaiting funds: awaiting confirmation/);
  });
});

describe('at the end', () => {
  const input = {
    clients: [{ client, expected: plan }],
    view: { accounts: [account], payouts: [payout], conversions: [] },
    checks: [{ name: 'custody', ok: true, difference: '0', detail: '' }],
    webhooks: {
      pending: 0,
      delivered: 66,
      retries: 0,
      given_up: 0,
      duplicates: 11,
      forged: 4,
      forged_accepted: 0,
    },
    seconds: 12.345,
    problems: [],
  };

  it('the result is the object of the contract', () => {
    expect(resultOf(input)).toMatchObject({
      clients: [
        {
          id: client.id,
          strategy: 'threshold',
          threshold_usd: '500',
          payments: 11,
          paid_usd: '550',
          credited: { asset: 'USDT', amount: '533.5' },
          payouts: [
            {
              id: 'payout-1',
              status: 'completed',
              amount: '533.5',
              received: { currency: 'xmr', amount: '3.556666666666', address: 'address' },
              tx: 'hash-1',
            },
          ],
        },
      ],
      ledger: { balanced: true, checks: [{ name: 'custody', ok: true, difference: '0' }] },
      duplicates_sent: 11,
      forged_sent: 4,
      seconds: 12.3,
    });
  });

  it('an invariant that could not be checked is not a balanced ledger', () => {
    const checks = [{ name: 'custody', ok: null, difference: '', detail: 'no chain' }];
    const { ledger } = resultOf({ ...input, checks });
    expect(ledger.balanced).toBe(false);
    expect(ledger.checks[0]).toMatchObject({ ok: false, difference: 'not checked: no chain' });
    expect(resultOf({ ...input, checks: [] }).ledger.balanced).toBe(false);
  });

  it('the table says it in words', () => {
    expect(closingTable(resultOf(input))).toContain('ledger balanced');
    expect(closingTable(resultOf({ ...input, problems: ['one is missing'] }))).toContain('❌ one is missing');
  });
});

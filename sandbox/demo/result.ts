/** The result of a scenario: the object of `demo --json` (design/contracts.md). Amounts are exact decimal text. */
import type { Check } from '../../ledger/invariants.ts';
import { formatMoney, money } from '../../schemas/money.ts';
import type { Deliveries } from './control.ts';
import type { LedgerView, PayoutView } from './ledger-view.ts';
import { type Expectation, PRICE_USD } from './plan.ts';
import type { RegisteredClient } from './register.ts';
import { accountOf, payoutsOf } from './verdict.ts';

export interface PayoutResult {
  readonly id: string;
  readonly status: string;
  /** In the asset of `credited`. */
  readonly amount: string;
  readonly received: { readonly currency: string; readonly amount: string | null; readonly address: string };
  /** The transaction that reached the client; null while there is none. */
  readonly tx: string | null;
}

export interface ClientResult {
  readonly id: string;
  readonly title: string;
  readonly strategy: string;
  readonly threshold_usd: string | null;
  readonly payments: number;
  readonly paid_usd: string;
  readonly credited: { readonly asset: string; readonly amount: string };
  /** credited = payouts + held. */
  readonly held: { readonly asset: string; readonly amount: string };
  readonly payments_paid_out: number;
  readonly payouts: readonly PayoutResult[];
}

export interface DemoResult {
  readonly clients: readonly ClientResult[];
  readonly conversions: {
    readonly count: number;
    readonly sent_eth: string;
    readonly expected_usdt: string;
    readonly received_usdt: string;
  };
  readonly ledger: {
    readonly balanced: boolean;
    readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly difference: string }[];
  };
  readonly duplicates_sent: number;
  readonly forged_sent: number;
  readonly seconds: number;
  /** What is not as it had to be; empty when all is well. */
  readonly problems: readonly string[];
}

export interface ResultInput {
  readonly clients: readonly { readonly client: RegisteredClient; readonly expected: Expectation }[];
  readonly view: LedgerView;
  readonly checks: readonly Check[];
  readonly webhooks: Deliveries;
  readonly seconds: number;
  readonly problems: readonly string[];
}

export function resultOf(input: ResultInput): DemoResult {
  const { view, checks, webhooks, problems } = input;
  return {
    clients: input.clients.map(({ client, expected }) => clientResult(client, expected, view)),
    conversions: conversionsOf(view),
    ledger: {
      balanced: checks.length > 0 && checks.every(({ ok }) => ok === true),
      checks: checks.map(({ name, ok, difference, detail }) => ({
        name,
        ok: ok === true,
        difference: ok === null ? `not checked: ${detail}` : difference,
      })),
    },
    duplicates_sent: webhooks.duplicates,
    forged_sent: webhooks.forged,
    seconds: Math.round(input.seconds * 10) / 10,
    problems,
  };
}

function clientResult(client: RegisteredClient, expected: Expectation, view: LedgerView): ClientResult {
  const account = accountOf(view, client, expected);
  const { asset } = account;
  return {
    id: client.id,
    title: client.title,
    strategy: client.strategy,
    threshold_usd: client.thresholdUsd,
    payments: account.payments,
    paid_usd: String(BigInt(PRICE_USD) * BigInt(account.payments)),
    credited: { asset, amount: formatMoney(account.credited) },
    held: { asset, amount: formatMoney(account.available) },
    payments_paid_out: account.paidOut,
    payouts: payoutsOf(view, client).map(payoutResult),
  };
}

function payoutResult(payout: PayoutView): PayoutResult {
  const { currency, address, status, id, direct } = payout;
  const amount = formatMoney(payout.amount);
  const received = direct && payout.state === 'completed' ? amount : payout.received;
  const tx = direct ? (payout.finalTransfers[0] ?? null) : payout.payoutHash;
  return { id, status, amount, received: { currency, amount: received, address }, tx };
}

/** Completed ones of this run; the difference is the platform's rate variance. */
function conversionsOf(view: LedgerView): DemoResult['conversions'] {
  const done = view.conversions.filter(({ state }) => state === 'completed');
  const total = (of: (one: (typeof done)[number]) => bigint) => done.reduce((sum, one) => sum + of(one), 0n);
  return {
    count: done.length,
    sent_eth: formatMoney(
      money(
        'ETH',
        total(({ eth }) => eth.minor),
      ),
    ),
    expected_usdt: formatMoney(
      money(
        'USDT',
        total(({ expected }) => expected.minor),
      ),
    ),
    received_usdt: formatMoney(
      money(
        'USDT',
        total(({ received }) => received?.minor ?? 0n),
      ),
    ),
  };
}

/**
 * Compares what happened with what had to happen, to the last unit, and says every difference in one line. Pure, and
 * with an arithmetic of its own: amounts of the plan against ledger, book and chain.
 */
import { formatMoney } from '../../schemas/money.ts';
import type { AccountView, LedgerView, PayoutView } from './ledger-view.ts';
import { amountText, type Expectation } from './plan.ts';
import type { Arrived } from './receipts.ts';
import type { RegisteredClient } from './register.ts';

export interface ClientVerdictInput {
  readonly client: RegisteredClient;
  readonly expected: Expectation;
  readonly view: LedgerView;
}

/** What keeps the scenario from being finished for this client; empty when all is credited and paid. */
export function unfinished({ client, expected, view }: ClientVerdictInput): string[] {
  const account = accountOf(view, client, expected);
  const payouts = payoutsOf(view, client);
  const open: string[] = [];
  if (account.payments < client.payments) {
    const waiting = account.unvalued.minor > 0n ? `, ${amountText(account.unvalued)} unvalued` : '';
    open.push(`${account.payments} of ${client.payments} payments credited${waiting}`);
  }
  const completed = payouts.filter((payout) => payout.state === 'completed').length;
  if (completed < expected.payouts.length) {
    open.push(`${completed} of ${expected.payouts.length} payouts completed`);
  }
  return open.map((text) => `${client.title}: ${text}`);
}

/** Everything that is not as it had to be for this client at the end. */
export function differences(input: ClientVerdictInput, arrived: Arrived): string[] {
  const { client, expected, view } = input;
  const account = accountOf(view, client, expected);
  const payouts = payoutsOf(view, client);
  const wrong: string[] = [...unfinished(input)];
  const check = (what: string, found: string, wanted: string) => {
    if (found !== wanted) wrong.push(`${client.title}: ${what} is ${found} instead of ${wanted}`);
  };
  check('credited', amountText(account.credited), amountText(expected.credited));
  check('held', amountText(account.available), amountText(expected.held));
  check('still reserved', formatMoney(account.reserved), '0');
  check('number of payouts', String(payouts.length), String(expected.payouts.length));
  check('payouts', listOf(payouts.map((one) => one.amount)), listOf(expected.payouts));
  check('payments marked paid', String(account.paidOut), String(expected.paidOut));
  for (const payout of payouts) wrong.push(...payoutDifferences(client, payout, arrived));
  if (arrived.onChain === null) {
    check('arrivals at its address', String(arrived.book.length), String(payouts.length));
  } else {
    const sent = payouts.reduce((sum, payout) => sum + payout.amount.minor, 0n);
    check('on chain at its address (minor units)', String(arrived.onChain.minor), String(sent));
  }
  return wrong;
}

function payoutDifferences(client: RegisteredClient, payout: PayoutView, arrived: Arrived): string[] {
  const wrong: string[] = [];
  const name = `${client.title}: payout ${payout.id}`;
  if (payout.finalTransfers.length !== 1)
    wrong.push(`${name} has ${payout.finalTransfers.length} final transfers`);
  if (payout.address !== client.address) wrong.push(`${name} went to ${payout.address}`);
  if (payout.direct) return wrong;
  const entries = arrived.book.filter((entry) => entry.hash === payout.payoutHash);
  if (entries.length !== 1) wrong.push(`${name} is ${entries.length} times in the provider's book`);
  for (const entry of entries) {
    if (entry.amount !== payout.received)
      wrong.push(`${name} received ${payout.received}, the provider's book says ${entry.amount}`);
  }
  return wrong;
}

export function accountOf(view: LedgerView, client: RegisteredClient, expected: Expectation): AccountView {
  const { asset } = expected.net;
  const found = view.accounts.find((one) => one.clientId === client.id && one.asset === asset);
  if (!found) throw new Error(`client ${client.id} has no ${asset} account: it was never registered here`);
  return found;
}

export function payoutsOf(view: LedgerView, client: RegisteredClient): PayoutView[] {
  return view.payouts.filter((payout) => payout.clientId === client.id);
}

/** In no particular order: payments of one client may overtake each other, equal ones can't be told apart. */
function listOf(amounts: readonly Expectation['net'][]): string {
  return amounts.map(amountText).toSorted().join(', ') || 'none';
}

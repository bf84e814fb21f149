/** What the scenario shows while it runs: one picture for a terminal, one line elsewhere. Pure. */
import { type Money, money } from '../../schemas/money.ts';
import type { Deliveries } from './control.ts';
import type { LedgerView } from './ledger-view.ts';
import { amountText, type Expectation } from './plan.ts';
import type { RegisteredClient } from './register.ts';
import { accountOf, payoutsOf } from './verdict.ts';

/** The state of a running scenario. */
export interface Moment {
  readonly seconds: number;
  readonly clients: readonly { readonly client: RegisteredClient; readonly expected: Expectation }[];
  readonly view: LedgerView;
  /** Of this run only. */
  readonly webhooks: Deliveries;
  readonly webhooksExpected: number;
}

const BAR = 24;

/** Lines of the live picture. */
export function picture(moment: Moment): string[] {
  const { webhooks, view } = moment;
  const credited = totals(moment).credited;
  const all = totals(moment).payments;
  const titles = Math.max(...moment.clients.map(({ client }) => client.title.length));
  const open = view.conversions.filter(({ state }) => state !== 'completed');
  return [
    `💰 webhooks  ${bar(webhooks.delivered, moment.webhooksExpected)}  ${webhooks.delivered}/${moment.webhooksExpected}` +
      `  twice ${webhooks.duplicates}  forged ${webhooks.forged}${webhooks.retries > 0 ? `  sent again ${webhooks.retries}` : ''}`,
    `💾 credited  ${bar(credited, all)}  ${credited}/${all}`,
    '',
    `   ${''.padEnd(titles)}  ${'holds'.padStart(14)}  ${'on its way'.padStart(14)}  ${'paid'.padStart(14)}`,
    ...moment.clients.map((one) => clientLine(one.client, one.expected, view, titles)),
    '',
    `🔄 conversions ${view.conversions.length - open.length} done, ${open.length} in flight${open.length > 0 ? `: ${amountText(sum(open.map(({ eth }) => eth)))} -> about ${amountText(sum(open.map(({ expected }) => expected)))}` : ''}`,
    `   ${moment.seconds.toFixed(0)} s`,
  ];
}

function clientLine(
  client: RegisteredClient,
  expected: Expectation,
  view: LedgerView,
  titles: number,
): string {
  const account = accountOf(view, client, expected);
  const payouts = payoutsOf(view, client);
  const paid = sum([
    money(account.asset, 0n),
    ...payouts.filter(({ state }) => state === 'completed').map(({ amount }) => amount),
  ]);
  const on = payouts.find(({ state }) => state !== 'completed');
  // `awaiting_funds` is both a state and the usual reason for it.
  const words = on === undefined ? [] : [...new Set([on.state, on.reason ?? on.state])];
  const where = words.map((word) => word.replaceAll('_', ' ')).join(': ');
  const done = payouts.length > 0 && on === undefined && paid.minor > 0n;
  const cells = [account.available, account.reserved, paid].map((one) =>
    (one.minor === 0n ? '·' : amountText(one)).padStart(14),
  );
  return `${done ? '✅' : '🏦'} ${client.title.padEnd(titles)}  ${cells.join('  ')}  ${where}`.trimEnd();
}

/** One line, for logs. */
export function line(moment: Moment): string {
  const { webhooks, view } = moment;
  const { credited, payments } = totals(moment);
  const completed = view.payouts.filter(({ state }) => state === 'completed').length;
  const expected = moment.clients.reduce((count, one) => count + one.expected.payouts.length, 0);
  const open = view.conversions.filter(({ state }) => state !== 'completed').length;
  return (
    `webhooks ${webhooks.delivered}/${moment.webhooksExpected}, credited ${credited}/${payments}, ` +
    `conversions in flight ${open}, payouts completed ${completed}/${expected}`
  );
}

function totals(moment: Moment): { credited: number; payments: number } {
  let credited = 0;
  let payments = 0;
  for (const { client, expected } of moment.clients) {
    credited += accountOf(moment.view, client, expected).payments;
    payments += client.payments;
  }
  return { credited, payments };
}

function bar(done: number, all: number): string {
  const full = all === 0 ? 0 : Math.min(BAR, Math.floor((done * BAR) / all));
  return '█'.repeat(full) + '░'.repeat(BAR - full);
}

/** Of at least one amount, all of one asset. */
function sum(amounts: readonly Money[]): Money {
  const [first] = amounts;
  if (!first) throw new Error('nothing to add up');
  return money(
    first.asset,
    amounts.reduce((total, { minor }) => total + minor, 0n),
  );
}

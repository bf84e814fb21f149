/** The closing table of the demo, for people. */
import Table from 'cli-table3';
import { formatMoney, parseMoney } from '../../schemas/money.ts';
import type { ClientResult, DemoResult, PayoutResult } from './result.ts';

/** Several lines of text, without colour. */
export function closingTable(result: DemoResult): string {
  const table = new Table({
    head: ['client', 'paid in', 'locked', 'payouts', 'received', 'transaction', 'waits'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'left', 'right'],
  });
  for (const client of result.clients) table.push(rowOf(client));
  const { conversions, ledger } = result;
  const variance = formatMoney({
    asset: 'USDT',
    minor:
      parseMoney('USDT', conversions.received_usdt).minor -
      parseMoney('USDT', conversions.expected_usdt).minor,
  });
  return [
    table.toString(),
    `🔄 ${conversions.count} conversions: ${conversions.sent_eth} ETH locked as ${conversions.expected_usdt} USDT, ` +
      `${conversions.received_usdt} USDT came back; ${variance} USDT is the platform's rate variance`,
    `🛡  ${result.duplicates_sent} webhooks sent twice and ${result.forged_sent} forged ones: no effect`,
    ...ledger.checks.map(
      (check) => `${check.ok ? '✅' : '❌'} ${check.name}${check.ok ? '' : `: ${check.difference}`}`,
    ),
    ...result.problems.map((problem) => `❌ ${problem}`),
    ledger.balanced && result.problems.length === 0
      ? `🎉 ledger balanced, every payout completed, after ${result.seconds} s`
      : `❌ ledger ${ledger.balanced ? 'balanced' : 'NOT balanced'}, after ${result.seconds} s`,
  ].join('\n');
}

function rowOf(client: ClientResult): string[] {
  const { asset, amount } = client.credited;
  const payouts = client.payouts;
  return [
    `${client.title}\n${client.id}`,
    `${client.payments} x $50\n= $${client.paid_usd}`,
    `${amount} ${asset}`,
    payouts.map((one) => `${one.amount} ${one.status === 'completed' ? '✅' : one.status}`).join('\n'),
    payouts.map(receivedText).join('\n'),
    payouts.map((one) => shortHash(one.tx)).join('\n'),
    client.held.amount === '0' ? '' : `${client.held.amount} ${client.held.asset}`,
  ];
}

function receivedText({ received }: PayoutResult): string {
  return received.amount === null ? '' : `${received.amount} ${received.currency.toUpperCase()}`;
}

function shortHash(hash: string | null): string {
  return hash === null ? '' : `${hash.slice(0, 10)}…${hash.slice(-6)}`;
}

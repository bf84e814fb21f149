/**
 * The sweep: what credits can't see, because nothing was credited: a changed threshold, a wait that is over, a minimum
 * that became known, a balance that a strategy before left behind.
 */

import { converted } from '../../ledger/posting.ts';
import { clientAccounts, clients, pairLimits, type RateRow } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { convertFloor, money, negate, Rate } from '../../schemas/money.ts';
import { minimumOf, payoutIfDue } from './payout.ts';

/** Looks at every account of the loaded clients again. @returns how many payouts it made */
export function sweep(work: Work, rate: RateRow | undefined): number {
  let made = 0;
  for (const account of work.all(clientAccounts)) {
    const client = work.get(clients, account.client_id);
    if (!client || account.available <= 0n) continue;
    if (payoutIfDue(work, account.client_id, account.asset as LedgerAsset, rate?.usdt_per_eth)) made += 1;
  }
  for (const account of work.all(clientAccounts)) {
    if (account.asset === 'ETH' && rate) made += lockLeftover(work, account.client_id, rate);
  }
  return made;
}

/** ETH of a client that accumulates now and below the minimum of a payout of its own: locked at the current rate. */
function lockLeftover(work: Work, clientId: bigint, rate: RateRow): number {
  const client = work.get(clients, clientId);
  const account = work.must(clientAccounts, clientId, 'ETH');
  if (client?.payout_strategy !== 'threshold' || account.available <= 0n || account.debt > 0n) return 0;
  const limit = work.get(pairLimits, 'ETH', client.payout_currency, client.payout_network);
  if (minimumOf(client, 'ETH', limit) === undefined) return 0;
  const eth = money('ETH', account.available);
  const usdt = convertFloor(eth, new Rate(rate.usdt_per_eth), 'USDT');
  if (usdt.minor === 0n) return 0;
  const cause = { kind: 'converted', id: `${clientId}:ETH:${account.last_seq + 1n}:${rate.rate_id}` };
  const entries = [
    work.entry('converted', clientId, negate(eth), cause),
    work.entry('converted', clientId, usdt, cause),
  ];
  work.post(cause, converted(eth, usdt), { clientId, partition: account.partition, entries });
  return payoutIfDue(work, clientId, 'USDT', rate.usdt_per_eth) ? 1 : 0;
}

/** The next full five minutes, as the original's cron. */
export function nextSweep(now: Date): Date {
  const step = 5 * 60_000;
  return new Date((Math.floor(now.getTime() / step) + 1) * step);
}

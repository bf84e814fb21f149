/** Was every payout made by the very credit that reached the threshold, and by no other? */
import { TOPIC } from '../../../schemas/topology.ts';
import { decoded, type World } from '../world.ts';
import type { Books } from './books.ts';

export function auditThresholds(world: World, books: Books): string[] {
  return world.log.all(TOPIC.credited).flatMap((record) => {
    const credit = decoded(TOPIC.credited, record);
    const { client_id, seq, available, threshold_usd, payout_id } = credit;
    if (threshold_usd === null || available.asset !== 'USDT' || hadDebt(books, client_id)) return [];
    const isReached = available.minor >= BigInt(threshold_usd.replace('.', '')) * 10_000n;
    if (isReached === (payout_id !== null)) return [];
    const what = `credit ${seq} of client ${client_id} made ${available.minor} of ${threshold_usd}`;
    return [isReached ? `${what} and no payout` : `${what} and a payout`];
  });
}

/** A debt is taken from the credit first: what is left of it then is in no event. */
function hadDebt({ entries }: Books, clientId: string): boolean {
  return entries.some((row) => String(row.client_id) === clientId && row.kind === 'recovery');
}

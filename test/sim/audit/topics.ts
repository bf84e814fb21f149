/** Does whoever only reads the topics see the same: every credit, the last state of every payout, every posting set? */
import { TOPIC } from '../../../schemas/topology.ts';
import type { World } from '../world.ts';
import { decoded } from '../world.ts';
import type { Books } from './books.ts';

export function auditTopics(world: World, books: Books): string[] {
  return [...auditCredited(world, books), ...auditPayoutEvents(world, books), ...auditJournal(world, books)];
}

/** A consumer that keeps the highest seq per client and asset and drops what is not above it misses nothing. */
function auditCredited(world: World, books: Books): string[] {
  const highest = new Map<string, bigint>();
  const seen = new Set<string>();
  for (const record of world.log.all(TOPIC.credited)) {
    const value = decoded(TOPIC.credited, record);
    const account = `${value.client_id} ${value.net.asset}`;
    if (value.seq <= (highest.get(account) ?? 0n)) continue;
    highest.set(account, value.seq);
    seen.add(`${account} ${value.seq} ${value.payment_id} ${value.leg} ${value.net.minor}`);
  }
  const booked = books.legs.map(
    (leg) => `${leg.client_id} ${leg.asset} ${leg.seq} ${leg.payment_id} ${leg.leg} ${leg.net}`,
  );
  const missing = booked.filter((leg) => !seen.has(leg));
  return seen.size === booked.length && missing.length === 0
    ? []
    : [`payments.credited has ${seen.size} credits, the books ${booked.length}; missing ${missing[0]}`];
}

function auditPayoutEvents(world: World, books: Books): string[] {
  const last = new Map<string, { revision: bigint; status: string }>();
  for (const record of world.log.all(TOPIC.payouts)) {
    const { payout_id, revision, status } = decoded(TOPIC.payouts, record);
    if (revision > (last.get(payout_id)?.revision ?? 0n)) last.set(payout_id, { revision, status });
  }
  return books.payouts.flatMap((payout) => {
    const seen = last.get(payout.payout_id);
    const same = seen?.revision === payout.revision && seen.status === payout.state;
    return same
      ? []
      : [
          `payout ${payout.payout_id} is ${payout.state} at revision ${payout.revision}, the topic says ${seen?.status} at ${seen?.revision}`,
        ];
  });
}

/** Every posting set but the credits of batches, which payments.valued implies. */
function auditJournal(world: World, books: Books): string[] {
  const told = new Set<string>();
  for (const record of world.log.all(TOPIC.journal)) {
    const { posting_set_id, transfers } = decoded(TOPIC.journal, record);
    transfers.forEach(({ debit, credit, amount }, line) => {
      told.add(`${posting_set_id} ${line} ${debit} ${credit} ${amount.minor} ${amount.asset}`);
    });
  }
  const booked = books.lines
    .filter((line) => line.cause_kind !== 'credits')
    .map(
      (line) =>
        `${line.posting_set_id} ${line.line} ${line.debit} ${line.credit} ${line.amount} ${line.asset}`,
    );
  const missing = booked.filter((line) => !told.has(line));
  return missing.length === 0 && told.size === booked.length
    ? []
    : [`the journal has ${told.size} lines, the books ${booked.length}; missing ${missing[0]}`];
}

/** Was every value what it must be: at a rate that was usable, agreed and fresh, and of two proposals the first one? */
import { partitionOf } from '../../../schemas/partition.ts';
import { TOPIC, TOPICS } from '../../../schemas/topology.ts';
import { SETTINGS } from '../settings.ts';
import type { Expected } from '../workload.ts';
import { decoded, type World } from '../world.ts';
import type { Books, Leg } from './books.ts';

type Proposal = ReturnType<typeof decoded<typeof TOPIC.valued>>;

export function auditValues(world: World, books: Books): string[] {
  const proposals = proposalsOf(world);
  return [
    ...books.rates.filter((rate) => rate.usable).flatMap(auditRate),
    ...[...proposals.values()].flatMap((proposal) => auditProposal(proposal, books)),
    ...books.legs.flatMap((leg) => auditSource(leg, proposals, world.workload.payments)),
  ];
}

/** Every record of payments.valued by `partition offset`. */
function proposalsOf({ log }: World): Map<string, Proposal> {
  const { partitions } = TOPICS[TOPIC.valued];
  return new Map(
    log
      .all(TOPIC.valued)
      .map((record) => [
        `${partitionOf(record.key!, partitions)} ${record.offset}`,
        decoded(TOPIC.valued, record),
      ]),
  );
}

function auditRate({ rate_id, usdt_per_eth, spot_eth_usd, spot_usdt_usd }: Books['rates'][number]): string[] {
  const [quote, feed] = [e18(usdt_per_eth) * e18(spot_usdt_usd), e18(spot_eth_usd) * 10n ** 18n];
  const apart = quote > feed ? quote - feed : feed - quote;
  return apart * 10_000n > feed * BigInt(SETTINGS.RATE_MAX_DEVIATION_BPS)
    ? [`rate ${rate_id} is usable at ${usdt_per_eth}, the second source says ${spot_eth_usd}`]
    : [];
}

/** Decimal text in units of 10^-18. */
function e18(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(18, '0').slice(0, 18));
}

/** By the clock of whoever proposed it: that one is compared with the snapshot's. */
function auditProposal(proposal: Proposal, { rates }: Books): string[] {
  if (proposal.kind !== 'valued' || proposal.rate_id === null) return [];
  const name = `the value of payment ${proposal.payment.payment_id}`;
  const rate = rates.find((one) => one.rate_id === proposal.rate_id);
  if (!rate?.usable) return [`${name} is at rate ${proposal.rate_id}, which is none to use`];
  const age = proposal.occurred_at.getTime() - rate.at.getTime();
  return age < 0 || age > SETTINGS.RATE_MAX_AGE ? [`${name} is at a rate that was ${age} ms old`] : [];
}

function auditSource(
  leg: Leg,
  proposals: ReadonlyMap<string, Proposal>,
  payments: readonly Expected[],
): string[] {
  if (leg.leg !== 1) return [];
  const name = `leg 1 of payment ${leg.payment_id}`;
  const source = proposals.get(`${leg.source_partition} ${leg.source_offset}`);
  if (source?.kind !== 'valued' || source.payment.payment_id !== leg.payment_id)
    return [`${name} was credited from a record that is not its value`];
  const told = [source.gross!.minor, source.fee!.minor, source.net!.minor, source.rate_id].join(' ');
  const booked = [leg.gross, leg.fee, leg.net, leg.rate_id].join(' ');
  if (told !== booked) return [`${name} was proposed as ${told}, booked as ${booked}`];
  // After a failure a value has to wait for the provider's confirmation: then an earlier one does not count.
  const script = payments.find((one) => one.script.id === leg.payment_id)?.script;
  if (!script || script.steps.some(({ status }) => status === 'failed')) return [];
  for (let offset = 0n; offset < leg.source_offset; offset++) {
    const before = proposals.get(`${leg.source_partition} ${offset}`)!;
    if (before.kind === 'valued' && isSame(before, source))
      return [`${name} was credited from offset ${leg.source_offset}, although ${offset} has its value, too`];
  }
  return [];
}

function isSame({ payment: a }: Proposal, { payment: b }: Proposal): boolean {
  return (
    a.payment_id === b.payment_id && a.client_id === b.client_id && a.payment_status === b.payment_status
  );
}

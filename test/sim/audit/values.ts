/** Was every payment credited from the first of its proposals, exactly as proposed? */
import type { LogRecord } from '../../../processors/runtime/log-record.ts';
import { CodecError } from '../../../schemas/codec.ts';
import { partitionOf } from '../../../schemas/partition.ts';
import { TOPIC, TOPICS } from '../../../schemas/topology.ts';
import type { Expected } from '../workload.ts';
import { decoded, type World } from '../world.ts';
import type { Books, Leg } from './books.ts';

type Proposal = ReturnType<typeof decoded<typeof TOPIC.valued>>;

export function auditValues(world: World, books: Books): string[] {
  const proposals = proposalsOf(world);
  return books.legs.flatMap((leg) => auditSource(leg, proposals, world.workload.payments, books.parked));
}

/** Every record of payments.valued that is ours, by `partition offset`. */
function proposalsOf({ log }: World): Map<string, Proposal> {
  const { partitions } = TOPICS[TOPIC.valued];
  return new Map(
    log
      .all(TOPIC.valued)
      .filter(({ headers }) => headers['event-id'] !== undefined)
      .flatMap((record) => {
        const proposal = readable(record);
        return proposal ? [[`${partitionOf(record.key!, partitions)} ${record.offset}`, proposal]] : [];
      }),
  );
}

/** undefined: nonsense that somebody wrote and an operator redrove. */
function readable(record: LogRecord): Proposal | undefined {
  try {
    return decoded(TOPIC.valued, record);
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

function auditSource(
  leg: Leg,
  proposals: ReadonlyMap<string, Proposal>,
  payments: readonly Expected[],
  parked: Books['parked'],
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
  // Parked and sent back: it was credited from where it stands the second time.
  if (parked.some(({ entity }) => entity?.endsWith(`:${leg.payment_id}`))) return [];
  for (let offset = 0n; offset < leg.source_offset; offset++) {
    const before = proposals.get(`${leg.source_partition} ${offset}`);
    if (before?.kind === 'valued' && isSame(before, source))
      return [`${name} was credited from offset ${leg.source_offset}, although ${offset} has its value, too`];
  }
  return [];
}

function isSame({ payment: a }: Proposal, { payment: b }: Proposal): boolean {
  return (
    a.payment_id === b.payment_id && a.client_id === b.client_id && a.payment_status === b.payment_status
  );
}

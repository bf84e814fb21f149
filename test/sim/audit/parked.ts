/** Does every payment that can't be booked stand where a person finds it, with its bytes and its reason, and no other? */
import { TOPIC } from '../../../schemas/topology.ts';
import type { Expected } from '../workload.ts';
import { decoded, type World } from '../world.ts';
import type { Books } from './books.ts';

export function auditParked(world: World, books: Books): string[] {
  const told = world.log.all(TOPIC.quarantine).map((record) => decoded(TOPIC.quarantine, record));
  const problems = world.workload.payments.flatMap((payment) => auditPayment(payment, told));
  const ids = new Set(told.map((record) => record.event_id));
  const untold = books.parked.filter((row) => !ids.has(row.event_id));
  const listed = new Set(books.parked.map((row) => row.event_id));
  const unlisted = told.filter((record) => record.topic === TOPIC.valued && !listed.has(record.event_id));
  return [
    ...problems,
    ...untold.map((row) => `${row.entity} is set aside for ${row.reason}, the topic does not say so`),
    ...unlisted.map(
      (record) => `${record.entity} is set aside for ${record.reason}, the books do not say so`,
    ),
  ];
}

type Told = ReturnType<typeof decoded<typeof TOPIC.quarantine>>;

function auditPayment({ script, parked }: Expected, told: readonly Told[]): string[] {
  if (parked === null) return [];
  const isOf = ({ entity, value }: Told): boolean =>
    entity === null ? value.includes(`"payment_id":${script.id},`) : entity.endsWith(`:${script.id}`);
  const found = told.some((record) => record.reason === parked && isOf(record));
  return found ? [] : [`payment ${script.id} should be set aside for ${parked} and is not`];
}

/** The second bookkeeper: recomputes everything naively from raw rows, topics and the world, and names what differs. */
import { auditAccounts } from './audit/accounts.ts';
import { readBooks } from './audit/books.ts';
import { auditExplain } from './audit/explain.ts';
import { auditOutside } from './audit/outside.ts';
import { checkAll } from './audit/own-checks.ts';
import { auditParked } from './audit/parked.ts';
import { auditPayments } from './audit/payments.ts';
import { auditPosition } from './audit/position.ts';
import { auditTopics } from './audit/topics.ts';
import { auditValues } from './audit/values.ts';
import type { World } from './world.ts';

/** @returns one line per thing that is wrong */
export async function audit(world: World): Promise<string[]> {
  const books = await readBooks(world.plain);
  return [
    ...auditPayments(books, world.workload.payments),
    ...auditAccounts(books, world.chain.foreignUse.length > 0),
    ...auditPosition(books),
    ...auditOutside(world, books),
    ...auditValues(world, books),
    ...auditParked(world, books),
    ...auditTopics(world, books),
    ...world.watch.atEnd(),
    ...(await checkAll(world)),
    ...(await auditExplain(world, books)),
  ];
}

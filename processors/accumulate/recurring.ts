/** The recurring work of accumulate as intents: the sweep of each partition, and the cure of its unvalued payments. */
import type { Database, Db } from '../../ledger/db.ts';
import { feeInForce } from '../../ledger/sql/fee-in-force.ts';
import { sweepCandidates } from '../../ledger/sql/sweep-candidates.ts';
import { load, lockClients, lockCreditCounter, write } from '../../ledger/store.ts';
import { paymentStatus } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { Settings } from '../../schemas/settings.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EffectKind } from '../runtime/intent-steps.ts';
import { proposeValues } from './cure.ts';
import { loadLimits, usableRate } from './load.ts';
import { nextSweep, sweep } from './sweep.ts';

const PAGE = 500;

export interface RecurringDeps {
  readonly db: Database;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly settings: Pick<Settings, 'RATE_MAX_AGE'>;
}

/** Subject: the partition. The pages are transactions of their own, so that no client is locked for long. */
export function sweepKind(deps: RecurringDeps): EffectKind<number, void> {
  return {
    kind: 'sweep',
    plan: async (_tx, intent) => ({ call: Number.parseInt(intent.subject, 10) }),
    perform: (partition, signal) => sweepPartition(deps, partition, signal),
    apply: async (_tx, _intent, _call, outcome, now) =>
      'error' in outcome ? { retry: outcome.error.code } : { pollAt: nextSweep(now) },
  };
}

/** Looks at all clients of a partition again. */
export async function sweepPartition(
  deps: RecurringDeps,
  partition: number,
  signal?: AbortSignal,
): Promise<void> {
  for (let after = -(2n ** 62n); !signal?.aborted; ) {
    const ids = await sweepCandidates(deps.db, partition, after, deps.clock.now(), PAGE);
    const last = ids.at(-1);
    if (last === undefined) return;
    await deps.db.transaction((tx) => sweepPage(tx, deps, partition, ids));
    after = last;
  }
}

async function sweepPage(
  tx: Db,
  deps: RecurringDeps,
  partition: number,
  ids: readonly bigint[],
): Promise<void> {
  const work = new Work(deps.clock.now());
  await lockCreditCounter(tx, work, partition);
  await lockClients(tx, work, ids);
  await loadLimits(tx, work);
  sweep(work, await usableRate(tx, work, deps.settings.RATE_MAX_AGE));
  await write(tx, work, deps.codec);
}

/** Subject: the partition. Proposes values for what is unvalued, a page at a time; done when nothing is left. */
export function cureKind(deps: RecurringDeps): EffectKind<never, never> {
  return {
    kind: 'cure',
    plan: async (tx, intent, now) => ({
      next: await curePage(tx, deps, Number.parseInt(intent.subject, 10), now),
    }),
    perform: () => Promise.reject(new Error('the cure calls nobody')),
    apply: async () => ({ done: true }),
  };
}

async function curePage(tx: Db, deps: RecurringDeps, partition: number, now: Date) {
  const work = new Work(now);
  const rate = await usableRate(tx, work, deps.settings.RATE_MAX_AGE);
  if (!rate) return { pollAt: 'soon' } as const;
  const ids = await tx.query<{ client_id: bigint }>(
    `SELECT DISTINCT client_id FROM (SELECT client_id FROM payment_status WHERE partition = $1::int
       AND state = 'unvalued' AND unvalued_offset IS NOT NULL ORDER BY unvalued_offset LIMIT ${PAGE}) first_page`,
    [partition],
    'cure_clients',
  );
  if (ids.length === 0) return { done: true } as const;
  await lockClients(
    tx,
    work,
    ids.map((row) => BigInt(row.client_id)),
  );
  const rows = await load(
    tx,
    work,
    paymentStatus,
    `WHERE r.partition = $1::int AND r.state = 'unvalued' AND r.unvalued_offset IS NOT NULL
        AND r.client_id = ANY($2::bigint[]) ORDER BY r.unvalued_offset LIMIT ${PAGE}`,
    [partition, ids.map((row) => String(row.client_id))],
  );
  proposeValues(work, rows, rate, await feeInForce(tx, now));
  await write(tx, work, deps.codec);
  return { pollAt: now } as const;
}

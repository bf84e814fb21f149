/** The end of all work in hand: every payment credited, every payout paid, nothing behind. Says what is still open. */
import { committedOffsets, lagOf } from '../../processors/runtime/lag.ts';
import { deliveries } from '../../sandbox/demo/control.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { eventually, type Stage } from './stage.ts';
import type { Workload } from './workload.ts';

const REST_MS = 300_000;
const HURRIED = [
  'payout',
  'transfer',
  'conversion',
  'treasury',
  'receipts',
  'partial',
  'cure',
  'deposits',
  'missed',
  'sweep',
];
const HURRY_MS = 1_500;

interface OpenRow {
  readonly credited: number;
  readonly listed: number;
  readonly payouts: string;
  readonly conversions: string;
  readonly transfers: string;
  readonly outbox: number;
  readonly parked: string;
  readonly incoming: string;
}

const OPEN = `SELECT (SELECT count(*)::int FROM payout_accumulation) AS credited,
  (SELECT count(*)::int FROM quarantined) AS listed,
  (SELECT coalesce(string_agg(n || ' ' || state, ', '), '') FROM (SELECT state, count(*) AS n FROM payout_batches
     WHERE state NOT IN ('completed', 'cancelled') GROUP BY 1) p) AS payouts,
  (SELECT coalesce(string_agg(n || ' ' || state, ', '), '') FROM (SELECT state, count(*) AS n FROM conversions
     WHERE state NOT IN ('completed', 'cancelled') GROUP BY 1) c) AS conversions,
  (SELECT coalesce(string_agg(n || ' ' || state, ', '), '') FROM (SELECT state, count(*) AS n FROM transfers
     WHERE state IN ('chosen', 'signed', 'broadcast') GROUP BY 1) t) AS transfers,
  (SELECT count(*)::int FROM outbox) AS outbox,
  (SELECT coalesce(string_agg(key, ', '), '') FROM intents WHERE state = 'parked') AS parked,
  (SELECT coalesce(sum(balance), 0)::text FROM gl_balances WHERE account = 'wallet:incoming') AS incoming`;

/** Returns when all is at rest, with the workload paused. @throws naming everything that is still open */
export async function untilAtRest(stage: Stage, workload: Workload, signal: AbortSignal): Promise<void> {
  let open: string[] = [];
  let hurriedAt = Number.NEGATIVE_INFINITY;
  const look = async () => {
    signal.throwIfAborted();
    if (performance.now() - hurriedAt > HURRY_MS) {
      hurriedAt = performance.now();
      await stage.hurry(HURRIED);
    }
    open = await whatIsOpen(stage, workload);
    return open.length === 0;
  };
  await eventually(() => open.join('; '), look, REST_MS);
}

async function whatIsOpen(stage: Stage, workload: Workload): Promise<string[]> {
  const [row] = await stage.world.db.query<OpenRow>(OPEN);
  const { credited, listed, payouts, conversions, transfers, outbox, parked, incoming } = row!;
  const open: string[] = [];
  const isOpen = (wrong: boolean, text: string) => {
    if (wrong) open.push(text);
  };
  isOpen(credited !== workload.payments, `${credited} of ${workload.payments} payments credited`);
  const { unreadable } = workload;
  isOpen(listed < unreadable.length, `${listed} of ${unreadable.length} unreadable webhooks listed`);
  isOpen(payouts !== '', `payouts: ${payouts}`);
  isOpen(conversions !== '', `conversions: ${conversions}`);
  isOpen(transfers !== '', `transfers: ${transfers}`);
  isOpen(outbox > 0, `${outbox} rows in the outbox`);
  isOpen(parked !== '', `parked: ${parked}`);
  isOpen(incoming !== '0', `not confirmed by the provider: ${incoming}`);
  const { pending, given_up } = await deliveries(stage.world.nowpayments);
  isOpen(pending > 0, `${pending} webhooks not answered`);
  isOpen(given_up > 0, `${given_up} webhooks given up by the sender`);
  // Only a ledger at rest is worth asking the broker about.
  return open.length > 0 ? open : lags(stage);
}

/** Lag of the three groups of consumers, in records. */
async function lags({ world, kafka }: Stage): Promise<string[]> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const open: string[] = [];
    const behind = async (group: string, topic: string, positions: ReadonlyMap<number, bigint>) => {
      const { records } = await lagOf(admin, topic, positions, new Date());
      if (records > 0n) open.push(`${group} is ${records} records of ${topic} behind`);
    };
    await behind('convert', TOPIC.received, await committedOffsets(admin, 'convert', TOPIC.received));
    for (const [group, topic] of [
      ['accumulate', TOPIC.valued],
      ['reconcile', TOPIC.quarantine],
    ] as const) {
      const rows = await world.db.query<{ part: number; next_offset: bigint }>(
        'SELECT part, next_offset FROM consumer_position WHERE grp = $1 AND topic = $2',
        [group, topic],
      );
      await behind(group, topic, new Map(rows.map((row) => [row.part, BigInt(row.next_offset)])));
    }
    return open;
  } finally {
    await admin.disconnect();
  }
}

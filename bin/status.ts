/** Gathers what `status` shows: services, lag per stage, what is open, parked work, wallet against liabilities. */
import { type Database, openDatabase } from '../ledger/db.ts';
import { lookStates, type MissedSummary, missedSummary } from '../ledger/sql/missed-state.ts';
import { type Overview, overview } from '../ledger/sql/overview.ts';
import { LATELY_MS } from '../processors/reconcile/missed-metrics.ts';
import { createKafka } from '../processors/runtime/kafka.ts';
import { kafkaOptions } from '../processors/runtime/kafka-settings.ts';
import { committedOffsets, lagOf } from '../processors/runtime/lag.ts';
import { createLogger } from '../processors/runtime/logger.ts';
import { homeLayout } from '../sandbox/home.ts';
import { currentHome } from '../sandbox/instance.ts';
import { readState } from '../sandbox/state.ts';
import { TOPIC } from '../schemas/topology.ts';
import { operatorSettings } from './environment.ts';

export interface Status extends Overview {
  /** Webhooks that never came, found in the last 24 h. */
  readonly missed: readonly MissedSummary[];
  /** Looks at the provider that are behind or failed. */
  readonly missed_looks: readonly MissedLook[];
  readonly services: {
    readonly name: string;
    readonly status: string;
    readonly restarts: number;
    readonly since: string;
    readonly last_exit: string | null;
  }[];
  readonly lag: { readonly stage: string; readonly records: string; readonly seconds: number }[];
}

/** @throws SettingsError when there is neither a setting nor a running stack */
export async function gatherStatus(): Promise<Status> {
  const settings = await operatorSettings('DATABASE_URL', 'KAFKA_BROKERS');
  const db = openDatabase({ url: settings.DATABASE_URL, max: 2, applicationName: 'spillway-status' });
  const log = createLogger({ role: 'status', level: 'silent' });
  const admin = createKafka(kafkaOptions(settings, 'spillway-status', log)).admin();
  try {
    await admin.connect();
    const positions = await db.query<{ topic: string; part: number; next_offset: bigint }>(
      "SELECT topic, part, next_offset FROM consumer_position WHERE grp NOT LIKE '%relay'",
    );
    const prefix = settings.TOPIC_PREFIX;
    const now = new Date();
    const stage = async (name: string, topic: string, at: ReadonlyMap<number, bigint>) => {
      const { records, seconds } = await lagOf(admin, topic, at, now);
      return { stage: name, records: records.toString(), seconds: Math.round(seconds * 10) / 10 };
    };
    const kept = (topic: string) =>
      new Map(
        positions.filter((row) => row.topic === topic).map((row) => [row.part, BigInt(row.next_offset)]),
      );
    const received = prefix + TOPIC.received;
    const valued = prefix + TOPIC.valued;
    return {
      services: services(),
      lag: [
        await stage('convert', received, await committedOffsets(admin, `${prefix}convert`, received)),
        await stage('accumulate', valued, kept(valued)),
        await stage('reconcile', prefix + TOPIC.quarantine, kept(prefix + TOPIC.quarantine)),
      ],
      ...(await overview(db)),
      missed: await missedSummary(db, new Date(now.getTime() - LATELY_MS)),
      missed_looks: await troubledLooks(db, now),
    };
  } finally {
    await admin.disconnect();
    await db.close();
  }
}

type MissedLook = {
  readonly age: string;
  readonly behind_seconds: number;
  readonly last_answer: Date | null;
  readonly error: string | null;
};

/** A look is never exact: it waits a tenth of its age, or ten minutes. */
const BEHIND_MS = 15 * 60_000;

async function troubledLooks(db: Database, now: Date): Promise<MissedLook[]> {
  return (await lookStates(db)).flatMap(({ age_ms, seen_to, looked_at, error }) => {
    const ageMs = Number(age_ms);
    const behindMs = now.getTime() - seen_to.getTime() - ageMs;
    if (error === null && behindMs < BEHIND_MS) return [];
    const age = `${Math.round(ageMs / 60_000)} min`;
    return [
      { age, behind_seconds: Math.max(0, Math.round(behindMs / 1_000)), last_answer: looked_at, error },
    ];
  });
}

function services(): Status['services'] {
  const state = readState(homeLayout(currentHome()).state);
  return (state?.services ?? []).map(({ name, status, restarts, since, lastExit }) => ({
    name,
    status,
    restarts,
    since,
    last_exit: lastExit,
  }));
}

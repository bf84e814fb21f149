/** Intents on a real database: one effect whoever is killed, late results refused, the pace of 24 hours. */
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../../ledger/db.ts';
import { type LeasedIntent, leaseIntents } from '../../../ledger/sql/intent-lease.ts';
import { parkIntent } from '../../../ledger/sql/intent-park.ts';
import { unparkIntent } from '../../../ledger/sql/intent-unpark.ts';
import { wakeIntents } from '../../../ledger/sql/wake-intents.ts';
import { type Clock, systemClock, systemRandom } from '../../../processors/runtime/clock.ts';
import {
  applyOutcome,
  type EffectKind,
  LeaseLost,
  performCall,
  planIntent,
} from '../../../processors/runtime/intent-steps.ts';
import { type RunningIntents, startIntents } from '../../../processors/runtime/intents.ts';
import type { Next } from '../../../processors/runtime/schedule.ts';
import { type FreshDatabase, freshDatabase } from '../setup/database.ts';
import { log, until } from './support.ts';

let fresh: FreshDatabase;
let db: Database;
let workers: RunningIntents[];

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase({ url: fresh.url, max: 12, applicationName: 'intents-test' });
  await db.query('CREATE TABLE effects (key text NOT NULL, result text NOT NULL)');
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});
beforeEach(() => {
  workers = [];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await db.query('TRUNCATE intents, effects');
});

type TestKind = EffectKind<{ key: string }, string>;

/** Calls `perform`, writes its result down once per call that counts, and is done. */
function testKind(more: Partial<TestKind> = {}): TestKind {
  return {
    kind: 'test',
    plan: async (_tx, intent) => ({ call: { key: intent.key } }),
    perform: async (call) => `effect of ${call.key}`,
    apply: async (tx, intent, _call, outcome): Promise<Next> => {
      if ('error' in outcome) {
        const { kind, message } = outcome.error;
        return kind === 'permanent' ? { park: message } : { retry: message };
      }
      await tx.query('INSERT INTO effects VALUES ($1, $2)', [intent.key, outcome.ok]);
      return { done: true };
    },
    ...more,
  };
}

async function start(
  kinds: TestKind[],
  clock: Clock = systemClock,
  concurrency = 8,
): Promise<RunningIntents> {
  const options = { db, clock, random: systemRandom, registry: new Registry(), log, kinds, concurrency };
  const worker = await startIntents(options);
  workers.push(worker);
  return worker;
}

async function want(keys: readonly string[], dueAt = new Date(), kind = 'test'): Promise<void> {
  await wakeIntents(
    db,
    keys.map((key) => ({ key, kind, subject: key, dueAt })),
    dueAt,
  );
}

interface IntentState {
  readonly state: string;
  readonly due_at: Date;
  readonly attempt: number;
  readonly last_error: string | null;
  readonly parked_at: Date | null;
}

async function stateOf(key: string): Promise<IntentState> {
  const rows = await db.query<IntentState>('SELECT * FROM intents WHERE key = $1', [key]);
  return rows[0]!;
}

const effects = () => db.query<{ key: string }>('SELECT key FROM effects ORDER BY key');
const untilDone = (count: number) =>
  until(`${count} done`, async () => {
    const rows = await db.query<{ n: bigint }>("SELECT count(*) AS n FROM intents WHERE state = 'done'");
    return rows[0]!.n === BigInt(count);
  });

function virtualClock(start: string): Clock & { at: Date; pass(ms: number): void } {
  const clock = {
    at: new Date(start),
    now: () => clock.at,
    pass: (ms: number) => {
      clock.at = new Date(clock.at.getTime() + ms);
    },
  };
  return clock;
}

async function lease(now: Date): Promise<LeasedIntent> {
  const until30 = new Date(now.getTime() + 30_000);
  const request = { kinds: ['test'], limit: 1, token: systemRandom.uuid(), now, until: until30 };
  const [intent] = await leaseIntents(db, request);
  return intent!;
}

describe('two workers', () => {
  test('perform each of 300 intents once, and at most so many at the same time [failure 43]', async () => {
    let running = 0;
    let most = 0;
    const kind = testKind({
      perform: async (call) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return call.key;
      },
    });
    await want(Array.from({ length: 300 }, (_, n) => `i${n}`));
    await start([kind], systemClock, 4);
    await start([kind], systemClock, 4);
    await untilDone(300);
    const keys = (await effects()).map((row) => row.key);
    expect(keys).toHaveLength(300);
    expect(new Set(keys).size).toBe(300);
    expect(most).toBeLessThanOrEqual(8);
  });

  test('an intent that is notified starts at once, without waiting for a poll', async () => {
    await start([testKind()]);
    const started = performance.now();
    await want(['now']);
    await untilDone(1);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('leases', () => {
  test('one that ran out is taken by the next holder; the late result is refused and undone', async () => {
    const clock = virtualClock('2026-03-01T00:00:00Z');
    await want(['a'], clock.now());
    const kind = testKind();
    const late = await lease(clock.now());
    const lateCall = await planIntent(db, kind, late, clock.now());
    expect(await lease(clock.now())).toBeUndefined();
    clock.pass(30_001);
    const next = await lease(clock.now());
    expect(next.leaseToken).not.toBe(late.leaseToken);
    const call = await planIntent(db, kind, next, clock.now());
    const lateOutcome = await performCall(kind, lateCall!.call);
    const refused = applyOutcome(db, kind, late, lateCall!.call, lateOutcome, clock.now());
    await expect(refused).rejects.toThrow(LeaseLost);
    await expect(planIntent(db, kind, late, clock.now())).rejects.toThrow(LeaseLost);
    await applyOutcome(db, kind, next, call!.call, { ok: 'in time' }, clock.now());
    expect(await db.query('SELECT * FROM effects')).toEqual([{ key: 'a', result: 'in time' }]);
    expect((await stateOf('a')).state).toBe('done');
  });

  test('a lease lost while apply works is noticed by its last write, and everything is rolled back', async () => {
    const clock = virtualClock('2026-03-01T00:00:00Z');
    await want(['a'], clock.now());
    const slow = testKind({
      apply: async (tx, intent, _call, outcome) => {
        await tx.query('INSERT INTO effects VALUES ($1, $2)', [intent.key, 'late']);
        clock.pass(30_001);
        expect((await lease(clock.now())).key).toBe('a');
        expect('ok' in outcome).toBe(true);
        return { done: true };
      },
    });
    const intent = await lease(clock.now());
    const planned = await planIntent(db, slow, intent, clock.now());
    const applied = applyOutcome(db, slow, intent, planned!.call, { ok: 'x' }, clock.now());
    await expect(applied).rejects.toThrow(LeaseLost);
    expect(await effects()).toEqual([]);
  });

  test('a wish while it is leased makes it run again, at the time of that wish', async () => {
    const clock = virtualClock('2026-03-01T00:00:00Z');
    await want(['a'], clock.now());
    const kind = testKind();
    const intent = await lease(clock.now());
    const inAnHour = new Date(clock.now().getTime() + 3_600_000);
    await want(['a'], inAnHour);
    expect(await lease(clock.now())).toBeUndefined();
    const planned = await planIntent(db, kind, intent, clock.now());
    await applyOutcome(db, kind, intent, planned!.call, { ok: 'x' }, clock.now());
    expect(await stateOf('a')).toMatchObject({ state: 'due', due_at: inAnHour });
  });
});

describe('failures', () => {
  test('are tried for 24 hours and then parked; look-ups go on hourly until it is done [failures 30, 51, 55]', async () => {
    const clock = virtualClock('2026-03-01T00:00:00Z');
    await want(['a'], clock.now());
    let isDown = true;
    let performed = 0;
    const parkings: string[] = [];
    const kind = testKind({
      isEffect: () => isDown,
      onParked: async (_tx, intent) => {
        parkings.push(intent.key);
      },
      perform: async () => {
        performed += 1;
        if (isDown) throw Object.assign(new Error('down'), { kind: 'transient', code: 'down' });
        return 'found';
      },
    });
    const turn = async (): Promise<Date> => {
      const intent = await lease(clock.now());
      const planned = await planIntent(db, kind, intent, clock.now());
      if (planned) {
        const outcome = await performCall(kind, planned.call);
        await applyOutcome(db, kind, intent, planned.call, outcome, clock.now());
      }
      return (await stateOf('a')).due_at;
    };
    // The first 23 hours and 55 minutes in one step: the pace of single retries is a unit test's matter.
    clock.at = await turn();
    await db.query("UPDATE intents SET first_failed_at = first_failed_at - interval '23 hours 55 minutes'");
    while ((await stateOf('a')).state !== 'parked') {
      const due = await turn();
      expect(due.getTime()).toBeGreaterThan(clock.now().getTime());
      clock.at = due;
    }
    const tried = performed;
    expect(tried).toBe(6);
    expect(parkings).toEqual(['a']);
    expect(await stateOf('a')).toMatchObject({ last_error: 'down', last_error_class: 'transient' });
    const hourly = await turn();
    expect(hourly.getTime() - clock.now().getTime()).toBe(3_600_000);
    expect(performed).toBe(tried);
    clock.at = hourly;
    isDown = false;
    await turn();
    expect(performed).toBe(tried + 1);
    expect(parkings, 'told once, not at every look').toEqual(['a']);
    expect(await stateOf('a')).toMatchObject({ state: 'done', parked_at: null });
  });

  test('a permanent error parks at once; only a person brings the effect back [failure 57]', async () => {
    let refusals = 1;
    const kind = testKind({
      perform: async () => {
        if (refusals-- > 0) throw Object.assign(new Error('bad address'), { kind: 'permanent', code: 'x' });
        return 'done';
      },
    });
    await start([kind]);
    await want(['a']);
    await until('parked', async () => (await stateOf('a')).state === 'parked');
    await want(['a']);
    expect((await stateOf('a')).state).toBe('parked');
    expect(await unparkIntent(db, 'a', new Date())).toBe(true);
    await untilDone(1);
    expect(await effects()).toHaveLength(1);
    expect(await unparkIntent(db, 'a', new Date())).toBe(false);
  });

  test('a fault of our own in plan or apply counts, shows its reason and does no harm to others [failure 36]', async () => {
    const kind = testKind({
      plan: async (tx, intent) => {
        await tx.query('INSERT INTO effects VALUES ($1, $2)', [intent.key, 'half done']);
        if (intent.key === 'bad') throw new TypeError('no such field');
        await tx.query('DELETE FROM effects WHERE key = $1', [intent.key]);
        return { call: { key: intent.key } };
      },
    });
    await start([kind]);
    await want(['bad', 'good']);
    await untilDone(1);
    await until('the reason', async () => (await stateOf('bad')).last_error !== null);
    expect(await stateOf('bad')).toMatchObject({
      state: 'due',
      attempt: 1,
      last_error: 'fault: no such field',
    });
    expect((await effects()).map((row) => row.key)).toEqual(['good']);
  });

  test('parked by a person while it is at work, its result is kept and its effects end', async () => {
    let finish = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let isIn = false;
    const kind = testKind({
      perform: async () => {
        isIn = true;
        await held;
        return 'first';
      },
      apply: async (tx, intent) => {
        await tx.query('INSERT INTO effects VALUES ($1, $2)', [intent.key, 'first']);
        return { pollAt: 'soon' };
      },
    });
    await start([kind]);
    await want(['a']);
    await until('at work', () => isIn);
    expect(await parkIntent(db, 'a', new Date(), 'by hand')).toBe(true);
    finish();
    await until('settled', async () => (await stateOf('a')).state === 'parked');
    expect(await effects()).toHaveLength(1);
  });
});

test('a stop waits for what is at work', async () => {
  let isIn = false;
  let finish = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const worker = await start([
    testKind({
      perform: async (call) => {
        isIn = true;
        await held;
        return call.key;
      },
    }),
  ]);
  await want(['a']);
  await until('at work', () => isIn);
  const stopping = worker.stop();
  finish();
  await stopping;
  workers = [];
  expect((await stateOf('a')).state).toBe('done');
});

test('leasing looks at the head of an index, not at every open intent', async () => {
  const processor = openDatabase({ url: fresh.url, max: 1, applicationName: 'p', role: 'processor' });
  try {
    const far = new Date(Date.now() + 86_400_000);
    await want(
      Array.from({ length: 5_000 }, (_, n) => `far${n}`),
      far,
    );
    await processor.query('ANALYZE intents');
    const plan = await processor.query<Record<string, string>>(
      `EXPLAIN SELECT key FROM intents i WHERE i.kind = ANY('{test}'::text[]) AND i.state IN ('due', 'parked')
       AND i.due_at <= '2026-01-01' ORDER BY i.due_at, i.key LIMIT 8 FOR UPDATE SKIP LOCKED`,
    );
    expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain('intents_due');
  } finally {
    await processor.close();
  }
});

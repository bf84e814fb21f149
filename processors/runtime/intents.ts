/**
 * The worker for everything that calls the outside: leases due intents, runs their steps a few at a time, and sleeps
 * until a notification or the next due time. The `intents` table is the only truth; nothing is remembered here.
 */
import type { Registry } from 'prom-client';
import type { Database } from '../../ledger/db.ts';
import { isTrouble } from '../../ledger/db-errors.ts';
import { countIntents } from '../../ledger/sql/intent-counts.ts';
import { leaseIntents } from '../../ledger/sql/intent-lease.ts';
import { nextIntentDue } from '../../ledger/sql/intent-next-due.ts';
import type { Clock, RandomSource } from './clock.ts';
import { failPoint } from './fail-point.ts';
import {
  type AnyEffectKind,
  applyOutcome,
  CALL_MS,
  LEASE_MS,
  type LeasedIntent,
  LeaseLost,
  performCall,
  planIntent,
  settleAlone,
} from './intent-steps.ts';
import type { Log } from './logger.ts';
import { counter, gauge, histogram, SECONDS } from './metrics.ts';
import { retry } from './retry.ts';
import type { Next } from './schedule.ts';
import { Wake } from './wake.ts';

export interface IntentWorkerOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly registry: Registry;
  readonly log: Log;
  readonly kinds: readonly AnyEffectKind[];
  /** Intents worked on at the same time; 8. */
  readonly concurrency?: number;
  /** Milliseconds; 20,000. Only tests have a reason to change it. */
  readonly callMs?: number;
}

export interface RunningIntents {
  ready(): boolean;
  progress(): { ok: boolean; detail: string };
  /** Leases nothing more and waits for what is under way. */
  stop(): Promise<void>;
}

/** A due time that no notification told of, and expired leases, are found this late at most. */
const POLL_MS = 5_000;
const AFTER_ERROR_MS = 1_000;
const MEASURE_MS = 5_000;
const STALLED_MS = 60_000;
const DEFAULT_CONCURRENCY = 8;

export async function startIntents(options: IntentWorkerOptions): Promise<RunningIntents> {
  const worker = new IntentWorker(options);
  await worker.start();
  return worker;
}

class IntentWorker implements RunningIntents {
  readonly #options: IntentWorkerOptions;
  readonly #kinds: ReadonlyMap<string, AnyEffectKind>;
  readonly #names: readonly string[];
  readonly #metrics;
  readonly #wake = new Wake();
  readonly #running = new Set<Promise<void>>();
  #stopping = false;
  #loop: Promise<void> = Promise.resolve();
  #unlisten: () => void = () => undefined;
  #movedAt = performance.now();
  #measuredAt = Number.NEGATIVE_INFINITY;

  constructor(options: IntentWorkerOptions) {
    this.#options = options;
    this.#kinds = new Map(options.kinds.map((kind) => [kind.kind, kind]));
    this.#names = [...this.#kinds.keys()];
    const { registry } = options;
    this.#metrics = {
      ended: counter(registry, 'spillway_intents_total', 'Steps of intents by what came next', [
        'kind',
        'next',
      ]),
      seconds: histogram(registry, 'spillway_intent_call_seconds', 'Time of outside calls', SECONDS, [
        'kind',
      ]),
      open: gauge(registry, 'spillway_intents_open', 'Intents not yet terminal', ['kind', 'state']),
      late: gauge(registry, 'spillway_intents_oldest_due_seconds', 'How late the oldest due intent is', [
        'kind',
      ]),
    };
  }

  async start(): Promise<void> {
    this.#unlisten = await this.#options.db.listen('intents', () => this.#wake.wake());
    this.#loop = this.#run();
  }

  ready(): boolean {
    return !this.#stopping;
  }

  progress(): { ok: boolean; detail: string } {
    const idleMs = performance.now() - this.#movedAt;
    const detail = `${this.#running.size} intents under way, last look ${Math.round(idleMs / 1_000)} s ago`;
    return { ok: idleMs < STALLED_MS, detail };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake.wake();
    await this.#loop;
    await Promise.all(this.#running);
    this.#unlisten();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      let sleepMs: number;
      try {
        sleepMs = await this.#round();
        this.#movedAt = performance.now();
      } catch (error) {
        // Liveness fails when this lasts; the intents are safe where they are.
        this.#options.log.warn({ kind: 'retry', err: error }, 'looking for due intents failed');
        sleepMs = AFTER_ERROR_MS;
      }
      if (sleepMs > 0) await this.#wake.wait(sleepMs);
    }
  }

  /** @returns how long to sleep unless woken */
  async #round(): Promise<number> {
    await this.#measure();
    const { db, clock, random } = this.#options;
    const free = (this.#options.concurrency ?? DEFAULT_CONCURRENCY) - this.#running.size;
    // Each one that ends wakes us.
    if (free <= 0) return POLL_MS;
    const now = clock.now();
    const until = new Date(now.getTime() + LEASE_MS);
    const request = { kinds: this.#names, limit: free, token: random.uuid(), now, until };
    const leased = await leaseIntents(db, request);
    for (const intent of leased) this.#begin(intent);
    if (leased.length === free) return POLL_MS;
    const due = await nextIntentDue(db, this.#names);
    if (due === null) return POLL_MS;
    return Math.min(POLL_MS, Math.max(0, due.getTime() - clock.now().getTime()));
  }

  #begin(intent: LeasedIntent): void {
    const work = this.#work(intent).finally(() => {
      this.#running.delete(work);
      this.#wake.wake();
    });
    this.#running.add(work);
  }

  /** Never throws: what can't be written now is found again when the lease has run out. */
  async #work(intent: LeasedIntent): Promise<void> {
    const { log } = this.#options;
    const kind = this.#kinds.get(intent.kind)!;
    try {
      const next = await this.#steps(kind, intent);
      if (next && 'park' in next) log.error({ intent: intent.key, reason: next.park }, 'intent parked');
    } catch (error) {
      if (error instanceof LeaseLost) {
        this.#metrics.ended.inc({ kind: intent.kind, next: 'lease_lost' });
        log.warn(
          { kind: 'retry', intent: intent.key },
          'result dropped: the lease was lost, or it is written already',
        );
      } else if (isTrouble(error)) {
        log.warn({ kind: 'retry', err: error, intent: intent.key }, 'left to the end of its lease');
      } else {
        await this.#giveBack(intent, error as Error);
      }
    }
  }

  async #steps(kind: AnyEffectKind, intent: LeasedIntent): Promise<Next | null> {
    const { db, clock, callMs = CALL_MS } = this.#options;
    failPoint('intent.leased');
    const planned = await planIntent(db, kind, intent, clock.now());
    if (planned === null) {
      this.#metrics.ended.inc({ kind: intent.kind, next: 'no_call' });
      return null;
    }
    const stop = this.#metrics.seconds.startTimer({ kind: intent.kind });
    failPoint('intent.before_call');
    const outcome = await performCall(kind, planned.call, callMs);
    failPoint('intent.called');
    stop();
    // The result is worth waiting for: a lost one costs a look-up at best.
    const next = await retry(() => applyOutcome(db, kind, intent, planned.call, outcome, clock.now()), {
      forMs: LEASE_MS - CALL_MS,
      isFinal: (error) => error instanceof LeaseLost || !isTrouble(error),
    });
    failPoint('intent.recorded');
    this.#metrics.ended.inc({ kind: intent.kind, next: Object.keys(next)[0] ?? '' });
    return next;
  }

  /** A fault of our own (in plan or apply, or values that the database refuses) counts as a failure, visibly. */
  async #giveBack(intent: LeasedIntent, error: Error): Promise<void> {
    const { db, clock, log } = this.#options;
    log.error({ err: error, intent: intent.key }, 'intent failed');
    this.#metrics.ended.inc({ kind: intent.kind, next: 'fault' });
    try {
      await settleAlone(db, intent, { retry: `fault: ${error.message}` }, clock.now());
    } catch (second) {
      log.warn({ err: second, intent: intent.key }, 'left to the end of its lease');
    }
  }

  async #measure(): Promise<void> {
    const monotone = performance.now();
    if (monotone - this.#measuredAt < MEASURE_MS) return;
    this.#measuredAt = monotone;
    const counts = new Map((await countIntents(this.#options.db, this.#names)).map((row) => [row.kind, row]));
    const now = this.#options.clock.now().getTime();
    for (const kind of this.#names) {
      const row = counts.get(kind);
      for (const state of ['due', 'leased', 'parked'] as const) {
        this.#metrics.open.set({ kind, state }, Number(row?.[state] ?? 0n));
      }
      const lateMs = row?.oldest ? Math.max(0, now - row.oldest.getTime()) : 0;
      this.#metrics.late.set({ kind }, lateMs / 1_000);
    }
  }
}

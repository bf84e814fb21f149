/** The intent worker's steps, one at a time: lease, plan, call, apply; anything may happen in between. */
import { isTrouble } from '../../../ledger/db-errors.ts';
import { leaseIntents } from '../../../ledger/sql/intent-lease.ts';
import { nextIntentDue } from '../../../ledger/sql/intent-next-due.ts';
import {
  type AnyEffectKind,
  applyOutcome,
  LEASE_MS,
  type LeasedIntent,
  LeaseLost,
  performCall,
  planIntent,
} from '../../../processors/runtime/intent-steps.ts';
import type { ProviderFailure } from '../../../processors/runtime/schedule.ts';
import { intentBell } from '../bells.ts';
import { never } from '../engine.ts';
import type { World } from '../world.ts';

const POLL_MS = 30_000;
/** The deadline of a call is in real time, which must not decide anything here; a call that takes too long loses its lease. */
const NO_DEADLINE_MS = 2 ** 31 - 1;
/** Two workers that wait for the same intent seldom wake at the same time. */
const APART_MS = 2_000;
/** How often the database is asked when the next intent is due. */
const ASKED = 0.05;

export async function runWorker(world: World, kinds: readonly AnyEffectKind[]): Promise<never> {
  const { engine, db, clocks } = world;
  const names = kinds.map((kind) => kind.kind);
  const bells = new Set(['intents', ...names.map(intentBell)]);
  for (;;) {
    try {
      const due = await nextDue(world, names);
      const wait = due === null ? POLL_MS : Math.min(POLL_MS, due.getTime() - clocks.now().getTime());
      if (wait > 0) {
        await engine.sleep(wait + engine.random.int(0, APART_MS), (bell) => bells.has(bell));
        continue;
      }
      const now = clocks.now();
      const until = new Date(now.getTime() + LEASE_MS);
      const request = {
        kinds: names,
        limit: engine.random.int(1, 3),
        token: engine.random.uuid(),
        now,
        until,
      };
      const leased = await leaseIntents(db, request);
      for (const intent of leased) await workOn(world, kinds, intent);
    } catch (error) {
      if (!isTrouble(error)) throw error;
      await engine.sleep(1_000);
    }
  }
}

async function nextDue({ engine, db, intents }: World, kinds: readonly string[]): Promise<Date | null> {
  if (!engine.random.chance(ASKED)) return intents.next(kinds);
  const due = await nextIntentDue(db, kinds);
  const known = intents.next(kinds);
  if (due?.getTime() !== known?.getTime())
    engine.fail(
      new Error(`the next of ${kinds} is due at ${due?.toISOString()}, not ${known?.toISOString()}`),
    );
  return due;
}

async function workOn(world: World, kinds: readonly AnyEffectKind[], intent: LeasedIntent): Promise<void> {
  const { engine } = world;
  engine.note(`leased ${intent.key}`);
  const kind = kinds.find((one) => one.kind === intent.kind)!;
  try {
    await steps(world, kind, intent);
  } catch (error) {
    if (error instanceof LeaseLost) engine.note(`lost the lease of ${intent.key}`);
    else if (isTrouble(error)) engine.note(`${intent.key} is left to the end of its lease`);
    else throw new Error(`intent ${intent.key}: ${(error as Error).message}`, { cause: error });
  }
}

async function steps(world: World, kind: AnyEffectKind, intent: LeasedIntent): Promise<void> {
  const { engine, db, clocks } = world;
  const planned = await planIntent(db, kind, intent, clocks.now());
  if (planned === null) return;
  await engine.turn(`call for ${intent.key}`);
  const perform = (call: unknown, signal: AbortSignal) =>
    Promise.race([kind.perform(call, signal), engine.whenStopped]);
  const outcome = await performCall({ ...kind, perform }, planned.call, NO_DEADLINE_MS);
  if (engine.isStopped) return never();
  if ('error' in outcome) {
    engine.note(`call failed: ${outcome.error.kind} ${outcome.error.code}`);
    if (isFault(outcome.error)) throw new Error(outcome.error.message);
  }
  for (let attempt = 1; ; attempt++) {
    try {
      const next = await applyOutcome(db, kind, intent, planned.call, outcome, clocks.now());
      engine.note(`${intent.key} next ${JSON.stringify(next)}`);
      return;
    } catch (error) {
      if (!isTrouble(error) || attempt === 3) throw error;
    }
  }
}

/** Neither a provider's failure nor the database's: a fault of ours, which no retry should hide. */
function isFault({ code, message }: ProviderFailure): boolean {
  return (
    code === 'unexpected' &&
    !/^(no answer from the database|the answer to COMMIT|simulated: SQLSTATE)/.test(message)
  );
}

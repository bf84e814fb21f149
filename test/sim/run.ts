/** One simulation from its seed to its verdict: a time of faults, a quiet time in which all must come to rest, the audit. */

import { Wire } from './actors/gateway.ts';
import { decideHeld } from './actors/operator.ts';
import { startProcesses } from './actors/processes.ts';
import { audit } from './auditor.ts';
import type { Counts } from './coverage.ts';
import { coverEnd } from './coverage-end.ts';
import type { WarmPglite } from './database.ts';
import { Engine } from './engine.ts';
import type { FaultName } from './faults.ts';
import { raisedUntil, unfinished } from './rest.ts';
import { setUp } from './setup.ts';
import { createWorld, type World } from './world.ts';

export interface SimOptions {
  readonly seed: string;
  /** Exactly these; without a list the seed chooses. */
  readonly faults?: readonly FaultName[] | undefined;
  readonly print?: (line: string) => void;
  /** How long the quiet phase may last, virtual ms; the usual limit suits what waits for hourly looks. */
  readonly restWithinMs?: number;
  /** Tests tamper with the books here, to see that it is noticed. */
  readonly beforeAudit?: (world: World) => Promise<void>;
}

export interface SimResult {
  readonly seed: string;
  /** SHA-256 of the trace. */
  readonly hash: string;
  readonly steps: number;
  readonly virtualSeconds: number;
  readonly payments: number;
  /** Those that were on. */
  readonly faults: readonly FaultName[];
  /** What this run reached. */
  readonly coverage: Counts;
  /** Empty: everything was as it must be. */
  readonly problems: readonly string[];
  /** The last lines of the trace, when there are problems. */
  readonly tail: readonly string[];
}

const FAULTS_AT_LEAST_MS = 330_000;
const FAULTS_AT_MOST_MS = 900_000;
const REST_WITHIN_MS = 3 * 3_600_000;
const LOOK_MS = 30_000;
const SWEEP_MS = 300_000;
/** How far ahead clocks are at most: a sweep planned by such a one comes that much later once the clock is right. */
const AHEAD_MS = { 'clock-jump': 3_600_000, skew: 600_000 } as const;
const MAX_STEPS = 400_000;
/** Faults that cancel payouts. */
const GIVES_BACK: ReadonlySet<string> = new Set(['operator', 'swap-lies']);

export async function simulate(warm: WarmPglite, options: SimOptions): Promise<SimResult> {
  warm.reset();
  const engine = new Engine({
    seed: options.seed,
    faults: options.faults,
    ...(options.print ? { print: options.print } : {}),
  });
  const world = createWorld(engine, warm);
  const problems = await problemsOf(world, options).catch((error: Error) => [error.stack ?? error.message]);
  engine.stop();
  return {
    seed: options.seed,
    hash: engine.trace.digest(),
    steps: engine.steps,
    virtualSeconds: Math.round(engine.clock.elapsed / 1_000),
    payments: world.workload.payments.length,
    faults: engine.faults.on,
    coverage: engine.coverage.counts(),
    problems,
    tail: problems.length > 0 ? engine.trace.tail : [],
  };
}

async function problemsOf(
  world: World,
  { beforeAudit, restWithinMs = REST_WITHIN_MS }: SimOptions,
): Promise<readonly string[]> {
  await setUp(world);
  startProcesses(world, new Wire());
  const open = await storyOf(world, restWithinMs);
  if (open.length === 0) await beforeAudit?.(world);
  await coverEnd(world);
  return open.length === 0 ? audit(world) : open;
}

/** @returns why it did not come to rest; empty when it did */
async function storyOf(world: World, restWithinMs: number): Promise<string[]> {
  const { engine, nowpayments } = world;
  const { clock } = engine;
  const limits = { maxSteps: MAX_STEPS };
  const faultsOver = (): boolean =>
    clock.elapsed > FAULTS_AT_MOST_MS || (clock.elapsed > FAULTS_AT_LEAST_MS && nowpayments.isDone);
  await engine.run(faultsOver, limits);
  engine.faults.quiet = true;
  engine.trace.add('--- quiet ---');
  let until = clock.elapsed + restWithinMs;
  // What was given back just before is paid by a sweep, too.
  const isGivenBack = engine.faults.on.some((name) => GIVES_BACK.has(name));
  let [open, decidedAt] = [
    ['nothing was looked at yet'],
    isGivenBack ? clock.elapsed : Number.NEGATIVE_INFINITY,
  ];
  // What a decision gave back is paid by the next sweep.
  const ahead = engine.faults.on.map((name) =>
    name in AHEAD_MS ? AHEAD_MS[name as keyof typeof AHEAD_MS] : 0,
  );
  const sweepMs = SWEEP_MS + Math.max(0, ...ahead);
  const isOver = (): boolean => open.length === 0 && clock.elapsed - decidedAt >= sweepMs + LOOK_MS;
  while (engine.failures.length === 0 && !isOver() && clock.elapsed < until) {
    const next = clock.elapsed + LOOK_MS;
    await engine.run(() => clock.elapsed >= next, limits);
    const askedAgainAt = await raisedUntil(world);
    if ((await decideHeld(world)) > 0 || askedAgainAt !== undefined) decidedAt = clock.elapsed;
    open = await unfinished(world);
    if (open.length > 0) continue;
    // At rest but for the next sweep, or the next question about a minimum: nobody needs to be watched polling until then,
    // nor is that time taken from the rest.
    const skippedMs = Math.max(0, (askedAgainAt ?? decidedAt + sweepMs) - clock.elapsed);
    clock.advanceTo(clock.elapsed + skippedMs);
    until += skippedMs;
  }
  if (engine.failures.length > 0) return engine.failures.map((error) => error.stack ?? error.message);
  return isOver() ? [] : ['it did not come to rest', ...open];
}

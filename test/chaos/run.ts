/**
 * One chaos run. Short: every fail point of every role once, zombies, servers killed, checked twice. Long: random
 * rounds of all of it until the time is over and every point was killed often enough, each brought to rest and checked.
 */
import { ROLE_NAMES } from '../../schemas/topology.ts';
import { Random } from '../sim/random.ts';
import { audit } from './audit.ts';
import { killServer, ZOMBIES, zombie } from './faults.ts';
import type { Killer } from './killer.ts';
import { type Recorder, startRecorder } from './recorder.ts';
import { untilAtRest } from './rest.ts';
import { eventually, openStage, type Stage } from './stage.ts';
import { Tally } from './tally.ts';
import { createWorkload, type Workload } from './workload.ts';

export interface RunOptions {
  /** Null: the short form. */
  readonly minutes: number | null;
  /** The long form goes on past its minutes until every point of every role was killed this often. */
  readonly kills: number;
  readonly seed: string;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface RunResult {
  readonly seed: string;
  readonly tally: Tally;
  readonly payments: number;
  readonly payoutsPaid: number;
  readonly webhooks: number;
  readonly refused: number;
  readonly seconds: number;
}

const ALL_POINTS_MS = 480_000;
const ROUND_MS = 480_000;
/** Of each round, in random order, while kills go on. */
const FAULTS = ['kafka', 'postgres', 'zombie', 'zombie', 'zombie'] as const;
/** A round with its rest; less time than this is not begun. */
const ROUND_NEEDS_MS = 620_000;
const HURRY_MS = 2_000;
/** Work that would come around seldom; its fail points are to be reached in time. */
const SELDOM = ['missed', 'rates', 'treasury', 'limits', 'payout', 'conversion'];

/** Never throws: what went wrong is in the tally. */
export async function runChaos(options: RunOptions): Promise<RunResult> {
  const run = new ChaosRun(options);
  await run.go();
  return run.result();
}

class ChaosRun {
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #tally = new Tally();
  readonly #started = performance.now();
  readonly #failing = new AbortController();
  #stage: Stage | null = null;
  #recorder: Recorder | null = null;
  #workload: Workload | null = null;
  #hurrying: NodeJS.Timeout | undefined;
  #payoutsPaid = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  async go(): Promise<void> {
    try {
      await this.#open();
      if (this.#options.minutes === null) await this.#short();
      else await this.#long(this.#options.minutes * 60_000);
    } catch (error) {
      this.#fail((error as Error).message);
    } finally {
      await this.#close();
    }
  }

  result(): RunResult {
    return {
      seed: this.#options.seed,
      tally: this.#tally,
      payments: this.#workload?.payments ?? 0,
      payoutsPaid: this.#payoutsPaid,
      webhooks: this.#recorder?.answered.size ?? 0,
      refused: this.#recorder?.refused ?? 0,
      seconds: (performance.now() - this.#started) / 1_000,
    };
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.#options.signal, this.#failing.signal]);
  }

  #say(text: string): void {
    const seconds = Math.round((performance.now() - this.#started) / 1_000);
    this.#options.print(`${String(seconds).padStart(5)} s  ${text}`);
  }

  #fail(what: string): void {
    if (this.#failing.signal.aborted && this.#tally.violations.length > 0) return;
    this.#tally.violations.push(`${what} (seed ${this.#options.seed})`);
    this.#failing.abort(new Error(what));
  }

  async #open(): Promise<void> {
    const fail = (what: string) => this.#fail(what);
    this.#say('starting real servers, simulators and every role');
    this.#stage = await openStage({
      random: this.#random,
      tally: this.#tally,
      fail,
      note: (text) => this.#say(text),
      signal: this.#options.signal,
    });
    this.#recorder = await startRecorder(`${this.#stage.stack.env.PUBLIC_URL}/webhooks/nowpayments`);
    this.#workload = await createWorkload({
      world: this.#stage.world,
      random: this.#random,
      recorder: this.#recorder,
      fail,
    });
    this.#hurrying = setInterval(() => {
      void this.#stage!.hurry([...SELDOM, ...(this.#random.chance(0.3) ? ['sweep'] : [])]);
    }, HURRY_MS);
  }

  async #close(): Promise<void> {
    clearInterval(this.#hurrying);
    await this.#workload?.pause();
    this.#say('stopping everything');
    await this.#recorder?.close();
    // What a failed run left is worth a look.
    await this.#stage?.close(this.#tally.violations.length > 0 && !this.#options.signal.aborted);
  }

  async #short(): Promise<void> {
    const stage = this.#stage!;
    const killers = Object.values(stage.killers);
    this.#workload!.resume();
    this.#say('payments flow; killing every role at each of its fail points');
    for (const killer of killers) killer.begin(1);
    await this.#during(
      eventually(
        () => unhit(killers),
        () => this.#failing.signal.aborted || killers.every((killer) => killer.done),
        ALL_POINTS_MS,
      ),
    );
    this.#say(`${this.#tally.kills} kills; freezing an owner of partitions and a holder of leases`);
    for (const killer of killers) killer.pause();
    await this.#during(Promise.all([this.#zombie('accumulate'), this.#zombie('payout')]));
    for (const server of ['kafka', 'postgres'] as const) {
      this.#say(`kill -9 of ${server}`);
      await this.#during(killServer(stage, this.#tally, server));
    }
    await this.#rest();
  }

  async #long(ms: number): Promise<void> {
    const end = this.#started + ms;
    const isOver = () => performance.now() + ROUND_NEEDS_MS > end && this.#tally.least >= this.#options.kills;
    let round = 0;
    do {
      round += 1;
      await this.#round(round);
    } while (!isOver());
  }

  async #round(round: number): Promise<void> {
    const killers = Object.values(this.#stage!.killers);
    const end = performance.now() + ROUND_MS;
    this.#workload!.resume();
    for (const killer of killers) killer.begin();
    for (const fault of this.#random.shuffled(FAULTS)) {
      this.#say(`round ${round}: ${fault}`);
      if (fault === 'zombie') await this.#during(this.#zombie());
      else await this.#during(killServer(this.#stage!, this.#tally, fault));
    }
    await this.#during(
      eventually('the round ends', () => this.#signal.aborted || performance.now() > end, ROUND_MS + 60_000),
    );
    for (const killer of killers) killer.pause();
    await this.#rest();
  }

  async #zombie(role = this.#random.pick(ZOMBIES).role): Promise<void> {
    const one = this.#random.pick(ZOMBIES.filter((candidate) => candidate.role === role));
    await zombie(this.#stage!, this.#tally, one, this.#random.pick(one.points));
  }

  /** Work that a failure elsewhere ends at once. */
  async #during(work: Promise<unknown>): Promise<void> {
    const signal = this.#signal;
    let stop = (): void => undefined;
    const failed = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      signal.throwIfAborted();
      await Promise.race([work, failed]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #rest(): Promise<void> {
    const stage = this.#stage!;
    const workload = this.#workload!;
    const recorder = this.#recorder!;
    this.#say(`${this.#tally.kills} kills at fail points, ${workload.payments} payments; coming to rest`);
    await workload.pause();
    const started = performance.now();
    await eventually(
      'every role is ready',
      () => ROLE_NAMES.every((role) => stage.stack.service(role).status === 'ready'),
      120_000,
    );
    await this.#during(untilAtRest(stage, workload, this.#signal));
    this.#tally.recovered('all at rest after the payments end', performance.now() - started);
    const { wrong, checks } = await audit({ stage, workload, recorder });
    this.#tally.rests += 1;
    this.#tally.checks += checks;
    const [row] = await stage.world.db.query<{ paid: number }>(
      "SELECT count(*)::int AS paid FROM payout_batches WHERE state = 'completed'",
    );
    this.#payoutsPaid = row!.paid;
    this.#say(`at rest: ${row!.paid} payouts paid, ${checks} checks, ${wrong.length} wrong`);
    if (wrong.length > 0) this.#fail(wrong.slice(0, 20).join('; '));
    this.#failing.signal.throwIfAborted();
  }
}

function unhit(killers: readonly Killer[]): string {
  return killers
    .filter((killer) => !killer.done)
    .map(({ plight }) => plight)
    .join('; ');
}

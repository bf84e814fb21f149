/**
 * Runs the actors of a simulation one step at a time. An actor is ordinary asynchronous code; wherever it touches the
 * world (a transaction, the log, a provider) it asks for a turn, and the seed decides whose turn is next. A process can
 * be killed at any turn: its code simply never continues.
 */
import { VirtualClock } from './clock.ts';
import { Coverage } from './coverage.ts';
import { type FaultName, Faults } from './faults.ts';
import { Random } from './random.ts';
import { Trace } from './trace.ts';

export class SimProcess {
  readonly name: string;
  alive = true;

  constructor(name: string) {
    this.name = name;
  }
}

interface Task {
  readonly process: SimProcess;
  readonly name: string;
}

interface Waiting {
  readonly task: Task;
  readonly label: string;
  /** Virtual milliseconds. */
  at: number;
  readonly resume: () => void;
  /** Bells that end the wait early. */
  hears: (bell: string) => boolean;
}

/** Never continues: what a killed process awaits. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

export interface EngineOptions {
  readonly seed: string;
  /** Exactly these; without a list the seed chooses. */
  readonly faults?: readonly FaultName[] | undefined;
  readonly print?: (line: string) => void;
}

const STALL_MS = [20_000, 90_000] as const;

/** How soon a bell is heard, and how often it is not. */
const HEARD_MS = [0, 3_000] as const;
const UNHEARD = 0.05;

function deaf(): boolean {
  return false;
}

export class Engine {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly trace: Trace;
  readonly faults: Faults;
  /** What this run reached. */
  readonly coverage = new Coverage();
  /** What should never happen; the first one fails the run. */
  readonly failures: Error[] = [];
  steps = 0;
  isStopped = false;
  /** Resolves when the run is over, so that calls of killed processes let go of their timers. */
  readonly whenStopped: Promise<void>;
  /** Called with a process that died: by a kill, or by an error that it could not handle. */
  onDeath: (process: SimProcess, error: Error | null) => void = () => undefined;
  #waiting: Waiting[] = [];
  #running: Task | null = null;
  #parked: () => void = () => undefined;
  #stop: () => void = () => undefined;

  constructor(options: EngineOptions) {
    this.random = new Random(options.seed);
    this.trace = new Trace(options.print);
    this.faults = new Faults({
      seed: options.seed,
      only: options.faults,
      onStrike: (name) => this.coverage.fault(name),
    });
    this.whenStopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
  }

  /** Starts a task of a process; its first step comes when the seed says so. */
  spawn(process: SimProcess, name: string, body: () => Promise<void>): void {
    const task: Task = { process, name };
    const begin = (): void => {
      body().then(
        () => this.#parked(),
        (error: unknown) => {
          this.#died(task, error as Error);
          this.#parked();
        },
      );
    };
    this.#waiting.push({ task, label: 'start', at: this.clock.elapsed, resume: begin, hears: deaf });
  }

  /** The next step of the task that runs now. */
  turn(label: string, afterMs = 0, hears: (bell: string) => boolean = deaf): Promise<void> {
    const task = this.#running;
    if (!task) throw new Error(`a step outside of any task: ${label}`);
    if (!task.process.alive) return never();
    return new Promise<void>((resume) => {
      this.#waiting.push({ task, label, at: this.clock.elapsed + afterMs, resume, hears });
      this.#parked();
    });
  }

  /** Name of the process that runs now; null between two steps. */
  get runs(): string | null {
    return this.#running?.process.name ?? null;
  }

  /** @param hears bells that end the sleep early; most are heard, not all: nobody may count on one */
  sleep(ms: number, hears?: (bell: string) => boolean): Promise<void> {
    return this.turn('wake', ms, hears);
  }

  /** There is something new: a notification of the database, a record in a partition, a request on the wire. */
  ring(bell: string): void {
    for (const waiting of this.#waiting) {
      if (!waiting.hears(bell) || this.random.chance(UNHEARD)) continue;
      waiting.at = Math.min(waiting.at, this.clock.elapsed + this.random.int(...HEARD_MS));
    }
  }

  /** Ends the running task's process here and now; the caller never continues. */
  crashHere(why: string): Promise<never> {
    const task = this.#running!;
    this.trace.add(`${this.#stamp()} ${task.name} killed: ${why}`);
    this.kill(task.process);
    this.#parked();
    return never();
  }

  kill(process: SimProcess): void {
    if (!process.alive) return;
    process.alive = false;
    this.#waiting = this.#waiting.filter((waiting) => waiting.task.process !== process);
    this.onDeath(process, null);
  }

  /** Nothing runs any more: what waits is dropped. */
  stop(): void {
    this.#waiting = [];
    this.onDeath = () => undefined;
    this.isStopped = true;
    this.#stop();
  }

  note(text: string): void {
    this.trace.add(`${this.#stamp()} ${this.#running?.name ?? 'engine'} ${text}`);
  }

  fail(error: Error): void {
    this.failures.push(error);
  }

  /** Runs steps until `isOver` says so (asked between steps), a failure, or nothing is left to do. */
  async run(isOver: () => boolean, limits: { maxSteps: number }): Promise<void> {
    const until = this.steps + limits.maxSteps;
    while (this.failures.length === 0 && !isOver()) {
      if (this.steps >= until) throw new Error(`not over after ${limits.maxSteps} steps`);
      const next = this.#choose();
      if (!next) return;
      await this.#step(next);
    }
  }

  #choose(): Waiting | undefined {
    if (this.#waiting.length === 0) return undefined;
    const first = this.#waiting.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
    this.clock.advanceTo(first);
    return this.random.pick(this.#waiting.filter(({ at }) => at <= this.clock.elapsed));
  }

  async #step(waiting: Waiting): Promise<void> {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    const { task, label } = waiting;
    this.steps += 1;
    this.clock.advanceTo(this.clock.elapsed + this.random.int(0, 4));
    if (task.process.name !== 'world' && this.faults.strikes('crash')) {
      this.trace.add(`${this.#stamp()} ${task.name} killed before ${label}`);
      this.kill(task.process);
      return;
    }
    if (task.process.name !== 'world' && this.faults.strikes('stall')) {
      const ms = this.random.int(...STALL_MS);
      this.trace.add(`${this.#stamp()} ${task.name} stalls ${ms} ms before ${label}`);
      this.#waiting.push({ ...waiting, at: this.clock.elapsed + ms, hears: deaf });
      return;
    }
    this.trace.add(`${this.#stamp()} ${task.name} ${label}`);
    this.#running = task;
    const parked = new Promise<void>((resolve) => {
      this.#parked = resolve;
    });
    waiting.resume();
    await parked;
    this.#running = null;
  }

  #died(task: Task, error: Error): void {
    if (!task.process.alive) return;
    this.trace.add(`${this.#stamp()} ${task.name} exits: ${error.name}: ${error.message}`);
    task.process.alive = false;
    this.#waiting = this.#waiting.filter((waiting) => waiting.task.process !== task.process);
    this.onDeath(task.process, error);
  }

  #stamp(): string {
    return String(this.clock.elapsed).padStart(8, '0');
  }
}

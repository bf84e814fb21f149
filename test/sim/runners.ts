/** Who runs simulations: this process, or worker processes of which each has a warm database of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { WarmPglite } from './database.ts';
import type { FaultName } from './faults.ts';
import { type SimResult, simulate } from './run.ts';

export interface Job {
  readonly seed: string;
  /** As in SimOptions. */
  readonly faults?: readonly FaultName[] | undefined;
  /** As in SimOptions. */
  readonly restWithinMs?: number;
  /** The bug of that name is in the product; only where the module hooks are, in a worker process. */
  readonly plant?: string;
}

/** Does one job at a time. */
interface Executor {
  run(job: Job): Promise<SimResult>;
  /** It takes no more jobs. */
  readonly isGone: boolean;
  close(): Promise<void>;
}

interface Waiting {
  readonly job: Job;
  readonly settle: (result: Promise<SimResult>) => void;
}

/** Jobs wait here for the next free executor. */
export class Runner {
  readonly #waiting: Waiting[] = [];
  readonly #idle: Executor[] = [];
  readonly #all = new Set<Executor>();
  readonly #count: number;
  readonly #make: () => Executor;

  private constructor(count: number, make: () => Executor) {
    this.#count = count;
    this.#make = make;
  }

  /** In this process. @param print gets every line of every trace */
  static local(print?: (line: string) => void): Runner {
    return new Runner(1, () => new Local(print));
  }

  static processes(count: number): Runner {
    return new Runner(count, () => new Worker());
  }

  /** @param isNext before all that wait. What goes wrong in a run is one of the result's problems. */
  run(job: Job, isNext = false): Promise<SimResult> {
    return new Promise((settle) => {
      this.#waiting[isNext ? 'unshift' : 'push']({ job, settle });
      this.#give();
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((executor) => executor.close()));
  }

  #give(): void {
    while (this.#waiting.length > 0) {
      const executor = this.#idle.pop() ?? this.#start();
      if (!executor) return;
      const { job, settle } = this.#waiting.shift()!;
      const result = executor.run(job);
      settle(result);
      const free = (): void => {
        if (executor.isGone) this.#all.delete(executor);
        else this.#idle.push(executor);
        this.#give();
      };
      result.then(free, free);
    }
  }

  #start(): Executor | undefined {
    if (this.#all.size >= this.#count) return undefined;
    const executor = this.#make();
    this.#all.add(executor);
    return executor;
  }
}

/** Runs after which the database is opened anew: its memory only grows. */
const RECYCLE_AFTER = 150;

export class Local implements Executor {
  readonly isGone = false;
  readonly #print: ((line: string) => void) | undefined;
  #warm: WarmPglite | undefined;
  #runs = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  async run(job: Job): Promise<SimResult> {
    this.#runs += 1;
    if (this.#runs % RECYCLE_AFTER === 0) await this.close();
    this.#warm ??= await WarmPglite.open();
    const run = job.plant === undefined ? simulate : await withPlant(job.plant);
    return run(this.#warm, { ...job, ...(this.#print ? { print: this.#print } : {}) });
  }

  async close(): Promise<void> {
    await this.#warm?.close();
    this.#warm = undefined;
  }
}

/** Loaded when the first is asked for: its hooks see every module that comes after. */
async function withPlant(name: string): Promise<typeof simulate> {
  const { simulatePlanted } = await import('./planted/hook.ts');
  return simulatePlanted(name);
}

/** A run that takes longer hangs: hours of virtual time are seconds. */
const HANGS_AFTER_MS = 15 * 60_000;

/** A process of its own; when it dies, the result of its job says so. */
class Worker implements Executor {
  readonly #child: ChildProcess;
  readonly #closed: Promise<string>;
  isGone = false;
  #errors = '';

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'worker-main.ts'), [], {
      execArgv: [],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
    this.#closed = new Promise((resolve) => {
      const gone = (why: string): void => {
        this.isGone = true;
        resolve(why);
      };
      this.#child.once('error', (error) => gone(error.message));
      this.#child.once('close', (code, signal) => gone(signal ?? `exit code ${code}`));
    });
  }

  async run(job: Job): Promise<SimResult> {
    const answer = new Promise<SimResult>((resolve) => this.#child.once('message', resolve));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), HANGS_AFTER_MS);
    // One that just died says so itself.
    this.#child.send(job, () => undefined);
    try {
      return await Promise.race([answer, this.#closed.then((why) => lost(job, why, this.#errors))]);
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#child.kill();
    await this.#closed;
  }
}

/** What is known of a run whose process is gone. */
function lost({ seed, faults }: Job, why: string, errors: string): SimResult {
  return {
    seed,
    hash: '',
    steps: 0,
    virtualSeconds: 0,
    payments: 0,
    faults: faults ?? [],
    coverage: {},
    problems: [
      `the process that ran it is gone: ${why}`,
      ...errors.split('\n').filter((line) => line !== ''),
    ],
    tail: [],
  };
}

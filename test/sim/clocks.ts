/**
 * The clocks of the machines: every process reads time through its own, which may be off, jump or stand still. What is
 * true, and what the outside goes by, is the engine's clock. In the quiet phase all agree.
 */
import type { Clock } from '../../processors/runtime/clock.ts';
import type { Engine } from './engine.ts';

export class Clocks implements Clock {
  readonly #engine: Engine;
  /** Milliseconds that the clock of a process is ahead, by its name. */
  readonly #ahead = new Map<string, number>();
  /** What a clock that stands still shows. */
  readonly #frozen = new Map<string, Date>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** What the process that runs now takes for the time. */
  now(): Date {
    const now = this.#engine.clock.now();
    const { runs, faults } = this.#engine;
    if (runs === null || faults.quiet) return now;
    const frozen = this.#frozen.get(runs);
    if (frozen) return frozen;
    return new Date(now.getTime() + (this.#ahead.get(runs) ?? 0));
  }

  /** @param ms that its clock is ahead from now on; negative: behind */
  set(process: string, ms: number): void {
    this.#frozen.delete(process);
    this.#ahead.set(process, ms);
  }

  freeze(process: string): void {
    const ahead = this.#ahead.get(process) ?? 0;
    this.#frozen.set(process, new Date(this.#engine.clock.now().getTime() + ahead));
  }

  /** As its time server says. */
  mend(process: string): void {
    this.#frozen.delete(process);
    this.#ahead.delete(process);
  }
}

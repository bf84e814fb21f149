/** Virtual time: stands still while a step runs, moves only when the engine says so. */
import type { Clock } from '../../processors/runtime/clock.ts';

/** Every simulation begins at the same moment. */
export const SIM_START = Date.UTC(2026, 2, 1, 12, 0, 0);

export class VirtualClock implements Clock {
  #ms = SIM_START;

  now(): Date {
    return new Date(this.#ms);
  }

  /** Milliseconds since the simulation began. */
  get elapsed(): number {
    return this.#ms - SIM_START;
  }

  advanceTo(elapsed: number): void {
    this.#ms = Math.max(this.#ms, SIM_START + elapsed);
  }
}

/** How simulated providers fail: before anything happened, or after it did. */
import { ProviderError } from '../../../providers/error.ts';
import type { Engine } from '../engine.ts';

export class Answers {
  readonly #engine: Engine;
  readonly #provider: string;

  constructor(engine: Engine, provider: string) {
    this.#engine = engine;
    this.#provider = provider;
  }

  /** Nothing happened, now and then. @throws ProviderError transient */
  mayFail(what: string): void {
    if (!this.#engine.faults.strikes('outage')) return;
    this.#engine.note(`${this.#provider} is away: ${what}`);
    throw this.error('transient', 'unavailable', what);
  }

  /** It happened; the answer gets lost now and then. @throws ProviderError unknown_outcome */
  mayBeLost(what: string): void {
    if (!this.#engine.faults.strikes('timeout')) return;
    this.#engine.note(`${this.#provider} answers too late: ${what}`);
    throw this.error('unknown_outcome', 'timeout', what);
  }

  error(kind: ProviderError['kind'], code: string, what: string): ProviderError {
    return new ProviderError(what, { provider: this.#provider, kind, code });
  }
}

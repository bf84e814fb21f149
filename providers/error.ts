/**
 * The one error that every provider client throws, so that callers decide by its kind and never by a message:
 * permanent = asking again will not help; transient = nothing happened, ask again later; unknown_outcome = the
 * provider may have done it, so look it up before anything else.
 */

export type ProviderErrorKind = 'permanent' | 'transient' | 'unknown_outcome';

export interface ProviderErrorDetails {
  readonly provider: string;
  readonly kind: ProviderErrorKind;
  /** HTTP status, when there was an answer. */
  readonly status?: number | undefined;
  /** The provider's own code (`deposit_too_small`), or ours for what has none (`timeout`, `malformed`). */
  readonly code?: string | undefined;
  /** How long the provider asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

export class ProviderError extends Error {
  override name = 'ProviderError';
  readonly provider: string;
  readonly kind: ProviderErrorKind;
  readonly status?: number;
  readonly code?: string;
  readonly retryAfterMs?: number;

  /** @param message one line for people: what was asked, what came back; never a secret */
  constructor(message: string, details: ProviderErrorDetails) {
    super(`${details.provider}: ${message}`);
    this.provider = details.provider;
    this.kind = details.kind;
    if (details.status !== undefined) this.status = details.status;
    if (details.code !== undefined) this.code = details.code;
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
  }
}

/** The answer came but does not have the documented shape; a lying provider is never guessed at. */
export function malformed(provider: string, what: string): ProviderError {
  return new ProviderError(`malformed answer: ${what}`, { provider, kind: 'transient', code: 'malformed' });
}

/**
 * Reads the answer to a call that had an effect. A wrong shape there does not mean that nothing happened, so
 * `transient` (repeat it) becomes `unknown_outcome` (look it up first).
 */
export function afterEffect<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ProviderError) || error.kind !== 'transient') throw error;
    const { provider, status, code, retryAfterMs } = error;
    const message = error.message.slice(provider.length + 2);
    throw new ProviderError(message, { provider, kind: 'unknown_outcome', status, code, retryAfterMs });
  }
}

/**
 * Repeats work that the infrastructure interrupted (connection, lock, disk, timeout, lost answer), for a limited time.
 * Whoever calls it lets the process exit after that: waiting longer would hide the trouble.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** Time as waiting needs it; the simulation has its own. */
export interface RetryTime {
  /** Milliseconds that only go forward. */
  readonly elapsed: () => number;
  /** @throws the signal's reason when it is aborted meanwhile */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface RetryOptions {
  /** How long to go on, in milliseconds; 30,000. */
  readonly forMs?: number;
  /** The first pause, doubled each time, in milliseconds; 50. */
  readonly firstMs?: number;
  /** Errors that repeating will not change are thrown at once. */
  readonly isFinal: (error: unknown) => boolean;
  /** Stops between two tries; its reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onRetry?: (error: unknown, attempt: number) => void;
  /** The machine's, unless another is given. */
  readonly time?: RetryTime;
}

const FOR_MS = 30_000;
const FIRST_MS = 50;
const MAX_MS = 2_000;

const REAL: RetryTime = { elapsed: () => performance.now(), pause: interruptible };

export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const time = options.time ?? REAL;
  const until = time.elapsed() + (options.forMs ?? FOR_MS);
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (options.isFinal(error) || time.elapsed() >= until) throw error;
      options.onRetry?.(error, attempt);
    }
    await time.pause(
      Math.min((options.firstMs ?? FIRST_MS) * 2 ** Math.min(attempt - 1, 10), MAX_MS),
      options.signal,
    );
  }
}

async function interruptible(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await pause(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

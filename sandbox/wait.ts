/** Waiting for a condition, with a limit: the only way that the sandbox waits for anything. */

/**
 * Polls until the condition holds.
 * @returns false when it did not hold within `limit_ms`; a throwing condition throws.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  limit_ms: number,
  pause_ms = 50,
): Promise<boolean> {
  const end = performance.now() + limit_ms;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= end) return false;
    await pause(pause_ms);
  }
}

/** Resolves after a time, or at once when the signal fires. */
export function pause(duration_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, duration_ms);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

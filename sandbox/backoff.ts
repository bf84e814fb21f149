/** How long a crashed process waits before it is started again. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** A process that ran this long was healthy: its next crash starts the count anew. */
export const HEALTHY_AFTER_MS = 60_000;

/** Delay before restart number `crashes` (1 = the first) in milliseconds: doubles, up to 30 s. */
export function restartDelay(crashes: number): number {
  return Math.min(FIRST_MS * 2 ** Math.min(crashes - 1, 16), LONGEST_MS);
}

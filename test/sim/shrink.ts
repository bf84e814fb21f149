/** Which faults a failure needs: leaves some out as long as it still fails (delta debugging). */
import type { FaultName } from './faults.ts';

export interface Shrunk {
  /** The failure remains with exactly these; leaving out any one of them was tried, unless the reruns were used up. */
  readonly faults: readonly FaultName[];
  readonly reruns: number;
}

/**
 * @param faults with which the run fails
 * @param fails runs the seed again with fewer faults
 * @param most reruns at most
 */
export async function shrink(
  faults: readonly FaultName[],
  fails: (faults: readonly FaultName[]) => Promise<boolean>,
  most: number,
): Promise<Shrunk> {
  let needed = faults;
  let reruns = 0;
  const failsWith = async (fewer: readonly FaultName[]): Promise<boolean> => {
    if (reruns >= most) return false;
    reruns += 1;
    return fails(fewer);
  };
  if (needed.length > 0 && (await failsWith([]))) return { faults: [], reruns };
  for (let size = Math.ceil(needed.length / 2); size >= 1 && reruns < most; ) {
    const smaller = await without(needed, size, failsWith);
    if (smaller) {
      needed = smaller;
      size = Math.min(size, Math.ceil(needed.length / 2));
    } else size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return { faults: needed, reruns };
}

/** @returns the first list that still fails without one run of `size` faults */
async function without(
  faults: readonly FaultName[],
  size: number,
  failsWith: (fewer: readonly FaultName[]) => Promise<boolean>,
): Promise<readonly FaultName[] | undefined> {
  if (faults.length <= 1) return undefined;
  for (let start = 0; start < faults.length; start += size) {
    const fewer = [...faults.slice(0, start), ...faults.slice(start + size)];
    if (await failsWith(fewer)) return fewer;
  }
  return undefined;
}

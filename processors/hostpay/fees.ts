/** Fees of a replacement: nodes take one only with at least an eighth more than what it replaces, in both caps. */
import type { Fees, GasQuote } from '../swap/funds.ts';

/** Unmined for so long after its last signature: it gets more fee. */
export const STUCK_MS = 90_000;

/**
 * At least 12.5 % above the last one and at least what a block costs now.
 * @param latest its caps, wei per gas
 * @returns undefined when that would be above GAS_MAX_GWEI
 */
export function replacementFees(
  latest: { readonly max_fee: bigint; readonly priority_fee: bigint },
  quote: GasQuote,
  gasMax: bigint,
): Fees | undefined {
  const least = raised(latest.max_fee);
  if (least > gasMax || quote.baseFee + quote.maxPriorityFeePerGas > gasMax) return undefined;
  const wanted = least > quote.maxFeePerGas ? least : quote.maxFeePerGas;
  const maxFee = wanted < gasMax ? wanted : gasMax;
  const tip = raised(latest.priority_fee);
  const priorityFee = tip > quote.maxPriorityFeePerGas ? tip : quote.maxPriorityFeePerGas;
  return { maxFee, priorityFee: priorityFee < maxFee ? priorityFee : maxFee };
}

/** 12.5 % more, rounded up; nodes that compare with "at least 10 %" are content as well. */
function raised(fee: bigint): bigint {
  return (fee * 1_125n + 999n) / 1_000n + 1n;
}

/** Headers of redriven records. */
export const ATTEMPT_HEADER = 'redrive-attempt';
export const LAST_HEADER = 'redrive-last';

/** One record of payments.valued as the fold sees it, and what became of it. */
import type { PaymentValued } from '../../schemas/events.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';

export interface ValuedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  /** The bytes as they stood in the log, for quarantine. */
  readonly bytes: Buffer;
  readonly value: PaymentValued;
  /** 0 on the first try; redriven records carry 1, 2, ... and bypass the closed door of their entity. */
  readonly attempt: number;
  /** The last redriven record of its entity opens the door again. */
  readonly lastOfRedrive: boolean;
  readonly traceparent: string | null;
}

/** How an input ended; the four counts add up to the input (architecture D10). */
export interface Ending {
  readonly end: 'applied' | 'duplicate' | 'rejected' | 'quarantined';
  readonly reason: ReasonCode | null;
}

export const APPLIED: Ending = { end: 'applied', reason: null };

export interface BatchContext {
  /** Cause id of the batch's credits: the same batch never books twice. */
  readonly batchId: string;
  readonly partition: number;
  /** Delay until a credited payment is first asked for at the provider, ms. */
  readonly receiptDelayMs: number;
  /** PARTIAL_AFTER, ms. */
  readonly partialAfterMs: number;
  /** USDT per ETH for figures in USD, exact text; undefined when none is usable. */
  readonly usdtPerEth: string | undefined;
}

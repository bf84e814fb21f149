/** When the open ETH position is swapped: by pending value, by age, or because a payout is short of settled USDT. */
import type { OpenRange } from '../../ledger/sql/open-positions.ts';
import type { UsdtOutlook } from '../../ledger/sql/usdt-outlook.ts';
import { conversionRanges, conversions, type PairLimitRow } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { eventId } from '../../schemas/event-id.ts';
import { emitConversion } from '../swap/conversion-event.ts';
import { wakeOwner } from '../swap/owner.ts';

export interface TreasuryPolicy {
  /** CONVERSION_MIN_USD in minor units of USDT. */
  readonly minUsdt: bigint;
  /** CONVERSION_MAX_AGE in milliseconds. */
  readonly maxAgeMs: number;
}

export type Trigger = 'value' | 'age' | 'payout';

/** Why a conversion starts now; undefined: nothing asks for one, or it can't be made. */
export function triggerOf(
  open: readonly OpenRange[],
  outlook: UsdtOutlook,
  limit: PairLimitRow | undefined,
  now: Date,
  policy: TreasuryPolicy,
): Trigger | undefined {
  const { eth, usdt } = sumOf(open);
  // An unknown minimum is asked for within seconds; below it the provider would refuse or keep the coins.
  if (!limit || eth <= 0n || usdt <= 0n || eth < limit.min_amount) return undefined;
  if (usdt >= policy.minUsdt) return 'value';
  if (open.some((range) => now.getTime() - range.oldest.getTime() >= policy.maxAgeMs)) return 'age';
  return outlook.wanted > outlook.settled + outlook.coming ? 'payout' : undefined;
}

/**
 * A conversion of everything open, its ranges fixed before its amount is. Above the provider's maximum, of as many
 * partitions as fit; the rest follows in the next one.
 */
export function openConversion(
  work: Work,
  open: readonly OpenRange[],
  limit: PairLimitRow,
): string | undefined {
  const ranges = fitting(work, open, limit);
  const { eth, usdt } = sumOf(ranges);
  if (ranges.length === 0 || eth <= 0n || usdt <= 0n || eth < limit.min_amount) return undefined;
  const id = eventId('conversion', ...ranges.map((range) => `${range.partition}:${range.toBatch}`));
  const row = work.put(conversions, {
    conversion_id: id,
    eth,
    eth_open: eth,
    usdt_expected: usdt,
    usdt_received: null,
    state: 'requested',
    held_state: null,
    reason: null,
    parked: false,
    attempt: 0,
    revision: 1n,
    created_at: work.now,
    updated_at: work.now,
    completed_at: null,
  });
  for (const { partition, fromBatch, toBatch } of ranges) {
    const range = { conversion_id: id, partition, from_batch: fromBatch, to_batch: toBatch };
    work.put(conversionRanges, range);
  }
  emitConversion(work, row);
  wakeOwner(work, { kind: 'conversion', id });
  return id;
}

function fitting(work: Work, open: readonly OpenRange[], limit: PairLimitRow): readonly OpenRange[] {
  const max = limit.max_amount;
  if (max === null || sumOf(open).eth <= max) return open;
  for (const { partition } of open.filter((range) => range.eth > max)) {
    // A range is taken as a whole; this one waits for a larger maximum, or another provider: a person must know.
    const detail = `more open ETH than the provider's maximum of ${max} wei`;
    work.discrepancy('conversion_above_maximum', `partition:${partition}`, detail);
  }
  const taken: OpenRange[] = [];
  let eth = 0n;
  for (const range of open) {
    if (eth + range.eth > max) continue;
    taken.push(range);
    eth += range.eth;
  }
  return taken;
}

function sumOf(ranges: readonly OpenRange[]): { eth: bigint; usdt: bigint } {
  return ranges.reduce((sum, { eth, usdt }) => ({ eth: sum.eth + eth, usdt: sum.usdt + usdt }), {
    eth: 0n,
    usdt: 0n,
  });
}

/** Coins that arrived in the host wallet, in finalized blocks: the only thing that proceeds and refunds are booked from. */
import { type ChainDepositRow, chainDeposits } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { formatMoney, money } from '../../schemas/money.ts';
import { sameAmount } from './order.ts';

export type DepositUse = 'receipt' | 'proceeds' | 'refund';

/** A hash as the chain writes it; null for what is no transaction hash. */
export function chainHash(hash: string | null): string | null {
  return hash !== null && /^0x[0-9a-fA-F]{64}$/.test(hash) ? hash.toLowerCase() : null;
}

/** Unused deposits of this transaction in that asset. */
export function depositsOf(work: Work, hash: string | null, asset: LedgerAsset): ChainDepositRow[] {
  const wanted = chainHash(hash);
  if (wanted === null) return [];
  return work
    .all(chainDeposits)
    .filter((row) => row.hash === wanted && row.asset === asset && row.used_for === null)
    .sort((a, b) => a.log_index - b.log_index);
}

/**
 * The one deposit that is meant. A transaction that pays us several times is told apart by the amount that the
 * provider names; undefined: not there (yet), or not to be told apart.
 * @param amount exact decimal text, or null when the provider names none
 */
export function meantDeposit(
  work: Work,
  hash: string | null,
  asset: LedgerAsset,
  amount: string | null,
): ChainDepositRow | undefined {
  const found = depositsOf(work, hash, asset);
  if (found.length <= 1) return found[0];
  const exact = found.filter((row) => amount !== null && sameAmount(amount, textOf(row)));
  return exact[0];
}

export function useDeposit(work: Work, row: ChainDepositRow, use: DepositUse, id: string): void {
  work.put(chainDeposits, { ...row, used_for: use, used_id: id });
}

/** Exact decimal text in whole units. */
export function textOf(row: ChainDepositRow): string {
  return formatMoney(money(row.asset as LedgerAsset, row.amount));
}

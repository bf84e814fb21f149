/** What the ledger says is in the host wallet at the last block that was scanned. */
import type { Db } from '../db.ts';

const SQL = `SELECT w.cursor_block AS block,
    coalesce((SELECT min(t.nonce) FROM transfers t WHERE t.nonce IS NOT NULL AND t.state IN ('signed', 'broadcast')),
      w.next_nonce) AS booked_nonce,
    (SELECT coalesce(sum(a.balance), 0)::text FROM wallet_accounts a WHERE a.asset = 'ETH'
      AND a.account IN ('wallet:host', 'wallet:gas', 'wallet:gas_held', 'wallet:sending')) AS eth,
    (SELECT coalesce(sum(a.balance), 0)::text FROM wallet_accounts a WHERE a.asset = 'USDT'
      AND a.account IN ('wallet:host', 'wallet:sending')) AS usdt,
    (SELECT coalesce(sum(d.amount), 0)::text FROM chain_deposits d WHERE d.asset = 'ETH' AND d.used_for IS NULL) AS eth_unbooked,
    (SELECT coalesce(sum(d.amount), 0)::text FROM chain_deposits d WHERE d.asset = 'USDT' AND d.used_for IS NULL) AS usdt_unbooked
  FROM wallets w WHERE w.chain_id = $1::bigint AND lower(w.address) = lower($2::text)`;

export interface ChainSnapshot {
  readonly block: bigint | null;
  /** All our transactions with a lower nonce are booked. */
  readonly booked_nonce: bigint | null;
  readonly eth: string;
  readonly usdt: string;
  readonly eth_unbooked: string;
  readonly usdt_unbooked: string;
}

export async function chainSnapshot(
  db: Db,
  chainId: bigint,
  address: string,
): Promise<ChainSnapshot | undefined> {
  const [row] = await db.query<ChainSnapshot>(SQL, [chainId.toString(), address]);
  return row;
}

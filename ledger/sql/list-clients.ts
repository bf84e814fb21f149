/** Clients with their policy and balances, for people. */
import { formatUnits } from '../../schemas/money.ts';
import type { Db } from '../db.ts';

const SQL = `SELECT c.client_id::text AS client, c.title, c.payout_strategy AS strategy, c.payout_threshold_usd::text AS threshold_usd,
    c.payout_currency AS currency, c.payout_network AS network, c.wallet_address AS address,
    u.available::text AS usdt, u.reserved::text AS usdt_reserved, e.available::text AS eth, e.reserved::text AS eth_reserved,
    (e.unvalued + u.unvalued)::text AS unvalued, u.debt::text AS debt
  FROM clients c
  JOIN client_accounts u ON u.client_id = c.client_id AND u.asset = 'USDT'
  JOIN client_accounts e ON e.client_id = c.client_id AND e.asset = 'ETH'
  WHERE $1::bigint IS NULL OR c.client_id = $1::bigint ORDER BY c.created_at, c.client_id LIMIT 10000`;

type ClientLine = Record<
  | 'client'
  | 'title'
  | 'strategy'
  | 'threshold_usd'
  | 'currency'
  | 'network'
  | 'address'
  | 'usdt'
  | 'usdt_reserved'
  | 'eth'
  | 'eth_reserved'
  | 'unvalued'
  | 'debt',
  string
>;

/** Amounts as plain decimal text in whole units. */
export async function listClients(db: Db, clientId?: bigint): Promise<ClientLine[]> {
  const rows = await db.query<ClientLine>(SQL, [clientId === undefined ? null : clientId.toString()]);
  return rows.map((row) => ({
    ...row,
    usdt: formatUnits(BigInt(row.usdt), 6),
    usdt_reserved: formatUnits(BigInt(row.usdt_reserved), 6),
    eth: formatUnits(BigInt(row.eth), 18),
    eth_reserved: formatUnits(BigInt(row.eth_reserved), 18),
    unvalued: formatUnits(BigInt(row.unvalued), 18),
    debt: formatUnits(BigInt(row.debt), 6),
  }));
}

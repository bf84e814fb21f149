/** What a conversion that awaits funds depends on: settled ETH, and what older conversions wait for. Minor units. */
import type { Db } from '../db.ts';
import type { FundsRow } from './funds-of-payout.ts';

const SQL = `SELECT
    (SELECT balance::text FROM wallet_accounts WHERE account = 'wallet:host' AND asset = 'ETH') AS host,
    (SELECT balance::text FROM wallet_accounts WHERE account = 'wallet:gas' AND asset = 'ETH') AS gas,
    (SELECT coalesce(sum(o.eth_open), 0)::text FROM conversions o WHERE o.state = 'awaiting_funds'
       AND (o.created_at, o.conversion_id) < (c.created_at, c.conversion_id)) AS ahead
  FROM conversions c WHERE c.conversion_id = $1::uuid`;

export async function fundsOfConversion(tx: Db, conversionId: string): Promise<FundsRow> {
  const [row] = await tx.query<{ host: string; gas: string; ahead: string }>(
    SQL,
    [conversionId],
    'funds_of_conversion',
  );
  if (!row) throw new Error(`conversion ${conversionId} does not exist`);
  return { host: BigInt(row.host), gas: BigInt(row.gas), ahead: BigInt(row.ahead), unconfirmed: 0 };
}

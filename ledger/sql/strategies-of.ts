/** Payout strategy of some clients, by client id as decimal text; who is missing does not exist. */
import type { Db } from '../db.ts';

const SQL =
  'SELECT client_id::text AS client_id, payout_strategy FROM clients WHERE client_id = ANY($1::bigint[])';

export async function strategiesOf(db: Db, clientIds: readonly string[]): Promise<Map<string, string>> {
  if (clientIds.length === 0) return new Map();
  const rows = await db.query<{ client_id: string; payout_strategy: string }>(
    SQL,
    [clientIds],
    'strategies_of',
  );
  return new Map(rows.map((row) => [row.client_id, row.payout_strategy]));
}

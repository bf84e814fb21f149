/** Whether a lease is still ours. Without a lock: the row itself is locked last, by what writes it. */
import type { Db } from '../db.ts';

const TEXT = `SELECT 1 AS held FROM intents WHERE key = $1 AND lease_token = $2 AND state = 'leased'`;

export async function holdsIntent(tx: Db, key: string, leaseToken: string): Promise<boolean> {
  const rows = await tx.query<{ held: number }>(TEXT, [key, leaseToken], 'intent_check');
  return rows.length === 1;
}

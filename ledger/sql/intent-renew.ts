/** Gives a lease its full time again just before the outside call; the guard of the first transaction. */
import type { Db } from '../db.ts';

const TEXT = `
UPDATE intents SET lease_until = $3 WHERE key = $1 AND lease_token = $2 AND state = 'leased' RETURNING 1 AS held`;

/** @returns false when somebody else leased it meanwhile */
export async function renewIntent(tx: Db, key: string, leaseToken: string, until: Date): Promise<boolean> {
  const rows = await tx.query<{ held: number }>(TEXT, [key, leaseToken, until], 'intent_renew');
  return rows.length === 1;
}

/** Balance of an account that is kept in one row, in minor units. */
import type { Db } from '../db.ts';

const SQL = 'SELECT balance::text AS balance FROM wallet_accounts WHERE account = $1 AND asset = $2';

export async function walletBalance(tx: Db, account: string, asset: string): Promise<bigint> {
  const [row] = await tx.query<{ balance: string }>(SQL, [account, asset], 'wallet_balance');
  if (!row) throw new Error(`there is no account ${account} in ${asset}`);
  return BigInt(row.balance);
}

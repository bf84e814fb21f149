/** Changes the accounts that are kept in one row; the table's CHECK refuses a balance below zero. */
import type { Db } from '../db.ts';

const SQL = `WITH x AS (SELECT * FROM json_to_recordset($1::json) AS x(account text, asset text, delta numeric)),
  locked AS (SELECT w.account, w.asset, x.delta FROM wallet_accounts w JOIN x USING (account, asset)
              ORDER BY w.account, w.asset FOR UPDATE OF w)
  UPDATE wallet_accounts w SET balance = w.balance + l.delta
    FROM locked l WHERE w.account = l.account AND w.asset = l.asset RETURNING w.account`;

/** @param deltas signed minor units by `account|asset` @throws Error when an account does not exist */
export async function applyWalletDeltas(tx: Db, deltas: ReadonlyMap<string, bigint>): Promise<void> {
  const rows = [...deltas]
    .filter(([, delta]) => delta !== 0n)
    .map(([key, delta]) => {
      const [account, asset] = key.split('|');
      return { account, asset, delta: delta.toString() };
    });
  if (rows.length === 0) return;
  const done = await tx.query(SQL, [JSON.stringify(rows)], 'apply_wallet_deltas');
  if (done.length !== rows.length)
    throw new Error(`unknown wallet account among ${[...deltas.keys()].join(', ')}`);
}

/** Changes the accounts that are kept in one row; the table's CHECK refuses a balance below zero. */
import type { WritePart } from './write-part.ts';

const text = (p: number) => `UPDATE wallet_accounts w SET balance = w.balance + l.delta
  FROM (SELECT a.account, a.asset, x.delta FROM wallet_accounts a
      JOIN json_to_recordset($${p}::json) AS x(account text, asset text, delta numeric) USING (account, asset)
     ORDER BY a.account, a.asset FOR UPDATE OF a) l
  WHERE l.account = w.account AND l.asset = w.asset RETURNING 1`;

/** @param deltas signed minor units by `account|asset`, none zero; an account that does not exist is an error */
export function walletDeltasPart(deltas: ReadonlyMap<string, bigint>): WritePart {
  const rows = [...deltas].map(([key, delta]) => {
    const [account, asset] = key.split('|');
    return { account, asset, delta: delta.toString() };
  });
  return { name: 'wallet_accounts', text, values: [JSON.stringify(rows)], expect: rows.length };
}

/** Keeps the latest result of each check. */
import type { Db } from '../db.ts';
import type { Check } from '../invariants.ts';

const SQL = `INSERT INTO checks (name, ok, difference, detail, checked_at)
  SELECT x.name, x.ok, x.difference, x.detail, $2::timestamptz
    FROM json_to_recordset($1::json) AS x(name text, ok boolean, difference text, detail text)
  ON CONFLICT (name) DO UPDATE SET ok = excluded.ok, difference = excluded.difference, detail = excluded.detail,
    checked_at = excluded.checked_at`;

export async function writeChecks(db: Db, checks: readonly Check[], at: Date): Promise<void> {
  await db.query(SQL, [JSON.stringify(checks), at]);
}

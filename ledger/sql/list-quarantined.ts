/** Parked records for people. */
import type { Db } from '../db.ts';
import { columnList, decodeRow } from '../table.ts';
import { type QuarantinedRow, quarantined } from '../tables.ts';

const LIST = `SELECT event_id::text AS id, at, reason, entity, detail, topic, part, source_offset::text AS "offset", attempt,
    redriven_at IS NOT NULL AS redriven FROM quarantined WHERE $1::boolean OR redriven_at IS NULL ORDER BY at, source_offset LIMIT 1000`;

export function listQuarantined(
  db: Db,
  all: boolean,
): Promise<Record<string, string | number | Date | boolean | null>[]> {
  return db.query(LIST, [all]);
}

/** @param id event id, or its beginning when that is unique */
export async function findQuarantined(db: Db, id: string): Promise<QuarantinedRow | undefined> {
  // Anything else would match by what is left of it.
  if (!/^[0-9a-f-]{1,36}$/.test(id)) return undefined;
  const rows = await db.query<Record<string, unknown>>(
    `SELECT ${columnList(quarantined)} FROM quarantined WHERE event_id::text LIKE $1::text || '%' LIMIT 2`,
    [id],
  );
  return rows.length === 1 ? decodeRow(quarantined, rows[0]!) : undefined;
}

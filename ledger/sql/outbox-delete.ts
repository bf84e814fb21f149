/** Removes exactly the rows that were published; by id, never by a cursor: an older id may be committed later. */
import type { Db } from '../db.ts';

const TEXT = 'DELETE FROM outbox WHERE id = ANY($1::bigint[])';

export async function deleteOutbox(db: Db, ids: readonly bigint[]): Promise<void> {
  await db.query(TEXT, [`{${ids.join(',')}}`], 'outbox_delete');
}

/** Creates intents or makes existing ones due sooner; a running one runs again (its revision moved). Parked stay parked. */
import type { Db } from '../db.ts';
import type { IntentWish } from '../work.ts';

const SQL = `WITH written AS (INSERT INTO intents AS i (key, kind, subject, state, due_at, created_at, revision)
    SELECT x.key, x.kind, x.subject, 'due', x.due_at, $2::timestamptz, 1
      FROM json_to_recordset($1::json) AS x(key text, kind text, subject text, due_at timestamptz) ORDER BY x.key
    ON CONFLICT (key) DO UPDATE SET
      revision = i.revision + 1,
      state = CASE WHEN i.state = 'done' THEN 'due' ELSE i.state END,
      attempt = CASE WHEN i.state = 'done' THEN 0 ELSE i.attempt END,
      polls = CASE WHEN i.state = 'done' THEN 0 ELSE i.polls END,
      due_at = CASE WHEN i.state = 'done' THEN excluded.due_at WHEN i.state = 'parked' THEN i.due_at
                    ELSE least(i.due_at, excluded.due_at) END
    RETURNING 1)
  SELECT pg_notify('intents', '') FROM (SELECT count(*) FROM written) w`;

export async function wakeIntents(tx: Db, wishes: readonly IntentWish[], now: Date): Promise<void> {
  if (wishes.length === 0) return;
  const json = JSON.stringify(
    wishes.map(({ key, kind, subject, dueAt }) => ({ key, kind, subject, due_at: dueAt })),
  );
  await tx.query(SQL, [json, now], 'wake_intents');
}

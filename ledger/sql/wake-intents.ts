/** Creates intents or makes existing ones due sooner; a running one runs again. Parked stay parked. */
import type { Db } from '../db.ts';
import type { IntentWish } from '../work.ts';
import { runParts, type WritePart } from './write-part.ts';

const text = (
  p: number,
) => `INSERT INTO intents AS i (key, kind, subject, state, due_at, created_at, revision)
    SELECT x.key, x.kind, x.subject, 'due', x.due_at, $${p + 1}::timestamptz, 1
      FROM json_to_recordset($${p}::json) AS x(key text, kind text, subject text, due_at timestamptz) ORDER BY x.key
    ON CONFLICT (key) DO UPDATE SET
      revision = i.revision + 1,
      state = CASE WHEN i.state = 'done' THEN 'due' ELSE i.state END,
      attempt = CASE WHEN i.state = 'done' THEN 0 ELSE i.attempt END,
      polls = CASE WHEN i.state = 'done' THEN 0 ELSE i.polls END,
      due_at = CASE WHEN i.state = 'done' THEN excluded.due_at WHEN i.state = 'parked' THEN i.due_at
                    ELSE least(i.due_at, excluded.due_at) END
    RETURNING 1`;

export const INTENTS_CHANNEL = 'intents';

export function intentsPart(wishes: readonly IntentWish[], now: Date): WritePart {
  const json = JSON.stringify(
    wishes.map(({ key, kind, subject, dueAt }) => ({ key, kind, subject, due_at: dueAt })),
  );
  return { name: 'intents', text, values: [json, now] };
}

export async function wakeIntents(tx: Db, wishes: readonly IntentWish[], now: Date): Promise<void> {
  if (wishes.length > 0) await runParts(tx, [intentsPart(wishes, now)], [INTENTS_CHANNEL]);
}

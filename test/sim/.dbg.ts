import { PgliteDatabase, WarmPglite } from './database.ts';
import { simulate } from './run.ts';

const [seed = '1', like = '%', ...sqls] = process.argv.slice(2);
const warm = await WarmPglite.open();
const r = await simulate(warm, { seed });
console.log(r.problems);
const db = new PgliteDatabase(warm);
for (const q of [
  `select payment_id, status, state, legs, outcome_amount, incoming, confirmed, receipt_due_at, receipt_failures, quarantined from payment_status where payment_id like '${like}'`,
  `select payment_id, leg, strategy, received, net, rate_id from payout_accumulation where payment_id like '${like}'`,
  `select kind, entity, detail from discrepancies where entity like '%${like}%'`,
  `select entity, reason, detail from quarantined where entity like '%${like}%'`,
  ...sqls,
])
  console.log(await db.query(q));
process.exit(0);

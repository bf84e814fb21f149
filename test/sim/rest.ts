/** Whether everything has come to rest; if not, what is still under way, for people. */
import { OLD_AFTER_MS } from '../../processors/settle/wiring-limits.ts';
import { LEDGER_ASSETS } from '../../schemas/assets.ts';
import { parseMoney } from '../../schemas/money.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { SIM_START } from './clock.ts';
import { MIN } from './providers/swap.ts';
import { RECURRING } from './setup.ts';
import type { World } from './world.ts';

/** @returns one line per thing that is not finished; empty at rest */
export async function unfinished(world: World): Promise<string[]> {
  const { plain, log, nowpayments } = world;
  const open: string[] = [];
  if (!nowpayments.isDone) open.push('webhooks are still under way');
  for (const [partition, { end }] of log.bounds(TOPIC.received)) {
    const at = log.reached('convert', partition);
    if (at < end) open.push(`convert stands at ${at} of ${end} in partition ${partition}`);
  }
  const positions = await plain.query<{ part: number; next_offset: bigint }>(
    "SELECT part, next_offset FROM consumer_position WHERE grp = 'accumulate'",
  );
  for (const [partition, { end }] of log.bounds(TOPIC.valued)) {
    const at = positions.find((row) => row.part === partition)?.next_offset ?? 0n;
    if (at < end) open.push(`accumulate stands at ${at} of ${end} in partition ${partition}`);
  }
  const listed = await plain.query<{ part: number; next_offset: bigint }>(
    "SELECT part, next_offset FROM consumer_position WHERE grp = 'reconcile'",
  );
  for (const [partition, { end }] of log.bounds(TOPIC.quarantine)) {
    const at = listed.find((row) => row.part === partition)?.next_offset ?? 0n;
    if (at < end) open.push(`reconcile stands at ${at} of ${end} in partition ${partition}`);
  }
  open.push(...(await lostWebhooks(world)));
  const [outbox] = await plain.query<{ n: number }>('SELECT count(*)::int AS n FROM outbox');
  if (outbox!.n > 0) open.push(`${outbox!.n} rows in the outbox`);
  open.push(...(await openIntents(world)), ...(await openEntities(world)));
  return world.chain.foreignUse.length > 0 ? afterForeignUse(world, open) : open;
}

/** @returns the virtual ms at which the product asks again about a minimum that was raised for a while; undefined: none was */
export async function raisedUntil({ plain }: World): Promise<number | undefined> {
  const [row] = await plain.query<{ at: Date | null }>(
    "SELECT max(at) AS at FROM pair_limits WHERE min_amount > CASE asset WHEN 'ETH' THEN $1::numeric ELSE $2 END",
    LEDGER_ASSETS.map((asset) => parseMoney(asset, MIN[asset]).minor),
  );
  return row?.at ? row.at.getTime() - SIM_START + OLD_AFTER_MS : undefined;
}

/** What goes out, which a halted wallet keeps waiting for a person. */
const OUTGOING = /^(intent (payout|conversion|transfer):|(payout|conversion|transfer) )/;
/** Of that, what still comes to its end; the rest only exchanges orders that grew too old. */
const MOVING = / is (signed|broadcast|funded|exchanging|refunded)\b/;
const HALTED_MS = 600_000;
const waiting = new WeakMap<World, { readonly lines: string; readonly since: number }>();

/** Somebody else has our key: what is under way ends where it can; then nothing of ours moves any more. */
function afterForeignUse(world: World, open: readonly string[]): string[] {
  const { elapsed } = world.engine.clock;
  const lines = open.filter((line) => OUTGOING.test(line) && MOVING.test(line)).join('\n');
  const before = waiting.get(world);
  if (before?.lines !== lines) waiting.set(world, { lines, since: elapsed });
  else if (elapsed - before.since >= HALTED_MS) return open.filter((line) => !OUTGOING.test(line));
  return [...open, 'the wallet may have been used by somebody else: not long enough ago'];
}

/** What no webhook brought is found by the last look; until then the payment stands where it stood. */
async function lostWebhooks({ plain, nowpayments, workload }: World): Promise<string[]> {
  if (nowpayments.lost.size === 0) return [];
  const rows = await plain.query<{ payment_id: string; status: string }>(
    'SELECT payment_id, status FROM payment_status',
  );
  const status = new Map(rows.map((row) => [row.payment_id, row.status]));
  return workload.payments
    .filter(({ script, isKept }) => nowpayments.lost.has(script.id) && isKept)
    .filter(({ script }) => status.get(script.id) !== script.steps.at(-1)!.status)
    .map(({ script }) => `payment ${script.id} is ${status.get(script.id)}, its last webhook never came`);
}

async function openIntents(world: World): Promise<string[]> {
  const rows = await world.plain.query<{
    key: string;
    kind: string;
    state: string;
    last_error: string | null;
  }>("SELECT key, kind, state, last_error FROM intents WHERE state <> 'done' ORDER BY key");
  return rows
    .filter((row) => !RECURRING.has(row.kind))
    .map((row) => `intent ${row.key} is ${row.state}${row.last_error ? `: ${row.last_error}` : ''}`);
}

/** What no rate can give a value waits for a person, who was told. */
const WORTHLESS = `SELECT 1 FROM discrepancies d WHERE d.kind = 'value_too_small'
  AND d.entity = 'payment:' || p.client_id || ':' || p.provider || ':' || p.payment_id`;

async function openEntities(world: World): Promise<string[]> {
  const rows = await world.plain.query<{ what: string }>(`
    SELECT 'payout ' || payout_id || ' of ' || amount || ' ' || asset || ' is ' || state || coalesce(' (' || reason || ')', '') AS what
      FROM payout_batches WHERE state NOT IN ('completed', 'cancelled')
    UNION ALL SELECT 'conversion ' || conversion_id || ' is ' || state || coalesce(' (' || reason || ')', '')
      FROM conversions WHERE state NOT IN ('completed', 'cancelled')
    UNION ALL SELECT 'transfer ' || transfer_id || ' is ' || state FROM transfers WHERE state IN ('chosen', 'signed', 'broadcast')
    UNION ALL SELECT 'payment ' || payment_id || ' is ' || state || ', confirmed ' || confirmed || ' of ' || incoming
      FROM payment_status p WHERE NOT quarantined AND (state IN ('unvalued', 'confirming') OR confirmed < incoming)
       AND NOT (state = 'unvalued' AND confirmed = incoming AND EXISTS (${WORTHLESS}))
    UNION ALL SELECT 'deposits are read up to block ' || w.cursor_block || ', a transfer ended in ' || t.last
      FROM wallets w, (SELECT max(block) AS last FROM transfers) t WHERE t.last > w.cursor_block
    ORDER BY 1`);
  return rows.map((row) => row.what);
}

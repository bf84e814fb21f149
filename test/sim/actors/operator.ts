/** A person: decides about payouts and conversions, lets refused work go on, brings gas. In the quiet phase, about all. */
import { isTrouble } from '../../../ledger/db-errors.ts';
import { capitalIn } from '../../../ledger/posting.ts';
import { unparkIntent } from '../../../ledger/sql/intent-unpark.ts';
import { write } from '../../../ledger/store.ts';
import { Work } from '../../../ledger/work.ts';
import { decideOn } from '../../../processors/split/operate.ts';
import { type Decision, DecisionRefused } from '../../../processors/swap/decisions.ts';
import type { PayoutState } from '../../../processors/swap/graph.ts';
import { policyOf } from '../../../processors/swap/policy.ts';
import { parseMoney } from '../../../schemas/money.ts';
import { intentBell } from '../bells.ts';
import { SETTINGS } from '../settings.ts';
import { CODEC, type World } from '../world.ts';

/** What may be decided in the middle, by state. */
const MAY: Readonly<Partial<Record<PayoutState, readonly Decision[]>>> = {
  requested: ['hold', 'cancel'],
  awaiting_approval: ['approve', 'approve', 'reject', 'hold', 'cancel'],
  awaiting_funds: ['hold', 'cancel'],
  ordered: ['hold', 'cancel'],
  funded: ['hold'],
  exchanging: ['hold'],
  failed: ['retry', 'cancel'],
  on_hold: ['release', 'release', 'cancel'],
};

/** What is decided in the end about whatever waits for a person. */
const AT_LAST: Readonly<Record<string, readonly Decision[]>> = {
  on_hold: ['release', 'cancel'],
  failed: ['retry'],
  awaiting_approval: ['approve', 'reject'],
};

const BETWEEN_MS = [2_000, 30_000] as const;
const GAS = parseMoney('ETH', '5');

interface Case {
  readonly kind: 'payout' | 'conversion';
  readonly id: string;
  readonly state: PayoutState;
}

export async function runOperator(world: World): Promise<void> {
  const { engine } = world;
  if (!engine.faults.strikes('operator')) return;
  const random = engine.faults.chanceOf('operator');
  const news = new Set([intentBell('payout'), intentBell('conversion')]);
  for (let left = random.int(5, 30); left > 0; left--) {
    await engine.sleep(random.int(...BETWEEN_MS), random.chance(0.5) ? (bell) => news.has(bell) : undefined);
    if (engine.faults.quiet) return;
    const open = await casesIn(world, Object.keys(MAY));
    const fresh = open.filter(({ state }) => state === 'requested');
    if (open.length === 0) continue;
    const chosen = random.pick(fresh.length > 0 ? fresh : open);
    await decide(world, chosen, random.pick(MAY[chosen.state]!));
  }
}

/** @returns how many decisions were made about what waits for a person */
export async function decideHeld(world: World): Promise<number> {
  const { plain, engine } = world;
  await bringGas(world);
  for (const { key } of await plain.query<{ key: string }>(
    'SELECT key FROM intents WHERE parked_at IS NOT NULL ORDER BY key',
  )) {
    await unparkIntent(plain, key, engine.clock.now());
    engine.note(`operator lets ${key} go on`);
  }
  const waiting = await casesIn(world, Object.keys(AT_LAST));
  for (const one of waiting)
    await decide({ ...world, db: plain }, one, engine.random.pick(AT_LAST[one.state]!));
  return waiting.length;
}

function casesIn({ plain }: World, states: readonly string[]): Promise<Case[]> {
  return plain.query<Case>(
    `SELECT 'payout' AS kind, payout_id::text AS id, state FROM payout_batches WHERE state = ANY($1::text[])
     UNION ALL SELECT 'conversion', conversion_id::text, state FROM conversions WHERE state = ANY($1::text[])
     ORDER BY 1, 2`,
    [states],
  );
}

async function decide(world: World, { kind, id }: Case, decision: Decision): Promise<void> {
  const { db, engine } = world;
  const policy = policyOf(SETTINGS, SETTINGS.HOST_WALLET_ADDRESS);
  try {
    await decideOn({ db, codec: CODEC, policy }, kind, id, decision, engine.clock.now());
    engine.note(`operator decides to ${decision} ${kind} ${id}`);
  } catch (error) {
    if (error instanceof DecisionRefused) engine.note(`operator may not ${decision}: ${error.message}`);
    else if (isTrouble(error)) engine.note(`operator does not know whether ${kind} ${id} is decided`);
    else throw error;
  }
}

/** What a world with hardly any gas lacked; once. */
async function bringGas({ plain, engine, chain }: World): Promise<void> {
  const cause = { kind: 'capital', id: 'gas' };
  const known = await plain.query(
    'SELECT 1 FROM gl_transfers WHERE cause_kind = $1 AND cause_id = $2 LIMIT 1',
    [cause.kind, cause.id],
  );
  if (engine.faults.on.every((name) => name !== 'gas-short') || known.length > 0) return;
  const work = new Work(engine.clock.now());
  work.post(cause, capitalIn('wallet:gas', GAS), { partition: 0 });
  await plain.transaction((tx) => write(tx, work, CODEC));
  chain.endow(SETTINGS.HOST_WALLET_ADDRESS, GAS.asset, GAS.minor);
  engine.note('operator brings gas');
}

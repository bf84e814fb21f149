/** A person: decides about payouts and conversions, lets refused work go on, brings gas. In the quiet phase, about all. */
import { redriveParked } from '../../../gateway/api/redrive-parked.ts';
import { isTrouble } from '../../../ledger/db-errors.ts';
import { capitalIn } from '../../../ledger/posting.ts';
import { unparkIntent } from '../../../ledger/sql/intent-unpark.ts';
import { write } from '../../../ledger/store.ts';
import { Work } from '../../../ledger/work.ts';
import { ReturnRefused, returnPayment } from '../../../processors/hostpay/return.ts';
import { decideOn } from '../../../processors/split/operate.ts';
import { type Decision, DecisionRefused } from '../../../processors/swap/decisions.ts';
import type { PayoutState } from '../../../processors/swap/graph.ts';
import { policyOf } from '../../../processors/swap/policy.ts';
import { parseMoney } from '../../../schemas/money.ts';
import { orderKeys } from '../../../schemas/order-mac.ts';
import { intentBell } from '../bells.ts';
import { GWEI } from '../providers/blocks.ts';
import type { Random } from '../random.ts';
import { ORDER_SECRET, SETTINGS } from '../settings.ts';
import { CODEC, type World } from '../world.ts';
import { registerLate } from './policy.ts';

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
  failed: ['retry', 'retry', 'cancel'],
  awaiting_approval: ['approve', 'reject'],
};

const POLICY = policyOf(SETTINGS, SETTINGS.HOST_WALLET_ADDRESS);
const ORDERS = orderKeys({ secret: ORDER_SECRET, legacy: false });
const BETWEEN_MS = [2_000, 30_000] as const;
const GAS = parseMoney('ETH', '5');

interface Case {
  readonly kind: 'payout' | 'conversion';
  readonly id: string;
  readonly state: PayoutState;
  readonly reason: string | null;
}

export async function runOperator(world: World): Promise<void> {
  const { engine } = world;
  if (!engine.faults.strikes('operator')) return;
  const random = engine.faults.chanceOf('operator');
  const news = new Set(['payout', 'conversion', 'transfer'].map(intentBell));
  for (let left = random.int(10, 40); left > 0; left--) {
    await engine.sleep(random.int(...BETWEEN_MS), random.chance(0.7) ? (bell) => news.has(bell) : undefined);
    if (engine.faults.quiet) return;
    if (random.chance(0.1)) await redrive(world);
    if (random.chance(0.2)) await sendBack(world);
    const chosen = chooseOf(await casesIn(world, Object.keys(MAY)), random);
    if (chosen) await decide(world, chosen, random.pick(MAY[chosen.state]!));
  }
}

/** What passes soon is often decided first; of the rest, what is seldom in sight as often as what is always there. */
function chooseOf(all: readonly Case[], random: Random): Case | undefined {
  // At the provider only what it holds itself can be held.
  const open = all.filter(({ state, reason }) => !AT_PROVIDER.has(state) || reason === 'provider_hold');
  if (open.length === 0) return undefined;
  const kinds = [...new Set(open.map(nameOf))];
  const passing = kinds.filter((name) => PASSING.test(name));
  const kind = random.pick(passing.length > 0 && random.chance(0.6) ? passing : kinds);
  return random.pick(open.filter((one) => nameOf(one) === kind));
}

const AT_PROVIDER: ReadonlySet<string> = new Set(['funded', 'exchanging']);
const PASSING = / (requested|ordered|funded|exchanging)$/;

function nameOf({ kind, state }: Case): string {
  return `${kind} ${state}`;
}

/** @returns how many decisions were made about what waits for a person */
export async function decideHeld(world: World): Promise<number> {
  const { plain, engine } = world;
  await bringGas(world);
  const isNew = await registerLate(world, plain);
  for (const { key } of await plain.query<{ key: string }>(
    'SELECT key FROM intents WHERE parked_at IS NOT NULL ORDER BY key',
  )) {
    await unparkIntent(plain, key, engine.clock.now());
    engine.note(`operator lets ${key} go on`);
  }
  const waiting = await casesIn(world, Object.keys(AT_LAST));
  for (const one of waiting)
    await decide({ ...world, db: plain }, one, engine.random.pick(AT_LAST[one.state]!));
  return waiting.length + (isNew ? 1 : 0);
}

/** A few of what is parked go back, with what stands behind them. */
async function redrive({ db, engine, clocks }: World): Promise<void> {
  const request = { filter: {}, max: 3, dryRun: false, orders: ORDERS };
  try {
    const done = await redriveParked({ db, codec: CODEC, now: () => clocks.now() }, request);
    engine.note(`operator redrives ${done.length} parked records`);
  } catch (error) {
    if (!isTrouble(error)) throw error;
    engine.note('operator does not know whether parked records went back');
  }
}

const REFUNDED = `SELECT client_id, provider, payment_id FROM payment_status WHERE status = 'refunded'
  AND state IN ('credited', 'unvalued') AND confirmed > 0 ORDER BY client_id, payment_id LIMIT 1`;
/** Where the provider wants coins that it has given back already. */
const SENDER = `0x${'5e'.repeat(20)}`;
const QUOTE = {
  gasLimit: 100_000n,
  maxFeePerGas: 30n * GWEI,
  maxPriorityFeePerGas: GWEI,
  baseFee: 10n * GWEI,
};

/** Coins of a payment that the provider called refunded when we had them go back by our own transfer. */
async function sendBack({ db, plain, engine }: World): Promise<void> {
  type Refunded = { client_id: bigint; provider: string; payment_id: string };
  const [row] = await plain.query<Refunded>(REFUNDED);
  if (!row) return;
  const { client_id: clientId, provider, payment_id: paymentId } = row;
  const request = { clientId, provider, paymentId, to: SENDER, quote: QUOTE };
  try {
    await returnPayment({ db, codec: CODEC, policy: POLICY }, request, engine.clock.now());
    engine.note(`operator sends payment ${paymentId} back`);
  } catch (error) {
    if (error instanceof ReturnRefused) engine.note(error.message);
    else if (isTrouble(error)) engine.note(`operator does not know whether payment ${paymentId} goes back`);
    else throw error;
  }
}

function casesIn({ plain }: World, states: readonly string[]): Promise<Case[]> {
  return plain.query<Case>(
    `SELECT 'payout' AS kind, payout_id::text AS id, state, reason FROM payout_batches WHERE state = ANY($1::text[])
     UNION ALL SELECT 'conversion', conversion_id::text, state, reason FROM conversions WHERE state = ANY($1::text[])
     ORDER BY 1, 2`,
    [states],
  );
}

async function decide(world: World, { kind, id }: Case, decision: Decision): Promise<void> {
  const { db, engine } = world;
  try {
    await decideOn({ db, codec: CODEC, policy: POLICY }, kind, id, decision, engine.clock.now());
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

/**
 * The reference scenario from registration to the last check: payments with everything that goes wrong in the world, then
 * patience until every expected payout has arrived, then every invariant.
 */
import type { Check } from '../../ledger/invariants.ts';
import { feeInForce } from '../../ledger/sql/fee-in-force.ts';
import { pause, until } from '../wait.ts';
import { conversionsBringLess, type Deliveries, deliveries, pay } from './control.ts';
import { viewLedger } from './ledger-view.ts';
import { type DemoOptions, expectationOf, planClients } from './plan.ts';
import type { Moment } from './progress.ts';
import { whatArrived } from './receipts.ts';
import { makeOrders, registerClient, untilPayable } from './register.ts';
import { type DemoResult, resultOf } from './result.ts';
import { explainStuck } from './stuck.ts';
import { type ClientVerdictInput, differences, unfinished } from './verdict.ts';
import type { DemoView } from './view.ts';
import type { World } from './world.ts';

export interface ScenarioDeps {
  readonly world: World;
  readonly show: DemoView;
  /** Every invariant, now. */
  readonly reconcile: () => Promise<Check[]>;
  /** Without any change for this long it has failed; 240,000 ms: polls of the swap provider grow to 60 s. */
  readonly patienceMs?: number;
}

/** Statuses that each payment goes through, each of them a webhook. */
const STATUSES = 5;
/** Of all webhooks. */
const SENT_TWICE = 0.2;
/** Pairs of forgeries per payment. */
const FORGED = 0.15;
const PATIENCE_MS = 240_000;
const LOOK_MS = 400;

type Cast = Moment['clients'];

/** Runs to the end or until nothing moves any more; what is wrong then stands in `problems`. */
export async function runScenario(deps: ScenarioDeps, options: DemoOptions): Promise<DemoResult> {
  const { world, show } = deps;
  const began = performance.now();
  const since = world.api.now();
  await conversionsBringLess(world.changenow);
  const cast = await prepare(deps, options);
  const before = await deliveries(world.nowpayments);
  const sent = await sendPayments(deps, cast);
  const seconds = () => (performance.now() - began) / 1000;
  const look = async (): Promise<Moment> => ({
    seconds: seconds(),
    clients: cast,
    view: await viewLedger(world.db, idsOf(cast), since),
    webhooks: minus(await deliveries(world.nowpayments), before),
    webhooksExpected: sent,
  });
  const last = await follow(deps, look);
  const problems = await judge(deps, cast, last);
  show.note('checking every invariant');
  const checks = await checkAll(deps.reconcile);
  show.close();
  const { view, webhooks } = last;
  return resultOf({ clients: cast, view, checks, webhooks, seconds: seconds(), problems });
}

async function prepare({ world, show }: ScenarioDeps, options: DemoOptions): Promise<Cast> {
  const planned = planClients(options);
  show.note(`registering ${planned.length} clients`);
  const feeBps = await feeInForce(world.db, world.api.now());
  const cast: Cast[number][] = [];
  for (const one of planned) {
    const client = await registerClient(world, one);
    cast.push({ client, expected: expectationOf(client, feeBps) });
  }
  show.note("waiting for a rate and the provider's limits");
  await untilPayable(world, planned);
  return cast;
}

/** @returns how many webhooks that is */
async function sendPayments({ world, show }: ScenarioDeps, cast: Cast): Promise<number> {
  show.note('making orders and invoices');
  const orders: string[] = [];
  for (const { client } of cast) orders.push(...(await makeOrders(world, client)));
  const payments = mixed(orders).map((orderId, index) => ({
    orderId,
    duplicates: SENT_TWICE,
    forge: FORGED,
    // Every other payment's webhooks arrive in any order, `finished` before `waiting` included.
    shuffle: index % 2 === 1,
    delayMs: 150 + (index % 7) * 50,
  }));
  await pay(world.nowpayments, payments);
  show.note('subscribers pay');
  const webhooks = payments.length * STATUSES;
  return webhooks + Math.floor(webhooks * SENT_TWICE + 1e-9);
}

/** Clients take turns, as in life, instead of one after the other. */
function mixed(orders: readonly string[]): string[] {
  const STRIDE = 7;
  return Array.from({ length: STRIDE }, (_, start) =>
    orders.filter((_, index) => index % STRIDE === start),
  ).flat();
}

/** Watches until all is done, or until nothing has changed for too long. */
async function follow(deps: ScenarioDeps, look: () => Promise<Moment>): Promise<Moment> {
  const patience = deps.patienceMs ?? PATIENCE_MS;
  let seen = '';
  let changedAt = performance.now();
  for (;;) {
    const moment = await look();
    deps.show.moment(moment);
    if (isDone(moment)) return moment;
    const now = fingerprint(moment);
    if (now !== seen) changedAt = performance.now();
    seen = now;
    if (performance.now() - changedAt > patience) return moment;
    await pause(LOOK_MS);
  }
}

function isDone({ clients, view, webhooks }: Moment): boolean {
  if (webhooks.pending > 0) return false;
  // Settled funds of earlier runs may pay this one; its own ETH is seen through all the same.
  const open = view.conversions.filter(({ state }) => state !== 'completed');
  if (view.conversions.length === 0 || open.length > 0) return false;
  return clients.every(({ client, expected }) => unfinished({ client, expected, view }).length === 0);
}

function fingerprint({ view, webhooks }: Moment): string {
  return JSON.stringify([view, webhooks], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

async function judge({ world }: ScenarioDeps, cast: Cast, moment: Moment): Promise<string[]> {
  const { view, webhooks } = moment;
  const clients = cast.map(({ client }) => client);
  const wrong: string[] = [];
  if (webhooks.forged_accepted > 0) wrong.push(`${webhooks.forged_accepted} forged webhooks were accepted`);
  if (webhooks.given_up > 0) wrong.push(`${webhooks.given_up} webhooks were never accepted`);
  const arrived = await whatArrived(world, clients);
  for (const [index, { client, expected }] of cast.entries()) {
    const input: ClientVerdictInput = { client, expected, view };
    wrong.push(...differences(input, arrived[index]!));
  }
  if (!isDone(moment)) wrong.push(...(await explainStuck(world, clients, view)));
  return wrong;
}

/** A check that could not be made yet (a scan that is behind, say) gets a little time; one that fails does not. */
async function checkAll(reconcile: () => Promise<Check[]>): Promise<Check[]> {
  let checks: Check[] = [];
  await until(
    async () => {
      checks = await reconcile();
      return checks.every(({ ok }) => ok !== null);
    },
    30_000,
    1_000,
  );
  return checks;
}

function idsOf(cast: Cast): string[] {
  return cast.map(({ client }) => client.id);
}

function minus(now: Deliveries, before: Deliveries): Deliveries {
  const entries = Object.entries(now).map(([name, value]) =>
    name === 'pending' ? [name, value] : [name, value - before[name as keyof Deliveries]],
  );
  return Object.fromEntries(entries) as Deliveries;
}

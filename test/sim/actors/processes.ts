/** The processes of the product and who starts them again; and the world around them, which never fails. */

import { isTrouble } from '../../../ledger/db-errors.ts';
import { cureKind, sweepKind } from '../../../processors/accumulate/recurring.ts';
import { transferKind } from '../../../processors/hostpay/wiring.ts';
import { depositsKind } from '../../../processors/hostpay/wiring-deposits.ts';
import { missedKind } from '../../../processors/reconcile/wiring-missed.ts';
import type { AnyEffectKind } from '../../../processors/runtime/intent-steps.ts';
import type { Next } from '../../../processors/runtime/schedule.ts';
import { Halted } from '../../../processors/runtime/takeover.ts';
import { limitsKind } from '../../../processors/settle/wiring-limits.ts';
import { partialKind } from '../../../processors/settle/wiring-partial.ts';
import { ratesKind } from '../../../processors/settle/wiring-rates.ts';
import { receiptsKind } from '../../../processors/settle/wiring-receipts.ts';
import { conversionKind, treasuryKind } from '../../../processors/settle/wiring-treasury.ts';
import { payoutKind } from '../../../processors/split/wiring.ts';
import { policyOf } from '../../../processors/swap/policy.ts';
import { orderKeys } from '../../../schemas/order-mac.ts';
import { TOPIC, TOPICS } from '../../../schemas/topology.ts';
import { checkLedger } from '../audit/own-checks.ts';
import { InvariantBroken } from '../audit/watch.ts';
import { SimProcess } from '../engine.ts';
import { linked, type Service } from '../links.ts';
import { PublishUnknown } from '../log.ts';
import { ORDER_SECRET, SETTINGS } from '../settings.ts';
import { LOOK_AGES } from '../setup.ts';
import { SIGNER } from '../signing.ts';
import { CODEC, type World } from '../world.ts';
import { runGateway, WEBHOOK, type Wire } from './gateway.ts';
import { Group } from './group.ts';
import { runOperator } from './operator.ts';
import { runLateClient, runOwners } from './policy.ts';
import { runAccumulate, runConvert, runList } from './processors.ts';
import { runRelay } from './relay.ts';
import { weatherOf } from './weather.ts';
import { runWorker } from './worker.ts';

type Body = (member: string) => Promise<never>;

interface Role {
  readonly name: string;
  readonly tasks: readonly Body[];
  readonly group?: Group;
}

/** Looks that find nothing come less often here than in the product: each costs a step and shows nothing new. */
const PACE_MS: Readonly<Record<string, number>> = {
  deposits: 30_000,
  receipts: 45_000,
  limits: 90_000,
  treasury: 40_000,
  transfer: 12_000,
  confirm: 20_000,
  missed: 60_000,
};

/** Deposits are seen before we look at what became of our own transfers. */
const LATE_PACE_MS = { transfer: 45_000, deposits: 10_000 };

function paced(kind: AnyEffectKind, paceMs: Readonly<Record<string, number>>): AnyEffectKind {
  const pace = paceMs[kind.kind];
  if (pace === undefined) return kind;
  // `soon` comes ever later by itself.
  const slower = (next: Next, now: Date): Next => {
    if (!('pollAt' in next) || next.pollAt === 'soon' || next.pollAt <= now) return next;
    return { ...next, pollAt: new Date(Math.max(next.pollAt.getTime(), now.getTime() + pace)) };
  };
  return {
    ...kind,
    plan: async (tx, intent, now) => {
      const planned = await kind.plan(tx, intent, now);
      return 'next' in planned ? { next: slower(planned.next, now) } : planned;
    },
    apply: async (tx, intent, call, outcome, now) =>
      slower(await kind.apply(tx, intent, call, outcome, now), now),
  };
}

/** The providers as the process that calls reaches them. */
function outsideOf({ engine, links, swap, market, nowpayments, chain, db, watch }: World) {
  const to = <T extends object>(target: T, service: Service): T =>
    linked(target, service, (what, given) => {
      watch.called(`${service} ${what}`, db.inTransaction);
      if (what === 'broadcast') watch.broadcast(String(given[0]));
      return links.of(engine.runs ?? '', service);
    });
  return {
    swap: to(swap, 'changenow'),
    prices: to(market, 'prices'),
    payments: to(nowpayments, 'nowpayments'),
    chain: to(chain, 'evm'),
  };
}

function settleKinds(world: World): AnyEffectKind[] {
  const { swap, prices, payments, chain } = outsideOf(world);
  const policy = policyOf(SETTINGS, SETTINGS.HOST_WALLET_ADDRESS);
  const shared = {
    codec: CODEC,
    policy,
    swap,
    prices,
    payments,
    chain,
    settings: SETTINGS,
    warn: () => undefined,
    elapsed: () => world.engine.clock.elapsed,
  };
  return [
    ratesKind(shared),
    limitsKind(shared),
    receiptsKind(shared),
    partialKind(shared),
    treasuryKind(shared),
    conversionKind(shared),
  ].map((kind) => paced(kind, PACE_MS));
}

function payoutKinds(world: World): AnyEffectKind[] {
  const { swap, chain } = outsideOf(world);
  const policy = policyOf(SETTINGS, SETTINGS.HOST_WALLET_ADDRESS);
  const shared = { codec: CODEC, policy, chain, swap, signer: SIGNER, warn: () => undefined };
  const paceMs = world.engine.faults.strikes('late-look') ? { ...PACE_MS, ...LATE_PACE_MS } : PACE_MS;
  return [payoutKind(shared), transferKind(shared), depositsKind(shared)].map((kind) => paced(kind, paceMs));
}

function reconcileKinds(world: World): AnyEffectKind[] {
  const { payments } = outsideOf(world);
  const orders = orderKeys({ secret: ORDER_SECRET, legacy: false });
  const told = { warn: () => undefined, onMissed: () => undefined, onCompared: () => undefined };
  const elapsed = () => world.engine.clock.elapsed;
  return [missedKind({ codec: CODEC, payments, orders, ages: LOOK_AGES, elapsed, ...told })].map((kind) =>
    paced(kind, PACE_MS),
  );
}

function rolesOf(world: World, wire: Wire): Role[] {
  const { engine, db } = world;
  const all = Array.from({ length: TOPICS[TOPIC.valued].partitions }, (_, partition) => partition);
  const [converts, accumulates, lists] = [1, 2, 3].map(() => new Group(engine.random, all));
  const recurring = { db, codec: CODEC, clock: world.clocks, settings: SETTINGS };
  const sweeping = [sweepKind(recurring), cureKind(recurring)];
  const [settling, paying, finding] = [settleKinds(world), payoutKinds(world), reconcileKinds(world)];
  const members = (name: string, group: Group, run: typeof runConvert): Role[] =>
    ['a', 'b', 'c'].map((id) => ({
      name: `${name}-${id}`,
      group,
      tasks: [(member) => run(world, group, member)],
    }));
  const worker =
    (kinds: readonly AnyEffectKind[]): Body =>
    () =>
      runWorker(world, kinds);
  return [
    { name: 'gateway', tasks: [() => runGateway(world, wire), () => runGateway(world, wire)] },
    ...members('convert', converts!, runConvert),
    ...members('accumulate', accumulates!, runAccumulate),
    { name: 'relay-a', tasks: [(member) => runRelay(world, member)] },
    { name: 'relay-b', tasks: [(member) => runRelay(world, member)] },
    { name: 'relay-c', tasks: [(member) => runRelay(world, member)] },
    { name: 'sweep', tasks: [worker(sweeping)] },
    { name: 'settle', tasks: [worker(settling)] },
    { name: 'payout-a', tasks: [worker(paying), worker(paying)] },
    { name: 'payout-b', tasks: [worker(paying)] },
    {
      name: 'reconcile',
      group: lists!,
      tasks: [(member) => runList(world, lists!, member), worker(finding)],
    },
  ];
}

/** Starts everything; a process that dies is started again after a while, as its supervisor does. */
export function startProcesses(world: World, wire: Wire): void {
  const { engine } = world;
  const roles = new Map<SimProcess, Role>();
  let starts = 0;
  const start = (role: Role, afterMs: number): void => {
    starts += 1;
    const process = new SimProcess(role.name);
    const member = `${role.name}.${starts}`;
    roles.set(process, role);
    role.tasks.forEach((task, index) => {
      engine.spawn(process, `${role.name}${role.tasks.length > 1 ? `.${index}` : ''}`, async () => {
        await engine.sleep(afterMs);
        if (index === 0) role.group?.join(member);
        await task(member);
      });
    });
    names.set(process, member);
  };
  const names = new Map<SimProcess, string>();
  engine.onDeath = (process, error) => {
    const role = roles.get(process);
    if (!role) return;
    role.group?.leave(names.get(process)!);
    if (error && !isExit(world, error)) engine.fail(error);
    start(role, engine.random.int(500, 8_000));
  };
  const all = rolesOf(world, wire);
  for (const role of all) start(role, 0);
  for (const { name, run } of weatherOf(
    world,
    // Looks for missed webhooks come within minutes here, after days in the product: no jump of a clock matters to those.
    all.map((role) => role.name).filter((name) => name !== 'reconcile'),
  )) {
    engine.spawn(new SimProcess('world'), name, run);
  }
  engine.spawn(new SimProcess('owners'), 'owners', () => runOwners(world));
  engine.spawn(new SimProcess('owners'), 'late client', () => runLateClient(world));
  engine.spawn(new SimProcess('operator'), 'operator', () => runOperator(world));
  engine.spawn(new SimProcess('world'), 'checks', () => checkNowAndThen(world));
  startWorld(world, wire);
}

const CHECK_MS = [60_000, 130_000] as const;

/** The ledger's own checks while everything is under way: they hold after every commit. */
async function checkNowAndThen(world: World): Promise<void> {
  const { engine } = world;
  while (!engine.faults.quiet) {
    await engine.sleep(engine.random.int(...CHECK_MS));
    const problems = await checkLedger(world);
    if (problems.length > 0) engine.fail(new InvariantBroken(problems.join('\n')));
  }
}

/** Errors with which a process may end: its supervisor starts it again. */
function isExit({ engine }: World, error: Error): boolean {
  if (isTrouble(error) || error instanceof PublishUnknown) return true;
  // One that goes on with an old assignment finds the log gone on; whoever has the partition now does not.
  return (
    error instanceof Halted && error.reason === 'position_outside_log' && engine.faults.of('retention') > 0
  );
}

const BLOCK_MS = 3_000;
const PRICE_MS = 30_000;

function startWorld(world: World, wire: Wire): void {
  const { engine, chain, swap, nowpayments, market } = world;
  const outside = new SimProcess('world');
  engine.spawn(outside, 'world', async () => {
    for (let pricedAt = 0; ; ) {
      nowpayments.tick();
      chain.mine();
      swap.tick();
      if (engine.clock.elapsed - pricedAt > PRICE_MS) {
        market.tick();
        pricedAt = engine.clock.elapsed;
      }
      const due = engine.random.shuffled(nowpayments.due());
      wire.waiting.push(...due);
      if (due.length > 0) engine.ring(WEBHOOK);
      await engine.sleep(BLOCK_MS);
    }
  });
}

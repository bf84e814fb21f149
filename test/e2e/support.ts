/** What the e2e files share: the running stack as a user and an operator see it, and waiting for a condition. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inject } from 'vitest';
import { createKafka } from '../../processors/runtime/kafka.ts';
import { createLogger } from '../../processors/runtime/logger.ts';
import { openSchemas } from '../../processors/runtime/parts.ts';
import { readTopic } from '../../processors/runtime/read-topic.ts';
import { runCommand } from '../../sandbox/command.ts';
import { pay, type SimulatedPayment } from '../../sandbox/demo/control.ts';
import { type LedgerView, viewLedger } from '../../sandbox/demo/ledger-view.ts';
import { expectationOf, type PlannedClient } from '../../sandbox/demo/plan.ts';
import { whatArrived } from '../../sandbox/demo/receipts.ts';
import {
  makeOrders,
  type RegisteredClient,
  registerClient,
  untilPayable,
} from '../../sandbox/demo/register.ts';
import { differences, unfinished } from '../../sandbox/demo/verdict.ts';
import { DEMO_NEEDS, openWorld, type World } from '../../sandbox/demo/world.ts';
import { homeLayout } from '../../sandbox/home.ts';
import { CHECKOUT } from '../../sandbox/instance.ts';
import { readState, type ServiceState } from '../../sandbox/state.ts';
import { pause } from '../../sandbox/wait.ts';
import type { TopicValues } from '../../schemas/events.ts';
import { readSettings } from '../../schemas/settings.ts';

const stack = inject('stack');
const FEE_BPS = 300;

export const gateway = stack.env.PUBLIC_URL!;
export const prices = stack.env.PRICE_FEED_URL!;
export const hostWallet = stack.env.HOST_WALLET_ADDRESS!;

export function openTestWorld(): Promise<World> {
  return openWorld(readSettings(stack.env, DEMO_NEEDS, (path) => readFileSync(path, 'utf8')));
}

/** Runs a `spillway` command as an operator would. */
export async function spillway(...args: string[]): Promise<{ code: number | null; output: string }> {
  const env = { ...stack.env, SPILLWAY_HOME: stack.home };
  return runCommand(process.execPath, [`${CHECKOUT}/bin/spillway.ts`, ...args], { cwd: CHECKOUT, env });
}

/** @returns what the condition returned once it is neither false, null nor undefined */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | false | null | undefined>,
  limitMs = 120_000,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value;
    if (performance.now() > end) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await pause(150);
  }
}

export interface Plan extends Omit<PlannedClient, 'title' | 'network'> {
  readonly network?: string;
}

/** A new client whose pair is known to the provider, so that thresholds are seen at the payment that crosses. */
export async function newClient(world: World, plan: Plan): Promise<RegisteredClient> {
  const title = `${plan.currency} at ${plan.thresholdUsd ?? 'once'}`;
  const client = await registerClient(world, { network: plan.currency, ...plan, title });
  await untilPayable(world, [client]);
  return client;
}

/** Pays `count` times $50 over orders of their own. @param manner fields of `POST /_control/pay` */
export async function payFor(
  world: World,
  client: RegisteredClient,
  count: number,
  manner: Readonly<Record<string, unknown>> = {},
): Promise<SimulatedPayment[]> {
  const orders = await makeOrders(world, { ...client, payments: count });
  return pay(
    world.nowpayments,
    orders.map((orderId) => ({ orderId, ...manner })),
  );
}

const LONG_AGO = new Date(0);

export function view(world: World, ...clients: RegisteredClient[]): Promise<LedgerView> {
  return viewLedger(
    world.db,
    clients.map(({ id }) => id),
    LONG_AGO,
  );
}

/** Waits until every payment is credited and every payout that follows from them has arrived. */
export async function untilPaid(world: World, ...clients: RegisteredClient[]): Promise<LedgerView> {
  let open: string[] = [];
  try {
    return await eventually(
      'everything paid',
      async () => {
        const now = await view(world, ...clients);
        open = clients.flatMap((client) =>
          unfinished({ client, expected: expectationOf(client, FEE_BPS), view: now }),
        );
        return open.length === 0 ? now : null;
      },
      240_000,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}; ${open.join('; ')}`);
  }
}

/** Everything in which ledger, provider's book and chain differ from the plan, to the last unit. */
export async function allDifferences(world: World, clients: readonly RegisteredClient[]): Promise<string[]> {
  const now = await view(world, ...clients);
  const arrived = await whatArrived(world, clients);
  return clients.flatMap((client, index) =>
    differences({ client, expected: expectationOf(client, FEE_BPS), view: now }, arrived[index]!),
  );
}

/** Posts a webhook to the real gateway. @returns the HTTP status */
export async function postIpn(raw: string, signature: string): Promise<number> {
  const response = await fetch(`${gateway}/webhooks/nowpayments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-nowpayments-sig': signature },
    body: raw,
  });
  await response.arrayBuffer();
  return response.status;
}

export function sign(raw: string, secret = stack.env.NOWPAYMENTS_IPN_SECRET!): string {
  return createHmac('sha512', secret).update(raw).digest('hex');
}

/** Everything that a topic has for one key, in order. */
export async function recordsOf<T extends keyof TopicValues>(
  world: World,
  topic: T,
  key: string,
): Promise<TopicValues[T][]> {
  const { codec } = await openSchemas(world.settings);
  const log = createLogger({ role: 'e2e', level: 'silent' });
  const found: TopicValues[T][] = [];
  await readTopic({
    kafka: createKafka({ brokers: stack.env.KAFKA_BROKERS!.split(','), clientId: 'e2e', log }),
    topic,
    groupId: `e2e-${process.pid}-${performance.now()}`,
    onBatch: (_, records) => {
      for (const record of records) {
        if (record.key?.toString() === key && record.value) found.push(codec.decode(topic, record.value));
      }
    },
  });
  return found;
}

export function service(name: string): ServiceState {
  const found = readState(homeLayout(stack.home).state)?.services.find((one) => one.name === name);
  if (!found) throw new Error(`there is no service ${name}`);
  return found;
}

/** kill -9, and back: resolves when the supervisor has another process of it ready. */
export async function killRole(name: string): Promise<void> {
  const before = service(name);
  process.kill(before.process!.pid, 'SIGKILL');
  await eventually(
    `${name} is back`,
    async () => {
      const now = service(name);
      return now.restarts > before.restarts && now.status === 'ready';
    },
    60_000,
  );
}

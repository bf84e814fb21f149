/**
 * The whole embedded stack: servers, schema, topics, simulators, the development chain's money, roles. Used by `up`,
 * by the demo and by tests, each with a home of its own.
 */
import { ROLE_NAMES, type RoleName } from '../schemas/topology.ts';
import { publishAddresses, unlinkAddresses } from './addresses.ts';
import { bookGas, GAS_ETH } from './capital.ts';
import { defined, type Embeddable, embedded, isConfigured, usableSecrets } from './environment.ts';
import { formatEnv, remove, writeWhole } from './files.ts';
import { homeLayout, makeHome } from './home.ts';
import { IS_ROOT, ownPaths, type StackAddresses } from './instance.ts';
import { takeLock } from './lock.ts';
import { openPortBook } from './port-book.ts';
import type { ServiceSpec } from './process.ts';
import { roleSpec, runOwnCommand, simulatorSpec } from './programs.ts';
import { developmentSecrets } from './secrets.ts';
import { type ServerContext, type StartedServers, startServers } from './servers.ts';
import type { ServiceState } from './state.ts';
import { createSupervisor, type StackEvent, type Supervisor, stopLeftovers } from './supervisor.ts';

export type { StackEvent } from './supervisor.ts';

export interface StackOptions {
  /** Folder of this instance; made if needed. */
  readonly home: string;
  /** Download cache; default: the shared one of this user. */
  readonly cache?: string;
  /** Fresh data, free ports, no fsync; the data is removed at the end. */
  readonly ephemeral?: boolean;
  /** False: everything but the roles. */
  readonly roles?: boolean;
  /** Just these servers, empty: no schema, topics, simulators or roles. */
  readonly only?: readonly Embeddable[];
  /** Settings over those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Point `.spillway/` of the checkout at this instance. */
  readonly link?: boolean;
  readonly onEvent?: (event: StackEvent) => void;
  /** For tests that kill roles all the time: settings of each single start, and restarts without back-off. */
  readonly killing?: KilledRoles;
  /** Stops the start where it is. */
  readonly signal?: AbortSignal;
}

export interface KilledRoles {
  readonly envOfStart: (role: RoleName) => Readonly<Record<string, string>>;
  readonly restartAfter_ms: number;
}

export interface Stack {
  readonly addresses: StackAddresses;
  /** Every setting that the roles got, secrets included. */
  readonly env: Readonly<Record<string, string>>;
  service(name: string): ServiceState;
  services(): ServiceState[];
  /** Sends a signal to a role or server; it is restarted if it ends. */
  kill(name: string, signal: NodeJS.Signals): void;
  /** Starts another process of a role under a service name of its own; resolves when it is ready. */
  launchSecond(role: RoleName, name: string): Promise<void>;
  /** Stops one service for good. */
  stopService(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Another process already runs this instance. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning';
}

interface Context extends ServerContext {
  readonly options: StackOptions;
  readonly env: Record<string, string>;
}

/**
 * Starts everything and resolves when every role is ready.
 * @throws AlreadyRunning, or one line that names the part that failed; what was started is stopped then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  makeHome(options.home, IS_ROOT);
  const layout = homeLayout(options.home);
  const lock = takeLock(layout.lock);
  if (!lock.held) throw new AlreadyRunning(`process ${lock.owner.pid} already runs ${options.home}`);
  const onEvent = options.onEvent ?? (() => undefined);
  const note = (text: string) => onEvent({ kind: 'note', text });
  let supervisor: Supervisor | null = null;
  let roleChanged: () => void = () => undefined;
  const stop = async () => {
    roleChanged = () => undefined;
    await supervisor?.stop();
    remove(layout.stack);
    remove(layout.settings);
    if (options.link) unlinkAddresses(layout);
    if (options.ephemeral) remove(layout.data);
    lock.release();
  };
  try {
    const left = await stopLeftovers(options.home);
    if (left.length > 0) note(`stopped what an earlier run left: ${left.join(', ')}`);
    if (options.ephemeral) remove(layout.data);
    supervisor = createSupervisor(options.home, options.ephemeral ?? false, (event) => {
      if (event.kind === 'service' && event.service.kind === 'role') roleChanged();
      onEvent(event);
    });
    options.signal?.addEventListener('abort', () => void supervisor?.stop().catch(() => undefined), {
      once: true,
    });
    const stack = await bringUp(options, supervisor, note, stop);
    // From here on a restarted role has another pid, which stack.json shows.
    roleChanged = () => void stack.addresses;
    return stack;
  } catch (error) {
    await stop();
    if (options.signal?.aborted) throw new Error('stopped before everything was ready');
    throw error;
  }
}

async function bringUp(
  options: StackOptions,
  supervisor: Supervisor,
  note: (text: string) => void,
  stop: () => Promise<void>,
): Promise<Stack> {
  const layout = homeLayout(options.home);
  const ephemeral = options.ephemeral ?? false;
  const cache = options.cache ?? ownPaths().cache;
  const port = openPortBook(layout.ports, ephemeral);
  const given = { ...defined(process.env), ...options.env };
  const env: Record<string, string> = {
    ...given,
    ...usableSecrets(given, developmentSecrets(layout.secrets)),
    // Node keeps the stripped form of our TypeScript there, which halves the start of each role.
    NODE_COMPILE_CACHE: given.NODE_COMPILE_CACHE ?? `${cache}/compiled`,
  };
  const context: Context = { home: options.home, cache, ephemeral, supervisor, port, note, options, env };
  const wanted = options.only ? new Set(options.only) : embedded(given);
  const servers = startServers(context, wanted);
  if (options.only) await collect(context, Object.values(servers));
  const fundingTx = options.only ? null : await prepare(context, wanted, servers, given);
  const publish = () => publishAddresses(layout, env, supervisor.states(), options.link ?? false);
  publish();
  if (!options.only && options.roles !== false) {
    await startRoles(context);
    if (fundingTx !== null) await bookGas(options.home, fundingTx, env);
  }
  supervisor.markReady();
  return {
    get addresses() {
      return publish();
    },
    env,
    service: (name) => supervisor.service(name).state(),
    services: () => supervisor.states(),
    kill: (name, signal) => supervisor.service(name).kill(signal),
    async launchSecond(role, name) {
      const metricsPort = await port(`${name}-metrics`);
      await supervisor.launch(roleSpec({ role, name, home: options.home, port: metricsPort, env }));
    },
    stopService: (name) => supervisor.service(name).stop(),
    stop,
  };
}

/** Waits for servers and takes their settings over; the first failure is thrown once all have settled. */
async function collect(context: Context, started: readonly Promise<Record<string, string>>[]): Promise<void> {
  for (const result of await Promise.allSettled(started)) {
    if (result.status === 'rejected') throw result.reason;
    Object.assign(context.env, result.value);
  }
}

async function prepare(
  context: Context,
  wanted: ReadonlySet<Embeddable>,
  servers: StartedServers,
  given: Readonly<Record<string, string>>,
): Promise<string | null> {
  const { env, note } = context;
  const database = collect(context, [servers.postgres]).then(async () => {
    note('bringing the database schema up to date');
    await runOwnCommand(['migrate', 'up'], env);
  });
  const topics = collect(context, [servers.kafka, servers.registry]).then(async () => {
    note('creating topics and schemas');
    await runOwnCommand(['topics', 'apply'], env);
  });
  const simulators = collect(context, [servers.chain]).then(async () => {
    const fundingTx = await prepareMoney(context, given);
    await startSimulators(context, wanted);
    return fundingTx;
  });
  const results = await Promise.allSettled([database, topics, simulators]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return await simulators;
}

/** @returns the transaction that gave the host wallet its gas; null on a chain that is not ours */
async function prepareMoney(
  context: Context,
  given: Readonly<Record<string, string>>,
): Promise<string | null> {
  const { env, note } = context;
  if (!isConfigured(given, 'HOST_WALLET_ADDRESS') && env.HOST_WALLET_KEY) {
    const { addressOfKey } = await import('../providers/evm/wallet.ts');
    env.HOST_WALLET_ADDRESS = addressOfKey(env.HOST_WALLET_KEY);
  }
  // A contract that is set belongs to a chain that is not ours to prepare.
  if (isConfigured(given, 'USDT_CONTRACT')) return null;
  const rpcUrl = env.EVM_RPC_URLS?.split(',')[0];
  if (!rpcUrl || !env.HOST_WALLET_ADDRESS) {
    throw new Error('USDT_CONTRACT is missing: set it together with EVM_RPC_URLS and HOST_WALLET_ADDRESS');
  }
  note('preparing the development chain');
  const { prepareChain } = await import('./chain-setup.ts');
  const prepared = await prepareChain({
    rpcUrl: rpcUrl.trim(),
    hostAddress: env.HOST_WALLET_ADDRESS,
    gasEth: GAS_ETH,
  });
  env.USDT_CONTRACT = prepared.usdtContract;
  if (!isConfigured(given, 'PAYOUT_DAILY_MAX_USD') && !isConfigured(given, 'PAYOUT_MONTHLY_MAX_USD')) {
    // Play money: some demos a day are more than the limits of a real platform let through without approval.
    env.PAYOUT_DAILY_MAX_USD = '10000000';
    env.PAYOUT_MONTHLY_MAX_USD = '100000000';
  }
  return prepared.fundingTx;
}

async function startSimulators(context: Context, wanted: ReadonlySet<Embeddable>): Promise<void> {
  const { env, home, supervisor } = context;
  const settings = {
    prices: 'PRICE_FEED_URL',
    nowpayments: 'NOWPAYMENTS_API_URL',
    changenow: 'CHANGENOW_API_URL',
  };
  const names = (Object.keys(settings) as (keyof typeof settings)[]).filter((name) => wanted.has(name));
  const ports = new Map<string, number>();
  for (const name of names) {
    const port = await context.port(name);
    ports.set(name, port);
    env[settings[name]] = `http://127.0.0.1:${port}`;
  }
  // The provider's side never sees our wallet key.
  const { HOST_WALLET_KEY: _, ...shown } = env;
  await Promise.all(
    names.map((name) => supervisor.launch(simulatorSpec({ name, home, port: ports.get(name)!, env: shown }))),
  );
}

async function startRoles(context: Context): Promise<void> {
  const { env, home, supervisor, options } = context;
  const layout = homeLayout(home);
  const { killing } = options;
  env.GATEWAY_PORT ??= String(await context.port('gateway'));
  env.PUBLIC_URL ??= `http://127.0.0.1:${env.GATEWAY_PORT}`;
  writeWhole(layout.settings, formatEnv(ownSettings(env)), 0o600);
  await Promise.all(
    ROLE_NAMES.map(async (name) => {
      const port = await context.port(`${name}-metrics`);
      const spec = roleSpec({ role: name, name, home, port, env });
      await supervisor.launch(killing ? killedSpec(spec, name, killing) : spec);
    }),
  );
}

function killedSpec(spec: ServiceSpec, role: RoleName, killing: KilledRoles): ServiceSpec {
  const { restartAfter_ms, envOfStart } = killing;
  return { ...spec, restartAfter_ms, envOfStart: () => envOfStart(role) };
}

/** Settings that this process did not have from outside: what another command needs to talk to this stack. */
function ownSettings(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => process.env[name] !== value));
}
